//! Calls that are made again after their connection was lost, so that nothing is done twice.

use crate::client::servers::repeated::{LEASE_WAIT, Repeated, changes_nothing, is_lost, is_not_begun, is_out_of_reach};
use crate::client::session::context::CallContext;
use crate::client::{Client, Protocol, RetryOptions};
use crate::error::{Error, Result};
use std::io;

impl Client {
    /// Makes a call, again after its connection was lost: once with one server, and with several as often as transfers are
    /// tried again by default. So often it is made with one server, too, that has lost its coordinator.
    ///
    /// # Errors
    /// That of the last call; of one with [`Repeated::Different`] that may have been done, a lost connection which says so.
    pub(crate) fn again<T>(
        &mut self,
        repeated: Repeated,
        context: &CallContext,
        mut call: impl FnMut(&mut Self, &CallContext) -> Result<T>,
    ) -> Result<T> {
        // Servers of protocol 1 have no leases that would tell whether something is over.
        let may_repeat = !self.holds && self.options.protocol == Protocol::Two;
        let retry = RetryOptions::default();
        let has_several = self.has_several_servers();
        let (mut context, mut first, mut attempt) = (context.clone(), None, 0);
        loop {
            attempt += 1;
            let asked = self.asked;
            let error = match call(self, &context) {
                Err(error) if is_lost(&error) || first.is_some() && is_out_of_reach(&error) => error,
                result => return result,
            };
            if repeated == Repeated::Different && self.may_be_done(asked, &error) {
                return Err(uncertain(error));
            }
            let most = if has_several || changes_nothing(&error) { retry.times } else { 1 };
            if !may_repeat || attempt > most {
                // The server was there before, so what was lost says more than that it is not there now.
                return Err(first.filter(|_| most == 1).unwrap_or(error));
            }
            tracing::debug!("asking again: {error}");
            // Another server may well have its coordinator; the only one needs a moment.
            let failed = if has_several || !changes_nothing(&error) { attempt - 1 } else { attempt };
            if failed > 0 {
                match context.sleep(retry.pause_before(failed)) {
                    // What it has waited for says more than that it has.
                    Err(Error::Timeout(_)) if changes_nothing(&error) => return Err(error),
                    slept => slept?,
                }
            }
            if !changes_nothing(&error) {
                context = context.waiting_at_least(LEASE_WAIT);
            }
            first.get_or_insert(error);
        }
    }

    /// Reports whether a request may have been done though its call ended with this error; `asked` is the number of requests
    /// before it. A session that could not be opened was asked for nothing.
    pub(crate) fn may_be_done(&self, asked: u64, error: &Error) -> bool {
        // A server that shuts down says so of what it has done, too, unless it has refused it.
        self.asked != asked && is_lost(error) && !is_not_begun(error)
    }

    pub(crate) fn has_several_servers(&self) -> bool {
        self.options.servers().is_ok_and(|servers| servers.len() > 1)
    }
}

/// Returns the error of a change whose answer was lost.
pub(crate) fn uncertain(error: Error) -> Error {
    match error {
        Error::ConnectionLost(source) => Error::outcome_unknown(source.kind(), source.to_string()),
        Error::PeerSilent(silence) => {
            let why = format!("the server has not answered for {} s", silence.as_secs());
            Error::outcome_unknown(io::ErrorKind::TimedOut, why)
        }
        error => Error::outcome_unknown(io::ErrorKind::Other, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientOptions;
    use remofile_protocol::handshake::Refusal;
    use remofile_protocol::token::Token;
    use remofile_protocol::wire::ErrorCode;
    use std::time::Duration;

    /// The end of an attempt, after so many requests.
    #[derive(Clone, Copy)]
    struct Attempt {
        requests: u64,
        error: fn() -> Error,
    }

    /// Makes a change whose attempts end in these ways. Returns how many were made, and the error.
    fn told(attempts: &[Attempt]) -> (usize, Error) {
        let mut client = Client::new(ClientOptions::new("localhost", 1, Token::generate()));
        let mut made = 0;
        let result = client.again(Repeated::Different, &CallContext::unlimited(), |client, _| {
            let Attempt { requests, error } = attempts[made];
            made += 1;
            client.asked += requests;
            Err::<(), _>(error())
        });
        (made, result.unwrap_err())
    }

    #[test]
    fn who_has_no_time_to_wait_for_a_coordinator_is_told_that_it_is_lost() {
        let mut options = ClientOptions::new("localhost", 1, Token::generate());
        options.timeout = Some(Duration::from_millis(1));
        let (mut client, mut made) = (Client::new(options.clone()), 0);
        let result = client.again(Repeated::Different, &CallContext::of(&options), |_, _| {
            made += 1;
            Err::<(), _>(Error::Remote(ErrorCode::CoordinatorLost.into()))
        });
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Remote(failure) if failure.code == ErrorCode::CoordinatorLost), "{error}");
        assert_eq!(made, 1);
    }

    #[test]
    fn a_change_is_told_as_uncertain_only_if_it_was_asked_for_and_has_no_answer() {
        let lost =
            |requests| Attempt { requests, error: || Error::ConnectionLost(io::ErrorKind::ConnectionReset.into()) };
        let refused = Attempt { requests: 1, error: || Error::Refused(Refusal::ShuttingDown) };
        let away = Attempt { requests: 1, error: || Error::Remote(ErrorCode::CoordinatorLost.into()) };
        let silent = Attempt { requests: 1, error: || Error::PeerSilent(Duration::from_secs(30)) };
        for (attempts, is_uncertain) in [
            (&[lost(1)][..], true),
            (&[silent], true),
            (&[refused, lost(1)], true),
            (&[lost(0), lost(1)], true),
            (&[away, lost(1)], true),
            // Nothing was asked for yet, or the server has not begun it.
            (&[away, away, lost(0)], false),
            (&[lost(0), lost(0)], false),
            (&[refused, lost(0)], false),
            (&[refused, refused], false),
        ] {
            let (made, error) = told(attempts);
            assert_eq!(made, attempts.len(), "{error}");
            let told = error.to_string();
            assert_eq!(told.contains("it may have been done: look before you try again"), is_uncertain, "{told}");
            assert!(!is_uncertain || !told.contains("(try again)") && !told.contains("; try again"), "{told}");
        }
    }
}
