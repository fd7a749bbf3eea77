//! Connecting again where a server has closed the connection without an answer.
//!
//! A server that is flooded closes connections before it has read from them, those of honest clients too, and so does
//! a server that stops. So a client tries a few times, within a second: a user with a wrong port must hear of it
//! soon.

use crate::client::session::context::CallContext;
use crate::error::{Error, Result, Unopened};
use std::time::Duration;

/// Pauses before each further attempt. They differ, so that clients that were put out together do not come back
/// together for long.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(280), Duration::from_millis(700)];

/// Opens a session, again if the server closes the connection without an answer. No pause goes beyond the deadline.
///
/// # Errors
/// [`Error::NotRemofile`] if it always does, or is gone after it did; what ends an attempt otherwise.
pub(super) fn until_answered<T>(
    context: &CallContext,
    open: impl FnMut() -> std::result::Result<T, Unopened>,
) -> Result<T> {
    let has_time = |pause: &Duration| context.deadline.left().is_none_or(|left| left > *pause);
    try_again(open, |pause| match has_time(&pause) {
        true => match context.sleep(pause) {
            // The error of the last attempt says more than that time is over.
            Err(Error::Timeout(_)) => Ok(false),
            slept => slept.map(|()| true),
        },
        false => Ok(false),
    })
}

/// Opens a session, again if the server closes the connection without an answer. `pause` waits, and returns whether
/// to go on.
fn try_again<T>(
    mut open: impl FnMut() -> std::result::Result<T, Unopened>,
    mut pause: impl FnMut(Duration) -> Result<bool>,
) -> Result<T> {
    let mut pauses = PAUSES.into_iter();
    let (mut times, mut last) = (0, None);
    loop {
        times += 1;
        match (open(), last.take()) {
            (Ok(opened), _) => return Ok(opened),
            // The server was there: that it closed the connection says more than that it is gone.
            (Err(Unopened::Failed(Error::Connect { .. })), Some(closed)) => return Err(closed),
            (Err(Unopened::Failed(error)), _) => return Err(error),
            (Err(Unopened::Closed { address, asked_for }), _) => {
                let closed = Error::NotRemofile { address, what: describe(times, asked_for) };
                match pauses.next() {
                    Some(next) if pause(next)? => last = Some(closed),
                    _ => return Err(closed),
                }
            }
        }
    }
}

fn describe(times: u32, asked_for: &str) -> String {
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
            |pause| {
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
    fn an_answer_of_whatever_kind_ends_the_attempts() {
        assert!(tried(vec![Err(closed()), Err(closed()), Ok(())]).0.is_ok());
        let refused = || Err(Unopened::Failed(Error::Refused(Refusal::Token)));
        assert!(matches!(tried(vec![refused()]).0, Err(Error::Refused(Refusal::Token))));
        assert!(matches!(tried(vec![Err(closed()), refused()]).0, Err(Error::Refused(Refusal::Token))));
        let gone = || {
            let source = io::ErrorKind::ConnectionRefused.into();
            Err(Unopened::Failed(Error::Connect { address: "a:1".to_owned(), source }))
        };
        assert!(matches!(tried(vec![gone()]).0, Err(Error::Connect { .. })));
        assert!(matches!(tried(vec![Err(closed()), gone()]).0, Err(Error::NotRemofile { .. })));
    }

    #[test]
    fn no_pause_goes_beyond_the_deadline() {
        let context = CallContext { deadline: Deadline::after(Some(PAUSES[0])), ..CallContext::unlimited() };
        let mut attempts = 0;
        // What is left is less than the first pause by now.
        let result = until_answered(&context, || {
            attempts += 1;
            Err::<(), _>(closed())
        });
        assert!(matches!(result, Err(Error::NotRemofile { .. })), "{result:?}");
        assert_eq!(attempts, 1);
    }
}
