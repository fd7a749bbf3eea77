//! Advice on errors of the library, in words of this command.

use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::sync::plan::Reason;

/// The error and the options that help.
pub(crate) fn with_advice(error: &Error) -> String {
    let advice = match error.most_telling() {
        Error::Busy(_) => Some("run the command again when that is over"),
        Error::Conflicts(_) => Some(ON_CONFLICT),
        Error::SpeaksZeroMq { .. } => Some("try it with '--protocol 1'"),
        Error::Timeout(_) => {
            Some("allow it more with '--timeout', or see with 'remofile status' whether the server answers")
        }
        Error::Refused(Refusal::ShuttingDown) => Some(ON_SHUTTING_DOWN),
        Error::Refused(Refusal::EncryptionRequired) => Some("leave '--no-encryption' out"),
        Error::Remote(failure) | Error::Local(failure) => return failure_with_advice(failure),
        _ => None,
    };
    join(error, advice)
}

/// The advice where files are in the way.
pub(crate) const ON_CONFLICT: &str = "choose with '--on-conflict replace|skip|rename|newer'";

const ON_SHUTTING_DOWN: &str = "run the command again when it is back";

/// Returns the failure of one file, with the options that help.
pub(crate) fn failure_with_advice(failure: &Failure) -> String {
    let advice = match failure.code {
        ErrorCode::NotEmpty => Some("remove it with its contents: '-r'"),
        ErrorCode::NotAFile if is_directory(failure) => Some("add '-r'"),
        ErrorCode::ShuttingDown => Some(ON_SHUTTING_DOWN),
        ErrorCode::ReadOnly => Some("it was started with '--read-only', or its disk is mounted so"),
        _ => None,
    };
    join(failure, advice)
}

/// Returns the reason something was left as it is, with the options that change it.
pub(crate) fn reason_with_advice(reason: Reason) -> String {
    let advice = match reason {
        Reason::Link => Some("with '--links copy' or '--links follow' it is not left out"),
        Reason::DirectoryInTheWay => Some("with '--delete' it makes way, unless rules leave something out in it"),
        Reason::SpecialInTheWay => Some("with '--delete' it makes way"),
        _ => None,
    };
    join(&reason, advice)
}

/// Reports whether a transfer, or a copy within the server, has left out a directory because it was not asked for with its
/// contents.
fn is_directory(failure: &Failure) -> bool {
    let says = |part| failure.detail.as_ref().is_some_and(|detail| detail.contains(part));
    says("was not asked for") || says("make the copy recursive")
}

/// Adds an advice to a sentence, in the parentheses that it ends with, if it does.
pub(crate) fn join(what: &impl std::fmt::Display, advice: Option<&str>) -> String {
    let what = what.to_string();
    match (advice, what.strip_suffix(')')) {
        (None, _) => what,
        (Some(advice), Some(beginning)) => format!("{beginning}; {advice})"),
        (Some(advice), None) => format!("{what} ({advice})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_stops_is_told_with_what_to_do() {
        let told = "the server is shutting down (run the command again when it is back)";
        let failure = Failure::new(ErrorCode::ShuttingDown);
        for error in [Error::Refused(Refusal::ShuttingDown), Error::Remote(failure)] {
            assert_eq!(with_advice(&error), told);
        }
    }
}
