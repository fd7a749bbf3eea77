//! Bytes that are reserved for what is being written.

use super::one::{Exceeded, Meter};
use std::sync::Arc;

/// The quota of whoever writes, on the directory of a meter.
#[derive(Clone)]
pub(in crate::store) struct Limit {
    pub(in crate::store) meter: Arc<Meter>,
    pub(in crate::store) bytes: u64,
}

/// Bytes that are reserved in all meters above a place. Dropped, they are free again.
pub(in crate::store) struct Reservation {
    meters: Vec<Arc<Meter>>,
    limit: Option<Limit>,
    bytes: u64,
}

impl Reservation {
    /// A reservation of nothing yet. A limit on a directory that is not above the place is none.
    pub(super) fn new(meters: Vec<Arc<Meter>>, limit: Option<&Limit>) -> Self {
        let limit = limit.filter(|limit| meters.iter().any(|meter| Arc::ptr_eq(meter, &limit.meter))).cloned();
        Self { meters, limit, bytes: 0 }
    }

    /// Returns the bytes that are reserved.
    pub(in crate::store) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reports whether a quota is on what is reserved.
    pub(in crate::store) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Reserves more, where `freed` settled bytes make room.
    pub(in crate::store) fn grow(&mut self, bytes: u64, freed: u64) -> Result<(), Exceeded> {
        if bytes == 0 && freed == 0 {
            return Ok(());
        }
        if let Some(limit) = &self.limit {
            limit.meter.reserve(bytes, freed, Some(limit.bytes))?;
        }
        let others = || self.meters.iter().filter(|meter| !self.is_of_limit(meter));
        for (reserved, meter) in others().enumerate() {
            if let Err(exceeded) = meter.reserve(bytes, freed, None) {
                // One of several servers has to ask for room there first.
                let limit = self.limit.iter().map(|limit| &limit.meter);
                limit.chain(others().take(reserved)).for_each(|meter| meter.take_back(bytes, freed));
                return Err(exceeded);
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    fn is_of_limit(&self, meter: &Arc<Meter>) -> bool {
        self.limit.as_ref().is_some_and(|limit| Arc::ptr_eq(meter, &limit.meter))
    }

    /// Ends the reservation, and changes what is settled. `meters` are those above the place now: one that is new knows
    /// nothing of the reservation.
    pub(super) fn settle(mut self, meters: &[Arc<Meter>], change: i128) {
        let bytes = std::mem::take(&mut self.bytes);
        let own = std::mem::take(&mut self.meters);
        let is_among = |those: &[Arc<Meter>], meter: &Arc<Meter>| those.iter().any(|other| Arc::ptr_eq(other, meter));
        own.iter().filter(|meter| !is_among(meters, meter)).for_each(|meter| meter.settle(bytes, 0));
        for meter in meters {
            meter.settle(if is_among(&own, meter) { bytes } else { 0 }, change);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.meters.iter().for_each(|meter| meter.settle(self.bytes, 0));
    }
}
