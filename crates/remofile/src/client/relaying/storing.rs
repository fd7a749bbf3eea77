//! The session of a relay that stores.

use super::end::labelled;
use super::pipe::{Pipe, PipeEnd};
use crate::carrier::{Produced, Waker};
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::progress_recorder::{ProgressRecorder, UploadRecorder, below};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::transfer::{Forwarder, Next, Packed, Portion};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Failure, Holder};
use std::io;

/// Sends what comes out of a pipe.
pub(super) struct Storing<'a, 'b> {
    pub(super) pipe: &'a Pipe,
    pub(super) label: &'a str,
    pub(super) directory: &'a RemotePath,
    /// Items of this side, which are sent first.
    pub(super) leading: Option<Portion>,
    pub(super) forwarder: Forwarder,
    /// True if the server has to accept the upload before anything is sent, which is shared with other connections.
    pub(super) awaits_grant: bool,
    pub(super) finished: bool,
    /// Files and links that were sent whole.
    pub(super) packed_files: u64,
    /// Number of items that the server did not store.
    pub(super) failures: u64,
    pub(super) recorder: &'a mut ProgressRecorder<'b>,
}

impl Handler for Storing<'_, '_> {
    fn granted(&mut self) {
        self.awaits_grant = false;
    }

    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        self.failures += 1;
        if let Some(path) = &failure.path
            && self.forwarder.abort(path, &failure)
        {
            self.pipe.refuse(path);
        }
        self.recorder.not_stored(labelled(self.label, below(self.directory, failure)));
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if let Some(holders) = self.pipe.take_holders() {
            self.recorder.monitor.report(Event::Waiting { holders: &holders });
        }
        match self.pipe.ended() {
            // The session goes, so that its server keeps what has come of the open file.
            PipeEnd::Broken { goes_on: true } => return Err(Error::ConnectionLost(io::ErrorKind::BrokenPipe.into())),
            PipeEnd::Broken { goes_on: false } => return Err(Error::Stopped),
            PipeEnd::Open | PipeEnd::Finished => {}
        }
        if let Some(code) = self.recorder.no_room().filter(|_| !self.finished) {
            self.forwarder.stop(code);
            self.recorder.leave_more();
        } else if self.awaits_grant {
            return Ok(Produced::Nothing);
        }
        if self.finished {
            return Ok(Produced::Nothing);
        }
        self.send(call)
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.pipe.to_destination())
    }
}

impl Storing<'_, '_> {
    fn send(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        let limit = call.message_bytes;
        let (pipe, leading, forwarder) = (self.pipe, &mut self.leading, &mut self.forwarder);
        let mut next = || leading.take().map_or_else(|| pipe.next(), Next::Item);
        let mut recorder =
            UploadRecorder { recorder: self.recorder, deferred: None, packed_files: &mut self.packed_files };
        let packed =
            call.send(|message, credit| match forwarder.pack(message, credit, limit, &mut next, &mut recorder) {
                Ok(Packed::Items(items)) => Ok(items),
                other => Err(other),
            })?;
        self.pipe.release(self.forwarder.take_released());
        match packed {
            Ok(()) => Ok(Produced::Message),
            Err(Ok(Packed::Finished)) => {
                self.finished = true;
                call.machine.finish(call.operation);
                Ok(Produced::Work)
            }
            Err(Ok(_)) => Ok(Produced::Nothing),
            Err(Err(failure)) => Err(Error::Local(failure)),
        }
    }
}
