//! The words of rsync, scp, rclone, lftp, curl and the like that are others here.

use super::answer::Answer;
use super::other_commands::{COMMANDS, TOKEN_COMMANDS};
use super::other_options::{OPTIONS, VALUES};

/// Returns what to type for a command of another tool. `names` are those of the command that it stands behind.
pub(super) fn command(names: &[&str], word: &str) -> Option<&'static str> {
    match names {
        [] => find(COMMANDS, "", word),
        ["token", ..] => find(TOKEN_COMMANDS, "", word),
        _ => None,
    }
}

/// Returns what to type for an option of another tool, which a command does not have.
pub(super) fn option(names: &[&str], option: &str) -> Option<&'static str> {
    find(OPTIONS, names.first()?, option)
}

/// Returns what fingers meant that wrote a value which an option cannot have, or none.
pub(super) fn value(names: &[&str], option: &str) -> Option<&'static str> {
    find(VALUES, names.first()?, option)
}

fn find(answers: &[Answer], command: &str, word: &str) -> Option<&'static str> {
    let fits = |answer: &&Answer| {
        answer.words.contains(&word) && (answer.commands.is_empty() || answer.commands.contains(&command))
    };
    answers.iter().find(fits).map(|answer| answer.answer)
}

/// The forms of a sync.
pub(super) const SYNC: &str = "a sync has a source and a destination, one of them at a server: 'remofile sync DIRECTORY :/DIRECTORY' makes \
                    the remote one like the local one, 'remofile sync :/DIRECTORY DIRECTORY' the local one like the remote one";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::{Command, CommandFactory};

    fn is_option(command: &Command, option: &str) -> bool {
        let (long, short) =
            (option.strip_prefix("--"), option.strip_prefix('-').and_then(|letter| letter.chars().next()));
        command.get_arguments().any(|argument| match long {
            Some(long) => argument.get_long() == Some(long),
            None => {
                argument.get_short() == short
                    || argument
                        .get_all_short_aliases()
                        .is_some_and(|aliases| aliases.iter().any(|own| Some(*own) == short))
            }
        }) || command.get_subcommands().any(|below| is_option(below, option))
    }

    /// The words between quotation marks in the answers.
    fn quoted(answer: &str) -> Vec<&str> {
        answer.split('\'').skip(1).step_by(2).collect()
    }

    #[test]
    fn what_is_advised_can_be_typed() {
        let program = Arguments::command();
        let answers = [COMMANDS, TOKEN_COMMANDS, OPTIONS, VALUES].concat_answers();
        for quote in answers.iter().flat_map(|answer| quoted(answer)) {
            let words: Vec<&str> = quote.split(' ').collect();
            let mut command = &program;
            for word in &words {
                if let Some(option) = word.starts_with('-').then_some(word) {
                    assert!(is_option(command, option) || *option == "--version", "{quote}: {option}");
                } else if let Some(below) = command.find_subcommand(word) {
                    command = below;
                }
            }
            let is_command =
                words[0] != "remofile" || words[1].starts_with('-') || command.get_name() != program.get_name();
            assert!(is_command, "{quote} names no command");
        }
    }

    trait Concat {
        fn concat_answers(&self) -> Vec<&'static str>;
    }

    impl Concat for [&[Answer]; 4] {
        fn concat_answers(&self) -> Vec<&'static str> {
            self.iter().flat_map(|answers| answers.iter()).map(|answer| answer.answer).chain([SYNC]).collect()
        }
    }

    #[test]
    fn no_command_is_answered_that_there_is() {
        let program = Arguments::command();
        for word in COMMANDS.iter().flat_map(|answer| answer.words) {
            assert!(program.find_subcommand(word).is_none(), "{word}");
        }
    }

    #[test]
    fn words_of_other_tools_are_answered() {
        for (names, word, part) in [
            (&["upload"][..], "-e", "nothing goes through ssh"),
            (&["list"], "-P", "'--port PORT'"),
            (&["upload"], "--delete", "remofile sync --delete"),
            (&["sync", "local"], "--delete-after", "'--delete' deletes"),
            (&["run"], "--port", "second argument"),
        ] {
            assert!(option(names, word).is_some_and(|answer| answer.contains(part)), "{names:?} {word}");
        }
        assert!(command(&[], "mirror").is_some() && command(&["token"], "revoke").is_some());
        assert!(command(&[], "nonsense").is_none() && option(&["list"], "--nonsense").is_none());
    }
}
