//! `remofile remove`

use super::{Context, paths};
use crate::args::Remove;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{self, Presentation, json};
use remofile::protocol::path::RemotePath;
use remofile::{Error, Removed};

pub(super) fn run(remove: &Remove, context: Context) -> Result<Exit> {
    let paths = paths_of(&remove.paths)?;
    let presentation = Presentation { json: remove.connection.json };
    let mut client = context.connect(&remove.connection, None)?;
    let mut total = Removed::default();
    let mut failures = Vec::new();
    for path in &paths {
        match client.remove(path, remove.recursive) {
            Ok(removed) => {
                total.files += removed.files;
                total.directories += removed.directories;
            }
            Err(Error::Remote(failure)) if paths.len() > 1 => {
                presentation.show_file(&failure);
                failures.push(failure);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if remove.connection.json {
        output::data(&format!("{}\n", json::removed(total, &failures)))?;
    }
    Ok(if failures.is_empty() { Exit::Success } else { Exit::SomeFailed })
}

/// The paths to remove. Two arguments, the first relative and the second absolute, are the older form:
/// a name in a directory.
fn paths_of(arguments: &[String]) -> Result<Vec<RemotePath>> {
    let paths = match arguments {
        [name, directory] if !name.starts_with('/') && directory.starts_with('/') => {
            vec![paths::new_path(name, Some(directory))?]
        }
        _ => arguments.iter().map(|path| paths::from_root(path)).collect::<Result<_>>()?,
    };
    if paths.iter().any(RemotePath::is_root) {
        return Err(Failed::usage("the root directory itself cannot be removed: name what is in it"));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(texts(&["foo", "bar"]), ["/foo", "/bar"]);
        assert_eq!(texts(&["foo", "/bar", "/baz"]), ["/foo", "/bar", "/baz"]);
    }

    #[test]
    fn the_root_directory_cannot_be_removed() {
        assert!(matches!(paths_of(&["/".into()]), Err(Failed::Usage(_))));
        assert!(matches!(paths_of(&["/a".into(), "/".into()]), Err(Failed::Usage(_))));
    }
}
