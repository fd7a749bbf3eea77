//! Measurements: for which files a search for what changed is worth it on this line.

use super::{Candidate, Deltas};
use crate::client::{LineSpeed, Syncing};
use crate::delta::{BlocksToSign, Search, Signer, Speeds, is_worth_it};
use crate::error::Result;
use crate::store::Source;
use crate::sync::SyncOptions;
use crate::sync::options::Delta;
use std::time::{Duration, Instant};

/// Bytes of a file with which this machine's speed is measured.
const SAMPLE_BYTES: u64 = 16 * 1024 * 1024;

/// Factor by which a first measurement of the line may be wrong.
const DOUBT: f64 = 4.0;

/// Bytes that a line is taken to carry in a round trip where it is long, and was not measured for that.
const UNMEASURED_BYTES: u64 = 128 * 1024;

impl Deltas<'_> {
    /// Chooses the files for which a search is worth it. Returns with them the bytes that the line carries in a round trip, 0
    /// if that was not measured.
    pub(super) fn worthwhile(
        &self,
        syncing: &mut Syncing<'_>,
        candidates: Vec<Candidate>,
        options: &SyncOptions,
    ) -> Result<(Vec<Candidate>, u64)> {
        // The largest file gives the longest sample, and so the best measurement.
        let Some(largest) = candidates.iter().max_by_key(|candidate| candidate.local_bytes) else {
            return Ok((candidates, 0));
        };
        if options.delta != Delta::Measured {
            return Ok((candidates, 0));
        }
        let Ok(path) = self.local.join(&largest.path) else { return Ok((candidates, 0)) };
        let Some((sign, search)) = own_speeds(|| self.store.open(&path).ok()) else { return Ok((candidates, 0)) };
        let speeds_of = |line: LineSpeed| Speeds {
            link_bytes_per_second: Some(line.bytes_per_second),
            round_trip: line.round_trip,
            // The other side is taken to be as fast.
            sign_bytes_per_second: sign,
            search_bytes_per_second: search,
        };
        let is_worth_it =
            |line, candidate: &Candidate| is_worth_it(&speeds_of(line), candidate.local_bytes, candidate.remote_bytes);
        // On a long line it need not be measured, which would take as long as a question.
        if let Some(round_trip) = syncing.long_round_trip()? {
            let at_best = |candidate: &Candidate| {
                LineSpeed::at_best(candidate.local_bytes.min(candidate.remote_bytes), round_trip)
            };
            if candidates.iter().all(|candidate| is_worth_it(at_best(candidate), candidate)) {
                return Ok((candidates, UNMEASURED_BYTES));
            }
        }
        // Measured no longer than it may change a decision: on a long line each probe takes as long as a question.
        let is_settled = |line: LineSpeed| is_slow_for(&candidates, &speeds_of(line.by(DOUBT)));
        let line = syncing.measure_line(options.send.rate(), &is_settled)?;
        let round_trip_bytes = line.bytes_per_second * line.round_trip.as_secs_f64();
        let worthwhile = candidates.into_iter().filter(|candidate| is_worth_it(line, candidate)).collect();
        Ok((worthwhile, round_trip_bytes as u64))
    }
}

/// Measures the bytes a second that this machine signs, and those in which it searches for signed blocks, with a
/// part of a file.
fn own_speeds(open: impl Fn() -> Option<Box<dyn Source>>) -> Option<(f64, f64)> {
    let source = open()?;
    let bytes = source.entry().size.min(SAMPLE_BYTES);
    let rate = |took: Duration| bytes as f64 / took.max(Duration::from_micros(1)).as_secs_f64();
    let mut search = Search::new(bytes, bytes, 0);
    let BlocksToSign { block_bytes, ranges } = search.wanted()?;
    let (mut signatures, began) = (Vec::new(), Instant::now());
    let mut signer = Signer::new(open()?, block_bytes, ranges, 0, false).ok()?;
    while !signer.step(&mut signatures).ok()? {}
    let signed = began.elapsed();
    let began = Instant::now();
    search.look(&*source, &signatures, &mut || Ok(())).ok()?;
    Some((rate(signed), rate(began.elapsed())))
}

/// Reports whether a line is so slow that a search is worth it for each file, so that it need not be measured any further. A line
/// that seems fast is measured to the end: a short probe may come all at once, however slow the line is.
fn is_slow_for(candidates: &[Candidate], speeds: &Speeds) -> bool {
    candidates.iter().all(|candidate| is_worth_it(speeds, candidate.local_bytes, candidate.remote_bytes))
}
