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

impl Client {
    /// Measures the rate that the server takes, in bytes a second, and the round trip.
    pub(crate) fn measure_line(&mut self, context: &CallContext) -> Result<(f64, Duration)> {
        let mut round_trip = Duration::MAX;
        // The shortest of three, as any of them may have waited for something else.
        for _ in 0..3 {
            round_trip = round_trip.min(self.probe(context, 0)?);
        }
        let mut rate = f64::INFINITY;
        for bytes in PROBES {
            // Less the round trip, the time is that of the bytes alone.
            let took = self.probe(context, bytes)?.saturating_sub(round_trip).max(SHORTEST);
            rate = bytes as f64 / took.as_secs_f64();
            if took > LONG_ENOUGH {
                break;
            }
        }
        Ok((rate, round_trip))
    }

    /// Measures the time that bytes and the answer to a request behind them take.
    fn probe(&mut self, context: &CallContext, bytes: usize) -> Result<Duration> {
        let took = self.session(context)?.probe(bytes, context);
        if took.is_err() {
            (self.session, self.holds) = (None, false);
        }
        took
    }
}

impl Session {
    fn probe(&mut self, bytes: usize, context: &CallContext) -> Result<Duration> {
        let began = Instant::now();
        let session =
            SessionUse { machine: &mut self.machine, lease_hold: &mut self.lease_hold, context, clock: self.clock };
        let mut probing = Probing { session, left: bytes, asked: None, is_done: false, is_closed: false };
        let wakers: Vec<_> = context.interrupt.waker().into_iter().collect();
        drive(&mut self.link, &mut probing, &wakers, self.clock)?;
        if probing.is_closed { Err(closed(None)) } else { Ok(began.elapsed()) }
    }
}

/// A probe: bytes that mean nothing, then a request whose answer tells that they have come.
struct Probing<'a> {
    session: SessionUse<'a>,
    left: usize,
    asked: Option<OperationId>,
    is_done: bool,
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

    fn learn(&mut self, _operation: OperationId, event: ClientEvent, _payload: &[u8]) -> Result<()> {
        match event {
            ClientEvent::Finished(id, _) if Some(id) == self.asked => self.is_done = true,
            ClientEvent::Closed(_) => self.is_closed = true,
            _ => {}
        }
        Ok(())
    }

    fn work(&mut self, now: Duration, link: &mut Link) -> Result<Produced> {
        if self.left == 0 {
            return Ok(match self.asked {
                Some(_) => Produced::Nothing,
                None => {
                    // Its answer comes only after the server has read all the bytes before it.
                    self.asked = Some(self.session.machine.start(now, Request::Status, 0));
                    Produced::Work
                }
            });
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
        self.is_done || self.is_closed
    }
}
