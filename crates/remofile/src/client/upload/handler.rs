//! The handler of an upload: what is to be sent goes out as there is credit, room and time for it.

use crate::carrier::Produced;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::deferred_event::DeferredEvents;
use crate::client::transfer::progress_recorder::{ProgressRecorder, UploadRecorder, below};
use crate::error::Result;
use crate::monitor::Event;
use crate::transfer::{Pace, Packed, Packer};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Failure, Holder};
use std::time::Duration;

/// Content that is sent before the server has accepted the upload, in bytes: it may be in vain.
const BLIND_BYTES: u64 = 128 * 1024;

/// The handler of an upload: it sends what there is room for.
pub(super) struct UploadHandler<'a, 'b> {
    pub(super) destination: &'a RemotePath,
    pub(super) packer: Packer,
    pub(super) pace: Pace,
    pub(super) ready_at: Option<Duration>,
    /// Events that wait until the server has accepted the upload.
    pub(super) deferred: Option<DeferredEvents>,
    /// Content that was sent meanwhile, in bytes.
    pub(super) blind: u64,
    pub(super) awaits_grant: bool,
    pub(super) finished: bool,
    /// Files and links that were sent whole.
    pub(super) packed_files: u64,
    /// Number of items that the server did not store.
    pub(super) failures: u64,
    pub(super) recorder: &'a mut ProgressRecorder<'b>,
}

impl Handler for UploadHandler<'_, '_> {
    fn granted(&mut self) {
        self.awaits_grant = false;
        if let Some(deferred) = self.deferred.take() {
            self.recorder.release(deferred);
        }
    }

    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        // The server judges files only after it has granted the upload.
        self.granted();
        self.failures += 1;
        if let Some(path) = &failure.path {
            self.packer.abort(path, &failure);
        }
        self.recorder.not_stored(below(self.destination, failure));
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.ready_at = self.pace.ready_at(call.now);
        if let Some(code) = self.recorder.no_room().filter(|_| !self.finished) {
            self.packer.stop(code);
        } else if self.awaits_grant || self.ready_at.is_some() {
            return Ok(Produced::Nothing);
        }
        if self.finished {
            return Ok(Produced::Nothing);
        }
        let mut limit = self.pace.allowance(call.now).min(call.message_bytes);
        if self.deferred.is_some() {
            limit = limit.min(BLIND_BYTES.saturating_sub(self.blind));
        }
        let mut packer_recorder = UploadRecorder {
            recorder: self.recorder,
            deferred: self.deferred.as_mut(),
            packed_files: &mut self.packed_files,
        };
        let (packer, mut sent) = (&mut self.packer, 0);
        let packed = call.send(|message, credit| match packer.pack(message, credit, limit, &mut packer_recorder) {
            Packed::Items(items) => {
                sent = message.payload_bytes();
                Ok(items)
            }
            other => Err(other),
        })?;
        match packed {
            Ok(()) => {
                self.pace.spend(call.now, sent as u64);
                self.blind += sent as u64;
                Ok(Produced::Message)
            }
            Err(Packed::Stopped) => Err(self.recorder.stopped()),
            Err(Packed::Finished) => {
                self.finished = true;
                call.machine.finish(call.operation);
                Ok(Produced::Work)
            }
            Err(Packed::Working) => Ok(Produced::Work),
            Err(_) => Ok(Produced::Nothing),
        }
    }

    fn ready_at(&self) -> Option<Duration> {
        self.ready_at
    }
}
