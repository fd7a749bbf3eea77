//! A time behind `--wait` that was taken for an operand, since there is no equals sign between them.

use crate::args::wait;
use crate::failed::Failed;
use remofile::Error;
use remofile::protocol::wire::ErrorCode;
use std::ffi::OsString;

/// Adds to an error that the time of `--wait` was taken for a path or a port, where it may come of that. The line is the one that
/// was typed: in another order the time stands elsewhere.
pub(crate) fn with_wait(typed: &[OsString], failed: Failed) -> Failed {
    let advice = time_behind(typed)
        .filter(|time| may_come_of(&failed, time))
        .map(|time| format!("the time of '--wait' is behind an equals sign: '--wait={time}'"));
    failed.advised(advice)
}

/// Returns the word behind a `--wait`, which is no value of it, if it is a time.
fn time_behind(typed: &[OsString]) -> Option<&str> {
    let options = typed.split(|word| word == "--").next()?;
    let at = options.iter().position(|word| word == "--wait")?;
    options
        .get(at + 1)?
        .to_str()
        .filter(|time| time.starts_with(|digit: char| digit.is_ascii_digit()) && wait(time).is_ok())
}

fn may_come_of(failed: &Failed, time: &str) -> bool {
    match failed {
        Failed::Usage(_) => true,
        Failed::Library(Error::Remote(failure) | Error::Local(failure)) => failure.code == ErrorCode::NotFound,
        Failed::Library(Error::Connect { address, .. }) => {
            address.rsplit_once(':').is_some_and(|(_, port)| port == time)
        }
        Failed::AtServer { failed, .. } | Failed::Advised { failed, .. } => may_come_of(failed, time),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Failure;
    use std::io;

    fn is_told(line: &str, failed: Failed) -> bool {
        let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        with_wait(&typed, failed).message().contains("'--wait=5'")
    }

    #[test]
    fn a_time_that_was_taken_for_an_operand_is_told_how_to_be_written() {
        let connect = || {
            let source = io::ErrorKind::ConnectionRefused.into();
            Failed::Library(Error::Connect { address: "h:5".to_owned(), source })
        };
        let missing = || Failed::Library(Failure::new(ErrorCode::NotFound).at("/a/5").into());
        let usage = || Failed::Usage("too much".to_owned());
        for failed in [connect, missing, usage] {
            assert!(is_told("rmf rm /a --wait 5", failed()), "{:?}", failed());
            for line in ["rmf ls / 5", "rmf ls --wait=5 /a", "rmf ls --wait /a 5", "rmf ls -- --wait 5"] {
                assert!(!is_told(line, failed()), "{line}");
            }
        }
        assert!(!is_told("rmf ls --wait 6 5", connect()));
        let denied = Failed::Library(Failure::new(ErrorCode::PermissionDenied).at("/a").into());
        assert!(!is_told("rmf ls /a --wait 5", denied));
    }
}
