//! Further connections of a session, for a transfer that they help.
//!
//! On a long line one connection is slow whatever the line could carry: it begins slowly, the kernel holds only so much of
//! what was not acknowledged, and each loss slows it down. So a transfer that has moved a little opens others to the same
//! session, on threads of its own, and goes on meanwhile. What cannot be opened is done without.

use crate::carrier::{LONG_ROUND_TRIP, LaneInbox, Line, Link};
use crate::client::Protocol;
use crate::client::session::lane_choice::{LARGE_FILE, LaneChoice};
use crate::client::session::lane_opening::{LaneOpener, LaneOpening};
use remofile_protocol::limits::MAX_LANES;
use remofile_protocol::wire::Item;
use std::time::Duration;

/// Part of a round trip for which there is a connection: the longer the line, the more is under way on it.
const LANE_TIME: Duration = Duration::from_micros(12_500);

/// Bytes that a session moves over one connection before it opens others, unless it is known before that more are to come: short
/// calls are over before those are there.
const LEAST_BYTES: u64 = 32 * 1024;

/// The further connections of a session, before they are opened and after it.
#[derive(Debug)]
pub(super) struct Lanes {
    count: usize,
    /// True if a large file comes.
    expects_much: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Planned(Box<LaneOpener>),
    /// Being made, in case they are of use: they do not belong to the session yet.
    Ahead(LaneOpening),
    /// Opened, or being opened.
    Opened {
        _opening: LaneOpening,
    },
    /// There are none.
    None,
}

/// Returns the connections that help on a line with this round trip: 2 at 15 ms, 8 at 100 ms, 16 at 200 ms.
fn helpful(round_trip: Duration) -> usize {
    let lanes = round_trip.as_micros().div_ceil(LANE_TIME.as_micros());
    usize::try_from(lanes).unwrap_or(MAX_LANES).clamp(2, MAX_LANES)
}

/// Returns the number of connections beside the first.
fn further(choice: LaneChoice, round_trip: Duration) -> usize {
    match choice {
        LaneChoice::One => 0,
        LaneChoice::Helpful if round_trip < LONG_ROUND_TRIP => 0,
        LaneChoice::Helpful => helpful(round_trip) - 1,
        LaneChoice::Exactly(lanes) => usize::from(lanes.get()).min(MAX_LANES) - 1,
    }
}

impl Lanes {
    /// Plans the further connections of a session over a line with this round trip; `None` if there are none.
    pub(super) fn plan(choice: LaneChoice, round_trip: Duration, opener: impl FnOnce() -> LaneOpener) -> Option<Self> {
        let count = further(choice, round_trip);
        let opener = (count > 0).then(opener).filter(|opener| opener.options.protocol == Protocol::Two)?;
        Some(Self { count, expects_much: false, stage: Stage::Planned(Box::new(opener)) })
    }

    /// Begins to make them before it is known whether they are of use: the session may not be there yet.
    pub(super) fn ahead(mut self) -> Self {
        self.expects_much = true;
        if let Stage::Planned(opener) = self.stage {
            self.stage = opener.begin(self.count).map_or_else(|error| none(&error), Stage::Ahead);
        }
        self
    }

    /// Has fewer, now that the round trip is known better; `None` if it is too short for any.
    pub(super) fn at_most(mut self, choice: LaneChoice, round_trip: Duration) -> Option<Self> {
        self.count = self.count.min(further(choice, round_trip));
        (self.count > 0).then_some(self)
    }

    /// Opens them, if it is time.
    pub(super) fn open_in_time(&mut self, link: &mut Link) {
        let is_much = link.sent_bytes() + link.received_bytes() >= LEAST_BYTES;
        if self.has_begun() || !(is_much || self.expects_much) {
            return;
        }
        let opening = match std::mem::replace(&mut self.stage, Stage::None) {
            Stage::Planned(opener) => opener.begin(self.count),
            Stage::Ahead(opening) => Ok(opening),
            Stage::Opened { .. } | Stage::None => return,
        };
        let joined = opening.and_then(|opening| {
            let inbox = LaneInbox::new(self.count)?;
            link.await_lanes(inbox.clone());
            opening.join(inbox, self.count);
            Ok(Stage::Opened { _opening: opening })
        });
        self.stage = joined.unwrap_or_else(|error| none(&error));
    }

    /// Learns what is about to come.
    pub(super) fn learn(&mut self, items: &[Item]) {
        let is_large = |item: &Item| matches!(item, Item::Begin { size: Some(size), .. } if *size >= LARGE_FILE);
        self.expects_much |= !self.has_begun() && items.iter().any(is_large);
    }

    /// Reports whether they were begun and not opened since.
    pub(super) fn is_ahead(&self) -> bool {
        matches!(self.stage, Stage::Ahead(_))
    }

    /// Reports whether they were opened, or are being opened.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.stage, Stage::Opened { .. } | Stage::None)
    }
}

fn none(error: &std::io::Error) -> Stage {
    tracing::debug!(%error, "no further connections");
    Stage::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientOptions;
    use crate::client::servers::ServerAddress;
    use crate::client::servers::kept::ServerPlace;
    use remofile_protocol::token::Token;
    use std::num::NonZeroU8;

    fn plan(choice: LaneChoice, milliseconds: u64) -> Option<Lanes> {
        let options = ClientOptions::new("localhost", 1, Token::generate());
        let server = ServerAddress { hostname: "localhost".to_owned(), port: 1 };
        let place = ServerPlace { server, address: ([127, 0, 0, 1], 1).into() };
        let opener = || LaneOpener { options, place, joins: 0 };
        Lanes::plan(choice, Duration::from_millis(milliseconds), opener)
    }

    fn planned(choice: LaneChoice, milliseconds: u64) -> Option<usize> {
        plan(choice, milliseconds).map(|lanes| 1 + lanes.count)
    }

    #[test]
    fn a_long_line_has_several_connections_a_short_one_has_one_and_a_number_is_a_number() {
        for (milliseconds, lanes) in [(0, None), (14, None), (15, Some(2)), (100, Some(8)), (5000, Some(16))] {
            assert_eq!(planned(LaneChoice::Helpful, milliseconds), lanes, "{milliseconds}");
        }
        let exactly = |lanes| LaneChoice::Exactly(NonZeroU8::new(lanes).unwrap());
        assert_eq!((planned(exactly(4), 0), planned(exactly(1), 500)), (Some(4), None));
        assert_eq!(planned(LaneChoice::One, 500), None);
    }

    #[test]
    fn a_first_packet_that_was_lost_makes_no_line_long() {
        let known_better = |choice, milliseconds| {
            let lanes = plan(choice, 1020)?.at_most(choice, Duration::from_millis(milliseconds));
            lanes.map(|lanes| 1 + lanes.count)
        };
        assert_eq!(known_better(LaneChoice::Helpful, 20), Some(2));
        assert_eq!(known_better(LaneChoice::Helpful, 2000), Some(16));
        assert_eq!(known_better(LaneChoice::Helpful, 1), None);
        assert_eq!(known_better(LaneChoice::Exactly(NonZeroU8::new(4).unwrap()), 20), Some(4));
    }
}
