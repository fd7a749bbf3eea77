//! Connecting again until it is settled what answers.
//!
//! A server that is flooded closes connections before it has read from them, those of honest clients too, and so does
//! a server that stops. And what comes of a first message that was changed on the way looks like a wrong token, or like a
//! service of another kind: until a record is opened nothing tells damage from a refusal. So a client tries a few times,
//! within a second, and believes a reason that it was told twice: a user with a wrong port or token must hear of it soon, and
//! a server slows down those who ask it with a wrong token.

use crate::client::session::context::CallContext;
use crate::error::{Error, Result, Unopened};
use std::io;
use std::time::Duration;

/// Pauses before each further attempt after a connection that was closed without an answer. They differ, so that clients
/// that were put out together do not come back together for long.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(280), Duration::from_millis(700)];

/// Pauses before each further attempt after an answer that may have been changed on the way.
const PAUSES_IN_DOUBT: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(60), Duration::from_millis(180)];

/// Opens a session, again if the server closes the connection without an answer, or for a reason that is told for the first
/// time. No pause goes beyond the deadline.
///
/// # Errors
/// [`Error::NotRemofile`] if the server always closes the connection, or is gone after it did; a reason that was told twice;
/// what ends an attempt otherwise. [`Error::Refused`] was told twice, unless it says that there is no room or no server soon.
pub(super) fn until_settled<T>(
    context: &CallContext,
    open: impl FnMut() -> std::result::Result<T, Unopened>,
) -> Result<T> {
    let has_time = |pause: &Duration| context.deadline.left().is_none_or(|left| left > *pause);
    try_again(open, |pause, last| match last {
        // It is not told before it is sure: then time is over first.
        Error::Refused(_) => context.sleep(pause).map(|()| true),
        _ if !has_time(&pause) => Ok(false),
        _ => match context.sleep(pause) {
            // The error of the last attempt says more than that time is over.
            Err(Error::Timeout(_) | Error::Stalled(_)) => Ok(false),
            slept => slept.map(|()| true),
        },
    })
}

/// Opens a session, as often as it takes. `pause` waits after an error, and returns whether to go on.
fn try_again<T>(
    mut open: impl FnMut() -> std::result::Result<T, Unopened>,
    mut pause: impl FnMut(Duration, &Error) -> Result<bool>,
) -> Result<T> {
    let (mut pauses, mut pauses_in_doubt) = (PAUSES.into_iter(), PAUSES_IN_DOUBT.into_iter());
    let (mut closed, mut doubts, mut last) = (0, Vec::new(), None);
    loop {
        let (error, next) = match open() {
            Ok(opened) => return Ok(opened),
            Err(Unopened::Failed(error)) => return Err(more_telling(error, last)),
            Err(Unopened::Closed { address, asked_for }) => {
                closed += 1;
                (Error::NotRemofile { address, what: describe(closed, asked_for) }, pauses.next())
            }
            Err(Unopened::Unsure(error)) => (error, pauses.next()),
            Err(Unopened::Doubtful(error)) => {
                let reason = error.to_string();
                if doubts.contains(&reason) {
                    return Err(error);
                }
                doubts.push(reason);
                (error, pauses_in_doubt.next())
            }
        };
        match next {
            Some(next) if pause(next, &error)? => last = Some(error),
            Some(_) => return Err(error),
            None => return Err(settled(error)),
        }
    }
}

/// Chooses between the error that ends the attempts and the one before. That a service was there says more than that it is gone
/// or that time is over; a refusal that was told once may be none.
fn more_telling(error: Error, last: Option<Error>) -> Error {
    match (error, last) {
        (
            Error::Connect { .. } | Error::Timeout(_) | Error::Stalled(_),
            Some(
                last @ (Error::NotRemofile { .. }
                | Error::SpeaksZeroMq { .. }
                | Error::NoAnswer { .. }
                | Error::ConnectionLost(_)),
            ),
        ) => last,
        (error, _) => error,
    }
}

/// Returns what to tell when there are no attempts left.
fn settled(error: Error) -> Error {
    match error {
        Error::Refused(_) => {
            let what = "each handshake came to another end, as if something on the way changed them";
            Error::ConnectionLost(io::Error::new(io::ErrorKind::InvalidData, what))
        }
        error => error,
    }
}

pub(super) fn describe(times: u32, asked_for: &str) -> String {
    let often = if times == 1 { String::new() } else { format!(" {times} times") };
    format!(
        "it closed the connection without an answer{often} (is the port right? A server that is overloaded, or stops, does so \
         too: try again later){asked_for}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::session::deadline::Deadline;
    use remofile_protocol::handshake::Refusal;
    use std::io;

    fn closed() -> Unopened {
        Unopened::Closed { address: "a:1".to_owned(), asked_for: "" }
    }

    /// Returns the result of attempts with these outcomes, and the pauses between them.
    fn tried(outcomes: Vec<std::result::Result<(), Unopened>>) -> (Result<()>, Vec<Duration>) {
        let (mut outcomes, mut pauses) = (outcomes.into_iter(), Vec::new());
        let result = try_again(
            || outcomes.next().unwrap(),
            |pause, _| {
                pauses.push(pause);
                Ok(true)
            },
        );
        assert!(outcomes.next().is_none(), "every outcome is asked for");
        (result, pauses)
    }

    #[test]
    fn a_server_that_closes_connections_is_tried_four_times_within_a_second() {
        let (result, pauses) = tried((0..4).map(|_| Err(closed())).collect());
        let told = result.unwrap_err().to_string();
        assert!(told.contains("closed the connection without an answer 4 times (is the port right?"), "{told}");
        assert!(told.contains("A server that is overloaded, or stops, does so too: try again later"), "{told}");
        assert!(pauses.iter().sum::<Duration>() <= Duration::from_secs(1));
    }

    #[test]
    fn a_session_or_a_sure_failure_ends_the_attempts() {
        assert!(tried(vec![Err(closed()), Err(closed()), Ok(())]).0.is_ok());
        let full = || Err(Unopened::Failed(Error::Refused(Refusal::TooMany)));
        assert!(matches!(tried(vec![full()]).0, Err(Error::Refused(Refusal::TooMany))));
        assert!(matches!(tried(vec![Err(closed()), full()]).0, Err(Error::Refused(Refusal::TooMany))));
        let gone = || {
            let source = io::ErrorKind::ConnectionRefused.into();
            Err(Unopened::Failed(Error::Connect { address: "a:1".to_owned(), source }))
        };
        assert!(matches!(tried(vec![gone()]).0, Err(Error::Connect { .. })));
        assert!(matches!(tried(vec![Err(closed()), gone()]).0, Err(Error::NotRemofile { .. })));
    }

    fn doubtful(error: Error) -> std::result::Result<(), Unopened> {
        Err(Unopened::Doubtful(error))
    }

    fn refused() -> std::result::Result<(), Unopened> {
        doubtful(Error::Refused(Refusal::Token))
    }

    fn other_service(what: &str) -> std::result::Result<(), Unopened> {
        doubtful(Error::NotRemofile { address: "a:1".to_owned(), what: what.to_owned() })
    }

    #[test]
    fn a_wrong_token_is_told_once_two_connections_say_so_and_soon() {
        let (result, pauses) = tried(vec![refused(), refused()]);
        assert!(matches!(result, Err(Error::Refused(Refusal::Token))), "{result:?}");
        assert!(pauses.iter().sum::<Duration>() <= Duration::from_millis(100));
        let result = tried(vec![refused(), other_service("x"), Err(closed()), refused()]).0;
        assert!(matches!(result, Err(Error::Refused(Refusal::Token))), "{result:?}");
    }

    #[test]
    fn a_handshake_that_was_damaged_is_made_again_and_no_wrong_token() {
        assert!(tried(vec![refused(), Ok(())]).0.is_ok());
        assert!(tried(vec![other_service("x"), refused(), other_service("y"), Ok(())]).0.is_ok());
        let result = tried(vec![other_service("x"), other_service("y"), other_service("z"), refused()]).0;
        assert!(matches!(result, Err(Error::ConnectionLost(_))), "{result:?}");
        let full = Err(Unopened::Failed(Error::Refused(Refusal::TooMany)));
        assert!(matches!(tried(vec![refused(), full]).0, Err(Error::Refused(Refusal::TooMany))));
    }

    #[test]
    fn another_service_is_told_of_although_it_is_gone_the_second_time() {
        let gone = || {
            let source = io::ErrorKind::ConnectionRefused.into();
            Err(Unopened::Failed(Error::Connect { address: "a:1".to_owned(), source }))
        };
        assert!(matches!(tried(vec![other_service("x"), gone()]).0, Err(Error::NotRemofile { .. })));
        // Nobody is there any more who could say whether the token is wrong.
        assert!(matches!(tried(vec![refused(), gone()]).0, Err(Error::Connect { .. })));
        assert!(matches!(tried(vec![other_service("x"), other_service("x")]).0, Err(Error::NotRemofile { .. })));
    }

    #[test]
    fn a_refusal_that_was_told_once_is_not_told_when_time_is_over() {
        let context =
            CallContext { deadline: Deadline::after(Some(Duration::from_millis(1))), ..CallContext::unlimited() };
        let result = until_settled(&context, refused);
        assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
    }

    #[test]
    fn no_pause_goes_beyond_the_deadline() {
        let context = CallContext { deadline: Deadline::after(Some(PAUSES[0])), ..CallContext::unlimited() };
        let mut attempts = 0;
        // What is left is less than the first pause by now.
        let result = until_settled(&context, || {
            attempts += 1;
            Err::<(), _>(closed())
        });
        assert!(matches!(result, Err(Error::NotRemofile { .. })), "{result:?}");
        assert_eq!(attempts, 1);
    }
}
