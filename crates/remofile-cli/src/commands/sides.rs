//! The sides of a synchronisation: which of two directories is the remote one.

use super::paths;
use crate::failed::{Failed, Result};
use crate::output::text::shell_word;
use remofile::Error;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use std::path::{Path, PathBuf};

/// The arguments of `sync remote`, told apart.
#[derive(Debug, PartialEq)]
pub(super) struct Sides {
    pub(super) remote: RemotePath,
    pub(super) local: PathBuf,
    /// The hint that it was guessed which is which, and how to write the other order.
    guess: Option<String>,
}

/// The order of the arguments, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// The remote one comes first, whatever the paths look like.
    RemoteFirst,
    /// Nothing but what the paths look like; a guess will do.
    Free,
    /// The same, and a guess will not do.
    Certain,
}

impl Sides {
    /// If one of two paths is absolute, it is the remote one. Otherwise that is a guess: the first.
    pub(super) fn of(paths: [&Path; 2], order: Order) -> Result<Self> {
        let [first, second] = paths;
        let is_guess = order != Order::RemoteFirst && is_ambiguous(paths);
        if is_guess && order == Order::Certain {
            return Err(uncertain(paths));
        }
        let (remote, local) = match paths.map(Path::is_absolute) {
            [false, true] if order != Order::RemoteFirst => (second, first),
            _ => (first, second),
        };
        let guess = is_guess.then(|| guessed(remote, local));
        Ok(Self { remote: remote_path(remote)?, local: local.to_owned(), guess })
    }

    /// Adds to an error of something that was not found which side was taken for the remote one.
    pub(super) fn explain(&self, error: Error) -> Error {
        let explain = |failure: Failure| match (&self.guess, failure.code) {
            (Some(guess), ErrorCode::NotFound | ErrorCode::NotADirectory) => failure.because(guess),
            _ => failure,
        };
        match error {
            Error::Remote(failure) => Error::Remote(explain(failure)),
            Error::Local(failure) => Error::Local(explain(failure)),
            other => other,
        }
    }
}

/// Reports whether either path may be meant as the remote one. If both are the same, so are both meanings.
fn is_ambiguous([first, second]: [&Path; 2]) -> bool {
    first.is_absolute() == second.is_absolute() && plain(first) != plain(second)
}

/// Without the beginning that only says that it is relative.
fn plain(path: &Path) -> &Path {
    path.strip_prefix("./").unwrap_or(path)
}

fn remote_path(path: &Path) -> Result<RemotePath> {
    paths::from_root(paths::text(path)?)
}

/// Tells how to write both meanings.
fn uncertain([first, second]: [&Path; 2]) -> Failed {
    let both = [(first, second), (second, first)];
    let spellings: Vec<String> = both
        .into_iter()
        .filter_map(|(remote, local)| {
            let meant = remote_path(plain(remote)).ok()?;
            Some(format!("{} if {meant} is remote", spelling(remote, local)?))
        })
        .collect();
    let how = match spellings.is_empty() {
        true => "write '--remote-first', then the remote one, then the local one".to_owned(),
        false => format!("write {}", spellings.join(", or ")),
    };
    Failed::usage(format!("with '--delete' it must be certain which of the directories is the remote one: {how}"))
}

/// The hint that it was guessed, and the other meaning.
fn guessed(remote: &Path, local: &Path) -> String {
    let told = format!(
        "it was guessed that {} is the remote directory and {} the local one",
        remote.display(),
        local.display()
    );
    match spelling(local, remote) {
        Some(other) => format!("{told}; if not, write {other}"),
        None => told,
    }
}

/// `"sync remote --remote-first /bar foo"`, which has one meaning everywhere; none if there is no such.
fn spelling(remote: &Path, local: &Path) -> Option<String> {
    let remote = remote_path(plain(remote)).ok()?;
    let local = local.to_str()?;
    // What begins with a hyphen would be an option.
    let local = if local.starts_with('-') { format!("./{local}") } else { local.to_owned() };
    Some(format!(r#""sync remote --remote-first {} {}""#, shell_word(remote.as_str()), shell_word(&local)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(first: &str, second: &str, order: Order) -> Result<Sides> {
        Sides::of([first, second].map(Path::new), order)
    }

    fn told(first: &str, second: &str, order: Order) -> (String, String) {
        let sides = sides(first, second, order).unwrap();
        (sides.remote.to_string(), sides.local.display().to_string())
    }

    fn pair(remote: &str, local: &str) -> (String, String) {
        (remote.to_owned(), local.to_owned())
    }

    fn refusal(first: &str, second: &str) -> String {
        let failed = sides(first, second, Order::Certain).unwrap_err();
        assert!(matches!(failed, Failed::Usage(_)), "{failed:?}");
        failed.message()
    }

    #[test]
    fn the_absolute_one_of_two_paths_is_remote_in_either_order() {
        for (first, second) in [("/bar", "foo"), ("foo", "/bar")] {
            assert_eq!(told(first, second, Order::Free), pair("/bar", "foo"));
            assert_eq!(sides(first, second, Order::Certain).unwrap().guess, None);
        }
        assert_eq!(told("./foo", "/", Order::Free), pair("/", "./foo"));
    }

    #[test]
    fn otherwise_the_first_is_remote() {
        assert_eq!(told("bar", "foo", Order::Free), pair("/bar", "foo"));
        assert_eq!(told("/bar", "/home/u/foo", Order::Free), pair("/bar", "/home/u/foo"));
    }

    #[test]
    fn any_two_paths_can_be_given_with_certainty() {
        let absolute = ("/photos", "/home/me/photos");
        for (remote, local) in [absolute, ("photos", "copy"), ("photos", "/copy"), ("/photos", "copy")] {
            let expected = pair(&format!("/{}", remote.trim_start_matches('/')), local);
            assert_eq!(told(remote, local, Order::RemoteFirst), expected);
        }
    }

    #[test]
    fn a_guess_is_refused_where_it_must_be_certain_and_both_spellings_are_named() {
        let message = refusal("bar", "foo");
        assert!(message.contains(r#"write "sync remote --remote-first /bar foo" if /bar is remote, or"#), "{message}");
        assert!(message.ends_with(r#""sync remote --remote-first /foo bar" if /foo is remote"#), "{message}");
        let message = refusal("/bar", "/home/u/a b");
        assert!(message.contains(r#""sync remote --remote-first /bar '/home/u/a b'" if /bar is remote"#), "{message}");
        assert!(message.ends_with(r#"--remote-first '/home/u/a b' /bar" if /home/u/a b is remote"#), "{message}");
    }

    #[test]
    fn two_paths_that_are_the_same_have_one_meaning() {
        assert_eq!(told("o", "o", Order::Certain), pair("/o", "o"));
        assert_eq!(told("o", "./o", Order::Certain), pair("/o", "./o"));
        assert_eq!(told("/o", "/o/", Order::Certain), pair("/o", "/o/"));
    }

    #[test]
    fn a_spelling_that_cannot_be_is_not_named() {
        let message = refusal("bar", "../it's");
        assert!(
            message.ends_with(r#"write "sync remote --remote-first /bar '../it'\''s'" if /bar is remote"#),
            "{message}"
        );
        assert!(refusal("..", "../x").contains("write '--remote-first', then the remote one"));
        assert!(refusal("bar", "-x").contains("--remote-first /bar ./-x"));
    }

    #[test]
    fn where_nothing_is_found_a_guess_is_owned_up_to() {
        let missing = || Error::Remote(Failure::new(ErrorCode::NotFound).at("/bar"));
        let told = sides("bar", "foo", Order::Free).unwrap().explain(missing()).to_string();
        assert!(told.contains("it was guessed that bar is the remote directory and foo the local one"), "{told}");
        assert!(told.contains(r#"if not, write "sync remote --remote-first /foo bar""#), "{told}");
        for certain in [sides("/bar", "foo", Order::Free), sides("bar", "foo", Order::RemoteFirst)] {
            assert_eq!(certain.unwrap().explain(missing()).to_string(), missing().to_string());
        }
    }

    #[test]
    fn what_cannot_be_a_remote_path_is_refused() {
        assert!(matches!(sides("../bar", "foo", Order::Free), Err(Failed::Usage(_))));
    }
}
