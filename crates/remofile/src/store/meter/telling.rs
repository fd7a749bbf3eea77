//! The way in which one of several servers tells the others what it has done with its share of the room below a
//! directory, and asks for more.
//!
//! A server asks for more room than it needs, so that the others are asked seldom, and gives back what it has not needed when nobody
//! writes. What it tells is made of differences, with a number by which it is known again: where an answer is lost, the next record
//! that is seen says whether it has arrived. If its share is gone, the others have taken this server for dead and have found by a
//! count what it had done: then nothing of that is told any more.

use super::one::{Meter, MeterState};
use super::sharing::Sent;
use super::usage::{RecordBefore, Share, SharedUsage, UsageRecord};
use crate::store::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

/// Bytes that are asked for beyond what is needed.
const STEP_BYTES: i128 = 64 * 1024 * 1024;

/// Longest time for which a count waits for other servers: longer than it takes until one that hangs is taken for dead.
const FOR_COUNT: Duration = Duration::from_secs(12);

/// Longest time for which somebody waits who is refused otherwise: not as long as a client takes to hold this server for dead.
const FOR_ROOM: Duration = Duration::from_secs(3);

/// Attempts to write a record that others write as well.
const ATTEMPTS: usize = 100;

/// Room that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) bytes: u64,
    /// Settled bytes that make room.
    pub(super) freed: u64,
    pub(super) quota: Option<u64>,
}

/// The reason for which there is no more room.
pub(in crate::store) enum NoRoom {
    /// The quota has none, though others may give back some of their shares if this is true.
    Exceeded { others_may_have_some: bool },
    /// Other servers cannot be told.
    Failed(Failure),
}

impl From<Failure> for NoRoom {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl MeterState {
    /// Compares what was told with what has arrived, and returns the record that it is to be told in, with its revision.
    fn settle_told(&mut self) -> Option<(UsageRecord, u64)> {
        let sharing = self.sharing.as_mut()?;
        let (record, revision) = sharing.seen.clone()?;
        let own = record.share(sharing.id).copied();
        let arrived = own.and_then(|own| sharing.sent.iter().find(|sent| sent.number == own.number).copied());
        // Whatever was to replace an older record will not arrive any more.
        sharing.sent.retain(|sent| sent.replaces >= revision);
        match (arrived, own) {
            (Some(sent), Some(own)) => {
                (sharing.arrived, sharing.share) = (sent.number, own.bytes);
                self.settled -= sent.settled;
                self.moved -= sent.moved;
                self.unseen -= sent.unseen;
            }
            (None, Some(own)) if sharing.sent.is_empty() => sharing.share = own.bytes,
            (None, None) if sharing.arrived > 0 => {
                (sharing.arrived, sharing.share) = (0, 0);
                sharing.sent.clear();
                (self.settled, self.moved, self.unseen, self.is_doubtful) = (0, 0, 0, true);
            }
            _ => {}
        }
        Some((record, revision))
    }

    /// Makes the record that tells what has changed here and asks for more room, or gives some back, in place of that of a revision.
    fn telling(&mut self, ask: Option<Ask>, keeps_step: bool) -> Result<Option<(UsageRecord, u64)>, NoRoom> {
        if self.sharing.as_ref().is_none_or(|sharing| sharing.is_doubted) {
            return Ok(None);
        }
        let Some((mut record, revision)) = self.settle_told() else { return Ok(None) };
        let (settled, moved, unseen) = (self.settled, self.moved, self.unseen);
        let reserved = i128::try_from(self.reserved).unwrap_or(i128::MAX);
        let Some(sharing) = self.sharing.as_mut() else { return Ok(None) };
        let left = i128::from(sharing.share) - settled;
        let share = match ask {
            None if keeps_step && sharing.is_busy => left.min(reserved + STEP_BYTES).max(reserved),
            None => reserved,
            Some(ask) => {
                let needed = reserved + (i128::from(ask.bytes) - i128::from(ask.freed)).max(0);
                let quota = ask.quota.map_or(i128::MAX, i128::from);
                let unused = quota.saturating_sub(i128::from(record.settled) + settled);
                let room = unused.saturating_sub(record.shared_out(sharing.id).into());
                if needed > room && ask.bytes > ask.freed {
                    let others_may_have_some = needed <= unused && record.shared_out(sharing.id) > 0;
                    return Err(NoRoom::Exceeded { others_may_have_some });
                }
                (needed + STEP_BYTES).min(room).max(needed)
            }
        };
        sharing.is_busy = ask.is_some();
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        record.settled = record.settled.saturating_add(i64::try_from(settled).unwrap_or(i64::MAX));
        record.moved = record.moved.wrapping_add(u64::try_from(moved).unwrap_or(u64::MAX));
        record.unseen = record.unseen.wrapping_add(unseen);
        sharing.number += 1;
        let (number, bytes) = (sharing.number, u64::try_from(reserved).unwrap_or(u64::MAX));
        record.set_share(Share { of: sharing.id, number, bytes: share, reserved: bytes });
        sharing.sent.push(Sent { number, replaces: revision, settled, moved, unseen });
        // Until it is known whether it arrives there is only the room that there is either way.
        let after = u64::try_from(i128::from(share) + settled).unwrap_or(0);
        sharing.share = sharing.share.min(after);
        Ok(Some((record, revision)))
    }

    fn has_something_to_tell(&self) -> bool {
        let Some(sharing) = &self.sharing else { return false };
        let told = sharing.seen.as_ref().and_then(|(record, _)| record.share(sharing.id));
        let is_told = |share: &Share| {
            u128::from(share.reserved) == self.reserved
                && u128::from(share.bytes) == self.reserved
                && sharing.sent.is_empty()
        };
        sharing.is_doubted
            || self.settled != 0
            || self.moved != 0
            || self.unseen != 0
            || told.is_some_and(|share| !is_told(share))
    }
}

impl Meter {
    /// Takes note of the record as another server has written it.
    pub(super) fn see(&self, record: UsageRecord, revision: u64) {
        if let Some(sharing) = &mut self.lock().sharing {
            sharing.see(record, revision);
        }
    }

    /// Uses no more of its share until it has asked again: other servers may have taken this one for dead.
    pub(super) fn distrust_share(&self) {
        if let Some(sharing) = &mut self.lock().sharing {
            (sharing.share, sharing.is_doubted) = (0, true);
        }
    }

    /// Tells other servers what has changed here, if something has. With `keeps_step` some room is kept for what comes next, if
    /// somebody writes.
    pub(super) fn tell_changes(&self, usage: &dyn SharedUsage, keeps_step: bool) -> StoreResult<()> {
        if !self.lock().has_something_to_tell() {
            return Ok(());
        }
        self.tell(usage, None, keeps_step)
    }

    fn tell(&self, usage: &dyn SharedUsage, ask: Option<Ask>, keeps_step: bool) -> StoreResult<()> {
        match self.tell_and_ask(usage, ask, keeps_step) {
            Ok(()) => Ok(()),
            Err(NoRoom::Failed(failure)) => Err(failure),
            Err(NoRoom::Exceeded { .. }) => Err(ErrorCode::QuotaExceeded.into()),
        }
    }

    /// Asks for room in the share of this server. What was asked for may be reserved by others of this server before.
    pub(super) fn ask_for_room(&self, usage: &dyn SharedUsage, ask: Ask) -> Result<(), NoRoom> {
        self.tell_and_ask(usage, Some(ask), true)
    }

    fn tell_and_ask(&self, usage: &dyn SharedUsage, ask: Option<Ask>, keeps_step: bool) -> Result<(), NoRoom> {
        let _one_at_once = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let telling = self.lock().telling(ask, keeps_step)?;
            if let Some((record, revision)) = telling
                && self.write(usage, record, revision)?
            {
                return Ok(());
            }
            self.look(usage)?;
        }
        Err(NoRoom::Failed(contended()))
    }

    fn look(&self, usage: &dyn SharedUsage) -> StoreResult<()> {
        let (record, revision) = usage.read(self.directory())?;
        if let Some(sharing) = &mut self.lock().sharing {
            sharing.is_doubted = false;
            sharing.see(record, revision);
        }
        Ok(())
    }

    /// Writes a record, and takes note of it; false if somebody else has written another one meanwhile.
    fn write(&self, usage: &dyn SharedUsage, record: UsageRecord, revision: u64) -> StoreResult<bool> {
        let Some(written) = usage.replace(self.directory(), &record, revision)? else { return Ok(false) };
        let mut state = self.lock();
        if let Some(sharing) = &mut state.sharing {
            sharing.see(record, written);
        }
        // If a later one was seen already, it has that in it.
        let _told = state.settle_told();
        Ok(true)
    }

    /// Begins a count, once all servers have told what they have changed until now.
    pub(super) fn begin_shared_count(&self, usage: &dyn SharedUsage) -> StoreResult<RecordBefore> {
        self.tell(usage, None, true)?;
        // What is told only later may have been done before, and would leave the more in doubt.
        usage.await_told(&self.other_servers(), FOR_COUNT)?;
        self.look(usage)?;
        let servers = usage.servers()?;
        let state = self.lock();
        let seen = state.sharing.as_ref().and_then(|sharing| Some((sharing.id, &sharing.seen.as_ref()?.0)));
        let (id, record) = seen.ok_or_else(contended)?;
        Ok(record.before_count(record.left(id, &servers)))
    }

    /// Ends a count that has found so many bytes, once all servers have told what they have changed until now. Returns false if
    /// too much was changed meanwhile. No change of this server that the walk has seen may be in its moment any more.
    pub(super) fn correct_record(
        &self,
        usage: &dyn SharedUsage,
        before: &RecordBefore,
        found: u64,
        is_last: bool,
    ) -> StoreResult<bool> {
        self.tell(usage, None, true)?;
        usage.await_told(&self.other_servers(), FOR_COUNT)?;
        let _one_at_once = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            self.look(usage)?;
            let Ok(Some((mut record, revision))) = self.lock().telling(None, true) else { continue };
            if !record.correct(before, found, is_last) {
                return Ok(false);
            }
            if self.write(usage, record, revision)? {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// Has other servers give back the room that they do not use.
    pub(super) fn gather_room(&self, usage: &dyn SharedUsage) -> StoreResult<()> {
        usage.await_told(&self.other_servers(), FOR_ROOM)
    }

    /// Returns the servers that have a share, but for this one.
    fn other_servers(&self) -> HashSet<u64> {
        let state = self.lock();
        let seen = state.sharing.as_ref().and_then(|sharing| Some((sharing.id, &sharing.seen.as_ref()?.0)));
        let others = seen.map(|(id, record)| record.others(id).map(|share| share.of.server).collect::<HashSet<u64>>());
        let own = state.sharing.as_ref().map(|sharing| sharing.id.server);
        others.into_iter().flatten().filter(|server| Some(*server) != own).collect()
    }

    /// Reports whether a share is that of a server which is gone, so that a count finds what it has really used.
    pub(super) fn has_left_shares(&self, usage: &dyn SharedUsage) -> StoreResult<bool> {
        let servers = usage.servers()?;
        Ok(self.other_servers().iter().any(|server| !servers.contains(server)))
    }
}

fn contended() -> Failure {
    Failure::new(ErrorCode::OutOfResources).because("too many servers write at once: try again")
}
