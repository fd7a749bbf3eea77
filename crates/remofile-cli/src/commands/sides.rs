//! Which of two directories is the remote one.

use super::paths;
use crate::failed::{Failed, Result};
use crate::output::text::shell_word;
use remofile::protocol::path::RemotePath;
use std::path::{Component, Path, PathBuf};

/// The arguments of `sync remote`, told apart.
#[derive(Debug, PartialEq)]
pub(super) struct Sides {
    pub(super) remote: RemotePath,
    pub(super) local: PathBuf,
}

impl Sides {
    /// If one of two paths is absolute, it is the remote one. Otherwise that is a guess: the first, unless it
    /// has to be certain. `here` is the current directory.
    pub(super) fn of(paths: [&Path; 2], must_be_certain: bool, here: Option<&Path>) -> Result<Self> {
        let [first, second] = paths;
        let (remote, local) = match paths.map(Path::is_absolute) {
            [false, true] => (second, first),
            _ => (first, second),
        };
        if must_be_certain && remote.is_absolute() == local.is_absolute() {
            return Err(uncertain(paths, here));
        }
        Ok(Self { remote: remote_path(remote)?, local: local.to_owned() })
    }
}

fn remote_path(path: &Path) -> Result<RemotePath> {
    paths::from_root(paths::text(path)?)
}

/// Tells how to write both meanings.
fn uncertain([first, second]: [&Path; 2], here: Option<&Path>) -> Failed {
    let spellings: Vec<String> = [(first, second), (second, first)]
        .into_iter()
        .filter_map(|(remote, local)| spell(remote, local, here))
        .collect();
    let how = match spellings.is_empty() {
        true => "write the remote one as an absolute path and the local one as a relative path".to_owned(),
        false => format!("write {}", spellings.join(", or ")),
    };
    Failed::usage(format!("with '--delete' it must be certain which of the directories is the remote one: {how}"))
}

/// `"sync remote /bar foo" if /bar is remote`
fn spell(remote: &Path, local: &Path, here: Option<&Path>) -> Option<String> {
    let remote = remote_path(remote.strip_prefix("./").unwrap_or(remote)).ok()?;
    let local = if local.is_absolute() { relative_to(here?, local)? } else { local.to_owned() };
    let local = local.to_str()?;
    // What begins with a hyphen would be an option.
    let local = if local.starts_with('-') { format!("./{local}") } else { local.to_owned() };
    Some(format!(r#""sync remote {} {}" if {remote} is remote"#, shell_word(remote.as_str()), shell_word(&local)))
}

/// A path as seen from a directory; both are absolute.
fn relative_to(here: &Path, path: &Path) -> Option<PathBuf> {
    let (mut ours, mut theirs) = (here.components().peekable(), path.components().peekable());
    while ours.peek().is_some() && ours.peek() == theirs.peek() {
        ours.next();
        theirs.next();
    }
    let ups = ours.map(|component| matches!(component, Component::Normal(_)).then_some(Component::ParentDir));
    let relative: PathBuf = ups.chain(theirs.map(Some)).collect::<Option<_>>()?;
    Some(if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(first: &str, second: &str, must_be_certain: bool) -> Result<Sides> {
        Sides::of([first, second].map(Path::new), must_be_certain, Some(Path::new("/home/u")))
    }

    fn told(first: &str, second: &str) -> (String, String) {
        let sides = sides(first, second, false).unwrap();
        (sides.remote.to_string(), sides.local.display().to_string())
    }

    fn refusal(first: &str, second: &str) -> String {
        let failed = sides(first, second, true).unwrap_err();
        assert!(matches!(failed, Failed::Usage(_)), "{failed:?}");
        failed.message()
    }

    #[test]
    fn the_absolute_one_of_two_paths_is_remote_in_either_order() {
        for (first, second) in [("/bar", "foo"), ("foo", "/bar")] {
            assert_eq!(told(first, second), ("/bar".to_owned(), "foo".to_owned()));
            assert!(sides(first, second, true).is_ok());
        }
        assert_eq!(told("./foo", "/"), ("/".to_owned(), "./foo".to_owned()));
    }

    #[test]
    fn otherwise_the_first_is_remote() {
        assert_eq!(told("bar", "foo"), ("/bar".to_owned(), "foo".to_owned()));
        assert_eq!(told("/bar", "/home/u/foo"), ("/bar".to_owned(), "/home/u/foo".to_owned()));
    }

    #[test]
    fn a_guess_is_refused_where_it_must_be_certain_and_both_spellings_are_named() {
        let message = refusal("bar", "foo");
        assert!(message.contains(r#""sync remote /bar foo" if /bar is remote, or"#), "{message}");
        assert!(message.ends_with(r#""sync remote /foo bar" if /foo is remote"#), "{message}");
        let message = refusal("/bar", "/home/u/foo");
        assert!(message.contains(r#""sync remote /bar foo" if /bar is remote"#), "{message}");
        assert!(message.ends_with(r#""sync remote /home/u/foo ../../bar" if /home/u/foo is remote"#), "{message}");
    }

    #[test]
    fn a_spelling_that_cannot_be_is_not_named() {
        let message = refusal("bar", "../it's");
        assert!(message.ends_with(r#"write "sync remote /bar '../it'\''s'" if /bar is remote"#), "{message}");
        let failed = Sides::of(["/a", "/b"].map(Path::new), true, None).unwrap_err();
        assert!(failed.message().ends_with("the local one as a relative path"), "{}", failed.message());
    }

    #[test]
    fn every_local_path_can_be_written_as_a_relative_one() {
        for (path, relative) in
            [("/home/u", "."), ("/home", ".."), ("/", "../.."), ("/home/u/a/b", "a/b"), ("/home/v/a", "../v/a")]
        {
            assert_eq!(relative_to(Path::new("/home/u"), Path::new(path)), Some(relative.into()), "{path}");
        }
    }

    #[test]
    fn what_cannot_be_a_remote_path_is_refused() {
        assert!(matches!(sides("../bar", "foo", false), Err(Failed::Usage(_))));
    }
}
