//! The further connections of a session, and since when they are of no use.

use crate::carrier::Link;
use crate::server::lanes::Joining;
use std::time::Duration;

/// The further connections of a session.
#[derive(Debug)]
pub(super) struct FurtherLanes {
    /// The place at which they come, if the client told who it is.
    joining: Option<Joining>,
    /// The time since which a session that has some has nothing to do.
    useless_since: Option<Duration>,
}

impl FurtherLanes {
    pub(super) fn new(joining: Option<Joining>) -> Self {
        Self { joining, useless_since: None }
    }

    /// Gives a link those that have come.
    pub(super) fn give(&self, link: &mut Link) {
        self.joining.iter().flat_map(Joining::take).for_each(|lane| link.join(lane));
    }

    /// Records whether there are some and nothing to do.
    pub(super) fn note(&mut self, now: Duration, are_useless: bool) {
        self.useless_since = are_useless.then(|| self.useless_since.unwrap_or(now));
    }

    /// Returns the time at which they have been of no use for so long.
    pub(super) fn useless_until(&self, allowed: Duration) -> Option<Duration> {
        Some(self.useless_since?.saturating_add(allowed))
    }
}
