//! Measurements of the line: its rate and round trip.

use crate::carrier::{Link, Produced, drive};
use crate::client::Client;
use crate::client::session::call::{Session, closed};
use crate::client::session::context::CallContext;
use crate::client::session::endpoint::{ClientEndpoint, LeaseHold, SessionUse};
use crate::error::Result;
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Body, Header, OperationId, Request};
use std::time::{Duration, Instant};

/// Bytes that are sent one after the other to be measured: more, as long as they are quick.
const PROBES: [usize; 3] = [64 * 1024, 512 * 1024, 4 * 1024 * 1024];

/// Time of a probe after which no more is sent: the rate is known well enough then.
const LONG_ENOUGH: Duration = Duration::from_millis(20);

/// Shortest time of a probe that is counted.
const SHORTEST: Duration = Duration::from_micros(20);

/// The speed of a line, as it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LineSpeed {
    pub(crate) bytes_per_second: f64,
    pub(crate) round_trip: Duration,
}

/// Bytes that the connections of a session carry together in their first round trip, whatever the line could carry: ten segments
/// each.
const FIRST_FLIGHT: f64 = 16.0 * 10.0 * 1460.0;

impl LineSpeed {
    /// The rate at which so many bytes are sent over a line with this round trip, however fast it is: connections begin slowly,
    /// and send at most twice as much in each round trip as in the one before.
    pub(crate) fn at_best(bytes: u64, round_trip: Duration) -> Self {
        let round_trips = (bytes as f64 / FIRST_FLIGHT).max(1.0).log2().max(1.0);
        let took = round_trip.max(SHORTEST).as_secs_f64() * round_trips;
        Self { bytes_per_second: bytes as f64 / took, round_trip }
    }

    /// The same line with so many times the rate.
    pub(crate) fn by(self, factor: f64) -> Self {
        Self { bytes_per_second: self.bytes_per_second * factor, ..self }
    }
}

impl Client {
    /// Measures the rate that the server takes, and the round trip, until they are `settled` well enough.
    pub(crate) fn measure_line(
        &mut self,
        context: &CallContext,
        is_settled: &dyn Fn(LineSpeed) -> bool,
    ) -> Result<LineSpeed> {
        let mut line = LineSpeed { bytes_per_second: f64::INFINITY, round_trip: Duration::MAX };
        for bytes in PROBES {
            let Probed { answered, took } = self.probe(context, bytes)?;
            // The shortest, as any of them may have waited for something else.
            let took = took.max(SHORTEST);
            line = LineSpeed {
                bytes_per_second: bytes as f64 / took.as_secs_f64(),
                round_trip: line.round_trip.min(answered),
            };
            if took > LONG_ENOUGH || is_settled(line) {
                break;
            }
        }
        Ok(line)
    }

    /// Measures the time that bytes take.
    fn probe(&mut self, context: &CallContext, bytes: usize) -> Result<Probed> {
        let took = self.session(context)?.probe(bytes, context);
        if took.is_err() {
            (self.session, self.holds) = (None, false);
        }
        took
    }
}

/// The outcome of a probe.
struct Probed {
    /// Time from a question to its answer.
    answered: Duration,
    /// Time from that answer to the one behind the bytes.
    took: Duration,
}

impl Session {
    fn probe(&mut self, bytes: usize, context: &CallContext) -> Result<Probed> {
        let began = Instant::now();
        let watch = self.stall_watch();
        let (machine, lease_hold, clock) = (&mut self.machine, &mut self.lease_hold, self.clock);
        let session = SessionUse { machine, lease_hold, context, clock, watch };
        let mut probing =
            Probing { session, left: bytes, asked: Vec::with_capacity(2), answered: Vec::new(), is_closed: false };
        let wakers: Vec<_> = context.interrupt.waker().into_iter().collect();
        drive(&mut self.link, &mut probing, &wakers, self.clock)?;
        match *probing.answered {
            [first, last] => Ok(Probed { answered: first - began, took: last - first }),
            _ => Err(closed(None)),
        }
    }
}

/// A probe: a question, bytes that mean nothing, and a question whose answer tells that they have come. All of it is on its way
/// at once, so it takes one round trip.
struct Probing<'a> {
    session: SessionUse<'a>,
    left: usize,
    asked: Vec<OperationId>,
    /// The times of the answers.
    answered: Vec<Instant>,
    is_closed: bool,
}

impl ClientEndpoint for Probing<'_> {
    fn session(&self) -> &SessionUse<'_> {
        &self.session
    }

    fn machine(&mut self) -> &mut ClientSession {
        self.session.machine
    }

    fn lease_hold(&mut self) -> &mut Option<LeaseHold> {
        self.session.lease_hold
    }

    fn watch(&mut self, now: Duration) {
        self.session.watch.look(now, self.session.context, self.session.machine);
    }

    fn learn(&mut self, _operation: OperationId, event: ClientEvent, _payload: &[u8]) -> Result<()> {
        match event {
            ClientEvent::Finished(id, _) if self.asked.contains(&id) => self.answered.push(Instant::now()),
            ClientEvent::Closed(_) => self.is_closed = true,
            _ => {}
        }
        Ok(())
    }

    fn work(&mut self, now: Duration, link: &mut Link) -> Result<Produced> {
        // One question before all bytes, and one behind them: the server answers in their order.
        if self.asked.is_empty() || (self.left == 0 && self.asked.len() == 1) {
            self.asked.push(self.session.machine.start(now, Request::Status, 0));
            return Ok(Produced::Work);
        }
        if self.left == 0 {
            return Ok(Produced::Nothing);
        }
        let mut message = link.message();
        let length = self.left.min(message.room());
        message.space(length).fill(0);
        message.advance(length);
        self.left -= length;
        let header = Header { operation: OperationId::SESSION, body: Body::Ignorable, wait_milliseconds: 0 };
        link.finish(&header, length);
        Ok(Produced::Message)
    }

    fn is_over(&self) -> bool {
        self.answered.len() == 2 || self.is_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The milliseconds in which so many bytes are sent at best over a line of 100 ms.
    fn at_best(bytes: u64) -> f64 {
        let line = LineSpeed::at_best(bytes, Duration::from_millis(100));
        assert_eq!(line.round_trip, Duration::from_millis(100));
        (bytes as f64 / line.bytes_per_second * 1000.0).round()
    }

    #[test]
    fn however_fast_a_line_is_its_connections_begin_slowly() {
        assert_eq!(at_best(1), 100.0);
        assert_eq!(at_best(233_600), 100.0);
        assert_eq!(at_best(233_600 * 256), 800.0);
    }
}
