//! The line that is completed: its command, and the server that it is about.

use crate::args::{Arguments, Command, Connection, in_order, is_remote, operands_before_last};
use crate::settings::is_profile_in;
use clap::{CommandFactory, Parser};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The knowledge of a line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its words, as the engine wants them: options behind their command, and the direction of a sync.
    pub(super) words: Vec<OsString>,
}

impl Line {
    /// Looks at the words of a line, the last of which is completed.
    pub(super) fn of(words: Vec<OsString>) -> Self {
        let Some((last, before)) = words.split_last() else { return Self { words } };
        let is_profile = is_profile_in(&words);
        // A word that cannot be anything else stands for the one that is not complete.
        let ordered = match last.is_empty() || last.as_encoded_bytes().starts_with(b"-") {
            true => in_order(before.to_vec(), &is_profile).map(|mut ordered| {
                ordered.push(last.clone());
                ordered
            }),
            false => in_order(words.clone(), &is_profile),
        };
        let mut words = ordered.unwrap_or_else(|_| words.clone());
        add_direction(&mut words);
        Self { words }
    }

    /// The options of the line by which its server is found.
    pub(super) fn connection(&self) -> Option<Connection> {
        let status = Arguments::command();
        let status = status.find_subcommand("status")?;
        let mut taken = vec![OsString::from("remofile"), OsString::from("status")];
        let mut words = self.words.iter().skip(1);
        while let Some(word) = words.next() {
            let Some(long) = word.to_str().and_then(|word| word.strip_prefix("--")) else { continue };
            let name = long.split_once('=').map_or(long, |(name, _)| name);
            let Some(option) = status.get_arguments().find(|option| option.get_long() == Some(name)) else { continue };
            taken.push(word.clone());
            if option.get_action().takes_values() && !option.is_require_equals_set() && !long.contains('=') {
                taken.extend(words.next().cloned());
            }
        }
        match Arguments::try_parse_from(taken).ok()?.command {
            Command::Status(status) => Some(status.connection),
            _ => None,
        }
    }

    /// The number of operands before the word that is completed.
    pub(super) fn operands(&self) -> usize {
        operands_before_last(&self.words)
    }

    /// The value of an option that has one.
    pub(super) fn value_of(&self, long: &str) -> Option<PathBuf> {
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let Some(text) = word.to_str().and_then(|word| word.strip_prefix(long)) else { continue };
            match text.strip_prefix('=') {
                Some(value) => return Some(value.into()),
                None if text.is_empty() => return words.next().map(PathBuf::from),
                None => {}
            }
        }
        None
    }
}

/// Gives a sync without a direction the one that its first operand tells.
fn add_direction(words: &mut Vec<OsString>) {
    if words.get(1).is_none_or(|word| word != "sync") {
        return;
    }
    let is_operand = |word: &&OsString| !word.as_encoded_bytes().starts_with(b"-");
    let Some(first) = words.iter().skip(2).find(is_operand) else { return };
    // The names of the directions are completed as what they are.
    let is_direction = |name: &str| name.starts_with(first.to_str().unwrap_or(name));
    if ["local", "remote", "help"].into_iter().any(is_direction) {
        return;
    }
    let direction = if is_remote(OsStr::new(first)) { "remote" } else { "local" };
    words.insert(2, direction.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(text.split(' ').map(OsString::from).collect())
    }

    fn words(text: &str) -> String {
        line(text).words.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn words_are_put_in_order_whatever_is_not_complete() {
        for (text, expected) in [
            ("rmf --profile nas ls :/p", "rmf ls --profile nas :/p"),
            ("rmf ls --prof", "rmf ls --prof"),
            ("rmf ls ", "rmf ls "),
            ("rmf --profile nas ls ", "rmf ls --profile nas "),
            ("rmf --profile ", "rmf --profile "),
            ("rmf l", "rmf l"),
            ("rmf sync nas:/p", "rmf sync remote nas:/p"),
            ("rmf sync ./ph", "rmf sync local ./ph"),
            ("rmf sync lo", "rmf sync lo"),
            ("rmf sync ", "rmf sync "),
            ("rmf sync photos nas:", "rmf sync local photos nas:"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn operands_are_told_from_options_and_their_values() {
        for (text, count) in [
            ("rmf upload ", 0),
            ("rmf upload a /p", 1),
            ("rmf upload -r --profile nas --exclude x a b /p", 2),
            ("rmf token remove a", 0),
            ("rmf", 0),
        ] {
            assert_eq!(line(text).operands(), count, "{text}");
        }
    }

    #[test]
    fn the_server_is_that_of_the_options_before_and_behind_the_word() {
        let connection = line("rmf ls --hostname h -l --port=7 --json :/p").connection().unwrap();
        assert_eq!((connection.hostname.as_deref(), connection.port), (Some("h"), Some(7)));
        assert!(line("rmf ls --port x :/p").connection().is_none());
        assert_eq!(line("rmf token remove --tokens f a").value_of("--tokens"), Some("f".into()));
        assert_eq!(line("rmf token remove --tokens=f a").value_of("--tokens"), Some("f".into()));
        assert_eq!(line("rmf token remove a").value_of("--tokens"), None);
    }
}
