//! The passing of files from one session to the other.

use super::end::{OfSide, RelayError, RelaySide};
use super::fetching::Fetching;
use super::pipe::{Pipe, PipeEnd};
use super::storing::Storing;
use crate::client::Client;
use crate::client::download::plan::Expected;
use crate::client::download::selecting::Selecting;
use crate::client::session::context::CallContext;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::transfer::progress_recorder::{ProgressRecorder, ended_early};
use crate::error::{Error, Result};
use crate::transfer::{Forwarder, Portion};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Item, OnConflict, Request};
use std::collections::HashMap;

/// The outcome of a part of a relay, and the side that a failure is about.
pub(super) type Relayed<T> = std::result::Result<T, RelayError>;

/// The part of a relay that one pair of connections has.
pub(super) struct Part<'a> {
    pub(super) source: &'a mut Client,
    pub(super) selecting: Selecting,
    pub(super) leading: Vec<Item>,
}

/// The files of a relay, and what all its connections are to know of them.
pub(super) struct PassedFiles {
    pub(super) request: Request,
    pub(super) expected: Expected,
    pub(super) rules: HashMap<u128, OnConflict>,
}

/// The items of this side, and its rules for those of the source.
pub(super) struct Passing {
    pub(super) leading: Vec<Item>,
    pub(super) rules: HashMap<u128, OnConflict>,
}

/// The part of a relay that all its connections share.
pub(super) struct Shared<'a> {
    /// Labels of the source and of the destination.
    pub(super) labels: [&'a str; 2],
    pub(super) directory: &'a RemotePath,
    pub(super) on_conflict: OnConflict,
    pub(super) claims: Option<Vec<String>>,
    pub(super) group: Option<u64>,
    /// The connections of each session.
    pub(super) lanes: LaneChoice,
}

/// The numbers of what has passed.
#[derive(Debug, Default)]
pub(super) struct Passed {
    done: Done,
    /// Files that the source has sent, or told to be missing.
    over: u64,
    /// True if the destination has no room for more.
    is_cut: bool,
}

impl Passed {
    pub(super) fn plus(self, other: &Self) -> Self {
        let done = Done {
            files: self.done.files + other.done.files,
            directories: self.done.directories + other.done.directories,
            bytes: self.done.bytes + other.done.bytes,
            ..self.done
        };
        Self { done, over: self.over + other.over, is_cut: self.is_cut || other.is_cut }
    }

    /// Returns what was done, if the source has left nothing out without a word.
    pub(super) fn checked(self, count: u64) -> Relayed<Done> {
        if self.over == count || self.is_cut {
            return Ok(self.done);
        }
        let error = Error::Protocol("it sent fewer files than were asked for, and did not say which".to_owned());
        Err(RelayError { side: RelaySide::Source, error })
    }
}

impl Shared<'_> {
    /// Has files pass from one server to the other.
    pub(super) fn pass_files(
        &self,
        files: &PassedFiles,
        destination: &mut Client,
        part: Part<'_>,
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Relayed<Passed> {
        let Part { source, selecting, leading } = part;
        let (label, expected) = (self.labels[0], &files.expected);
        let fetch = |pipe: &Pipe| {
            let mut fetching = Fetching { pipe, label, expected, selecting, over: 0 };
            source.call_over(self.lanes, context, files.request.clone(), &mut fetching).map(|_| fetching.over)
        };
        self.pass(destination, Passing { leading, rules: files.rules.clone() }, context, recorder, fetch)
    }

    /// Has what `fetch` puts into a pipe, on a thread of its own, pass to the destination. `fetch` returns the number of what is
    /// over.
    pub(super) fn pass(
        &self,
        destination: &mut Client,
        passing: Passing,
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
        fetch: impl FnOnce(&Pipe) -> Result<u64> + Send,
    ) -> Relayed<Passed> {
        let [source_label, label] = self.labels;
        let pipe = Pipe::new().of(RelaySide::Destination, label)?;
        std::thread::scope(|scope| {
            let fetch = || {
                // However this thread ends, the other one must not wait for it.
                let _ends = EndsAtLast(&pipe);
                let fetched = fetch(&pipe);
                pipe.end(match &fetched {
                    Ok(_) => PipeEnd::Finished,
                    Err(error) => PipeEnd::Broken { goes_on: goes_on(error) },
                });
                fetched
            };
            let thread = std::thread::Builder::new().name("relay".to_owned()).spawn_scoped(scope, fetch);
            let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source });
            let thread = thread.of(RelaySide::Destination, label)?;
            let stored = self.store(destination, &pipe, passing, context, recorder);
            let broken = pipe.ended();
            pipe.close();
            let fetched = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (stored, fetched) {
                (Ok((done, true)), _) => Ok(Passed { done, over: 0, is_cut: true }),
                (Ok((done, false)), Ok(over)) => Ok(Passed { done, over, is_cut: false }),
                // The destination only ended since the source did.
                (Ok(_), fetched @ Err(_)) => fetched.map(|_| Passed::default()).of(RelaySide::Source, source_label),
                (Err(_), fetched @ Err(_)) if matches!(broken, PipeEnd::Broken { .. }) => {
                    fetched.map(|_| Passed::default()).of(RelaySide::Source, source_label)
                }
                (Err(error), _) => Err(error).of(RelaySide::Destination, label),
            }
        })
    }

    /// Stores what comes out of the pipe. Returns whether it was cut short for want of room.
    fn store(
        &self,
        destination: &mut Client,
        pipe: &Pipe,
        passing: Passing,
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<(Done, bool)> {
        let Passing { leading, rules } = passing;
        let mut storing = Storing {
            pipe,
            label: self.labels[1],
            directory: self.directory,
            leading: (!leading.is_empty()).then(|| Portion::new(leading, &[])),
            forwarder: Forwarder::new(rules),
            // A file that is taken from a shared queue could not be given back if the upload were refused.
            awaits_grant: self.group.is_some(),
            finished: false,
            packed_files: 0,
            failures: 0,
            recorder,
        };
        let (destination_path, on_conflict) = (self.directory.clone(), self.on_conflict);
        let (group, claims) = (self.group, self.claims.clone());
        let request = Request::Upload { destination: destination_path, on_conflict, names: None, group, claims };
        let done = destination.call_over(self.lanes, context, request, &mut storing)?;
        if !storing.finished {
            return ended_early();
        }
        storing.recorder.report.attributes += u64::from(done.attributes);
        // A server that loses files silently must not look like one that stored them.
        if done.files.saturating_add(storing.failures) < storing.packed_files {
            return Err(Error::Protocol("it stored fewer files than were sent, and did not say which".to_owned()));
        }
        Ok((done, storing.recorder.no_room().is_some()))
    }
}

/// Reports whether another attempt may go on behind what has come, after this error of the source.
fn goes_on(error: &Error) -> bool {
    match error {
        Error::ConnectionLost(_) | Error::PeerSilent(_) => true,
        Error::Remote(failure) => failure.code == ErrorCode::ShuttingDown,
        _ => false,
    }
}

/// Ends a pipe when it is dropped, if nothing has done so before.
struct EndsAtLast<'a>(&'a Pipe);

impl Drop for EndsAtLast<'_> {
    fn drop(&mut self) {
        self.0.end(PipeEnd::Broken { goes_on: false });
    }
}
