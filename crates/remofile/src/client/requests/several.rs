//! Many requests of one call, made in one flight.

use crate::client::servers::again::uncertain;
use crate::client::servers::repeated::{changes_nothing, is_lost};
use crate::client::session::flight::Flight;
use crate::client::{Client, Protocol};
use crate::error::{Error, Result};
use remofile_protocol::wire::{Done, Failure, Request};
use std::collections::VecDeque;

impl Client {
    /// Makes requests that change something, and passes on what comes of each, in their order. None waits for the answer to the one
    /// before it; those whose paths meet are done in their order.
    ///
    /// # Errors
    /// Those of the connection: of the requests whose outcome was not passed on, some may have been done.
    pub(super) fn ask_each(
        &mut self,
        requests: &[Request],
        on_outcome: &mut dyn FnMut(usize, Result<Done>),
    ) -> Result<()> {
        // With the answer to the first one, there is a session, of a server that changes something now. One of protocol 1 is
        // asked for one thing at a time.
        let alone = if self.options.protocol == Protocol::One { requests.len() } else { 1 };
        for (number, request) in requests.iter().enumerate().take(alone) {
            on_outcome(number, self.ask_alone(request)?);
        }
        let Some(together) = requests.get(alone..).filter(|requests| !requests.is_empty()) else { return Ok(()) };
        let mut put_by = VecDeque::new();
        let flown = self.fly(together, &mut |number, answer| match answer.map_err(Error::from) {
            // Nothing of it was done, and another server may do it.
            Err(error) if changes_nothing(&error) => put_by.push_back((number, None)),
            outcome if put_by.is_empty() => on_outcome(alone + number, outcome),
            outcome => put_by.push_back((number, Some(outcome))),
        });
        for (number, outcome) in put_by {
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => self.ask_alone(&together[number])?,
            };
            on_outcome(alone + number, outcome);
        }
        flown
    }

    /// Makes a request, and tells an error of its own from one that ends the call.
    fn ask_alone(&mut self, request: &Request) -> Result<Result<Done>> {
        match self.ask(request) {
            Err(error) if !matches!(error, Error::Remote(_) | Error::Busy(_)) => Err(error),
            outcome => Ok(outcome),
        }
    }

    fn fly(
        &mut self,
        requests: &[Request],
        on_answer: &mut dyn FnMut(usize, std::result::Result<Done, Failure>),
    ) -> Result<()> {
        let (context, on_waiting) = (self.context(), self.options.on_waiting.clone());
        let mut flight = Flight::new(requests, on_answer, on_waiting);
        let session = self.session(&context)?;
        let before = session.traffic();
        let flown = session.fly(&mut flight, &context);
        let moved = session.traffic() - before;
        let made = flight.made();
        self.traffic = self.traffic + moved;
        self.asked += made as u64;
        if let Err(error) = &flown
            && let Some(session) = self.session.take()
            && is_lost(error)
        {
            self.options.kept_servers.lost(&session.place);
        }
        if self.idle.is_shared() {
            self.lend();
        }
        flown.map_err(|error| if is_lost(&error) && made > 0 { uncertain(error) } else { error })
    }
}
