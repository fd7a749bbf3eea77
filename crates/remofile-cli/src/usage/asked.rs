//! The command that a line asks for, even if nothing else of it can be read.

use clap::error::ErrorKind;
use std::ffi::OsString;

/// The option by which a command is asked for objects.
const JSON: &str = "--json";

/// Reports whether a command line asks for errors as objects, even if nothing else of it can be read.
pub(crate) fn wants_json(raw: &[OsString]) -> bool {
    raw.iter().skip(1).take_while(|word| *word != "--").any(|word| word == JSON)
}

/// Reports whether the parser has an answer rather than an error: help that was asked for, or the version.
pub(crate) fn is_answer(error: &clap::Error) -> bool {
    !error.use_stderr()
}

/// Reports whether the parser shows help because there is no command at all.
pub(crate) fn is_help(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_asked_for_in_front_of_the_operands_alone() {
        let wants = |line: &str| wants_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(wants("rmf --json nonsense") && wants("rmf nonsense --json"));
        assert!(!wants("rmf list -- --json") && !wants("rmf list"));
    }
}
