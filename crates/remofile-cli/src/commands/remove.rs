//! `remofile remove`

use super::counting::Counting;
use super::foretell_removal::foretell_removal;
use super::{Context, begun, expand, paths};
use crate::args::Remove;
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::{self, Presentation, Working, json, summary};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::{Error, Removed};

pub(super) fn run(remove: &Remove, context: Context) -> Result<Exit> {
    let json = remove.connection.json;
    let arguments = match paths_are_older_form(&remove.paths) {
        true => remove.paths.clone(),
        false => paths::confirmed(&remove.paths, json, |paths| format!("remove {}", paths.join(" and ")))?,
    };
    let paths = paths_of(&arguments)?;
    let presentation = Presentation { json: remove.connection.json };
    let tells = context.verbose > 0 && !json;
    let mut client = context.connect_interruptible(&remove.connection, None)?;
    let mut are_many = paths.len() > 1;
    let (mut failures, mut some_done) = (Vec::new(), false);
    let mut fail = |failure: Failure, are_many: bool| match failure.code {
        ErrorCode::NotFound | ErrorCode::NoMatch if remove.force => Ok(()),
        _ if are_many => {
            presentation.show_file(&failure);
            failures.push(failure);
            Ok(())
        }
        _ => Err(Failed::from(Error::Remote(failure))),
    };
    let paths = expand::expand_each(&mut client, paths, &mut |failure| fail(failure, are_many))?;
    if remove.dry_run {
        return foretell_removal(&mut client, &paths, remove, failures);
    }
    are_many |= paths.len() > 1;
    let mut total = Removed::default();
    let working = Working::begin(json, &removing(&paths));
    let _counting = remove.recursive.then(|| Counting::of_removal(&client, &working, &paths));
    let (mut stopped, mut gone) = (None, Vec::new());
    let asked = client.remove_each(&paths, remove.recursive, &mut |number, outcome| {
        let Some(path) = paths.get(number) else { return };
        match outcome {
            Ok(removed) => {
                gone.push(path);
                total.files += removed.files;
                total.directories += removed.directories;
                if tells {
                    output::note(&format!("removed {path}"));
                }
            }
            Err(Error::Remote(failure)) => {
                let is_partly_done = remove.recursive && may_be_partly_done(&failure, path);
                some_done |= is_partly_done;
                if let Err(failed) = fail(failure, are_many || is_partly_done) {
                    stopped.get_or_insert(failed);
                }
            }
            Err(error) => drop(stopped.get_or_insert(error.into())),
        }
    });
    gone.iter().for_each(|path| begun::forget_at(&client, path));
    if asked.is_err() && !gone.is_empty() && !json {
        output::note(&summary::so_far(gone.len(), paths.len(), "removed"));
    }
    asked?;
    if let Some(failed) = stopped {
        return Err(failed);
    }
    let done = gone.len() as u64;
    if remove.connection.json {
        output::data(&format!("{}\n", json::removed(total, &failures)))?;
    } else {
        summary::of_paths(&failures, done).iter().for_each(|line| output::note(line));
    }
    Ok(Exit::of_parts(some_done || done > 0, FailedParts::of(&failures)))
}

/// Reports whether some of a tree may be gone whose removal failed: what failed is below its top, or the server has more to say
/// of it than the reason. A server that has lost its coordinator says that nothing was done, and a token without the right has
/// removed nothing of it.
fn may_be_partly_done(failure: &Failure, tree: &RemotePath) -> bool {
    if failure.code == ErrorCode::CoordinatorLost || failure.rights.is_some() {
        return false;
    }
    let below = failure.path.as_deref().and_then(|path| path.strip_prefix(tree.as_str()));
    below.is_some_and(|below| below.starts_with('/')) || failure.detail.is_some()
}

fn removing(paths: &[RemotePath]) -> String {
    match paths {
        [path] => format!("removing {path}"),
        _ => format!("removing {} paths", paths.len()),
    }
}

/// Reports whether the arguments are a name in a directory.
fn paths_are_older_form(arguments: &[String]) -> bool {
    matches!(arguments, [name, directory] if !name.starts_with('/') && directory.starts_with('/'))
}

/// The paths to remove. Two arguments, the first relative and the second absolute, are the older form:
/// a name in a directory.
fn paths_of(arguments: &[String]) -> Result<Vec<RemotePath>> {
    let paths = match arguments {
        [name, directory] if paths_are_older_form(arguments) => vec![paths::new_path(name, Some(directory))?],
        _ => arguments.iter().map(|path| paths::absolute(path)).collect::<Result<_>>()?,
    };
    if paths.iter().any(RemotePath::is_root) {
        return Err(Failed::usage("the root directory itself cannot be removed: name what is in it"));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::handshake::Rights;

    fn texts(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        paths_of(&arguments).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_older_form_is_a_relative_name_and_an_absolute_directory() {
        assert_eq!(texts(&["bar", "/foo"]), ["/foo/bar"]);
        assert_eq!(texts(&["bar", "/"]), ["/bar"]);
        assert_eq!(texts(&["/foo/bar"]), ["/foo/bar"]);
        assert_eq!(texts(&["/foo", "/bar"]), ["/foo", "/bar"]);
        assert_eq!(texts(&["/foo", "/bar", "/baz"]), ["/foo", "/bar", "/baz"]);
    }

    #[test]
    fn a_relative_path_is_refused_and_the_absolute_one_named() {
        for arguments in [&["foo"][..], &["foo", "bar"], &["foo", "/bar", "/baz"]] {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let message = paths_of(&arguments).unwrap_err().message();
            assert!(message.contains("write '/foo'"), "{message}");
        }
    }

    #[test]
    fn the_root_directory_cannot_be_removed() {
        assert!(matches!(paths_of(&["/".into()]), Err(Failed::Usage(_))));
        assert!(matches!(paths_of(&["/a".into(), "/".into()]), Err(Failed::Usage(_))));
    }

    #[test]
    fn a_tree_may_be_partly_removed_unless_it_failed_at_its_beginning() {
        let tree = RemotePath::parse("/a/b").unwrap();
        let failure = |path: &str| Failure::new(ErrorCode::PermissionDenied).at(path);
        assert!(may_be_partly_done(&failure("/a/b/c"), &tree));
        assert!(may_be_partly_done(&failure("/a/b").because("of the tree, 1 file and 0 directories are gone"), &tree));
        let not_begun = Failure::new(ErrorCode::CoordinatorLost).at("/a/b").because("it cannot be reached");
        // Over protocol 1 the refusal is about the first entry of the tree.
        let denied =
            Failure { rights: Some(Rights::of(&[])), ..failure("/a/b/c").because("it has no right to remove") };
        for whole in [failure("/a/b"), failure("/a/bc"), failure("/a"), not_begun, denied] {
            assert!(!may_be_partly_done(&whole, &tree), "{whole:?}");
        }
    }
}
