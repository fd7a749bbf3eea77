//! Advice on errors of the library, in words of this command.

use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::sync::plan::Reason;

/// The error and the options that help.
pub(crate) fn with_advice(error: &Error) -> String {
    let advice = match error {
        Error::Busy(_) => Some("wait for it with '--wait'"),
        Error::Conflicts(_) => Some(ON_CONFLICT),
        Error::Refused(Refusal::EncryptionRequired) => Some("leave '--no-encryption' out"),
        Error::Remote(failure) | Error::Local(failure) => return failure_with_advice(failure),
        _ => None,
    };
    join(error, advice)
}

/// The advice where files are in the way.
pub(crate) const ON_CONFLICT: &str = "choose with '--on-conflict replace|skip|rename|newer'";

/// Returns the failure of one file, with the options that help.
pub(crate) fn failure_with_advice(failure: &Failure) -> String {
    let advice = match failure.code {
        ErrorCode::NotEmpty => Some("remove it with its contents: '-r'"),
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

fn join(what: &impl std::fmt::Display, advice: Option<&str>) -> String {
    match advice {
        Some(advice) => format!("{what} ({advice})"),
        None => what.to_string(),
    }
}
