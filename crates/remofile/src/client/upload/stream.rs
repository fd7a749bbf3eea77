//! The call that uploads from a reader.

use crate::carrier::{Produced, Waker};
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::progress_recorder::{ProgressRecorder, below, ended_early};
use crate::client::transfer::stream::StreamSource;
use crate::client::upload::call::moved;
use crate::client::upload::plan::claims_of;
use crate::client::{Client, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::transfer::{Pace, Packed};
use remofile_protocol::path::{InvalidPath, RemotePath};
use remofile_protocol::wire::{Failure, Holder, Request};
use std::io::Read;
use std::time::Duration;

impl Client {
    /// Uploads the bytes of a reader until its end, as one file. The reader is read on a thread of its own, so that a
    /// slow one does not cost the connection.
    ///
    /// # Errors
    /// As [`Client::upload`]; an error of the reader ends the upload and leaves nothing behind.
    pub fn upload_stream(
        &mut self,
        source: Box<dyn Read + Send>,
        destination: &RemotePath,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        self.upload_reader(source, None, destination, options, monitor)
    }

    /// The same of a reader that has so many bytes, if that is known.
    pub(crate) fn upload_reader(
        &mut self,
        source: Box<dyn Read + Send>,
        size: Option<u64>,
        destination: &RemotePath,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let (directory, name) =
            destination.split().map_err(|invalid: InvalidPath| Failure::from(invalid).at(destination))?;
        if options.dry_run {
            return self.foretell_stream(&directory, name.as_str(), options, monitor);
        }
        monitor.report(Event::FileStarted { path: name.as_str(), size, offset: 0 });
        let source = StreamSource::spawn(source, name.to_string(), size)?;
        let mut handler = StreamUpload {
            destination: &directory,
            source,
            pace: Pace::of(&options.send),
            ready_at: None,
            recorder: ProgressRecorder::new(monitor, true),
        };
        let (on_conflict, before) = (options.on_conflict, self.traffic);
        let claims = claims_of(&[name.to_string()], on_conflict);
        let request = Request::Upload { destination: directory.clone(), on_conflict, names: None, group: None, claims };
        let done = self.call_over(options.lanes(), &self.context(), request, &mut handler);
        self.end_lanes();
        let done = done?;
        if !handler.source.is_announced() {
            return ended_early();
        }
        if done.files > 0 {
            handler.recorder.monitor.report(Event::FileFinished { path: name.as_str() });
        }
        let recorder = handler.recorder;
        Ok(recorder.finish(moved(&done), self.traffic - before))
    }
}

struct StreamUpload<'a> {
    destination: &'a RemotePath,
    source: StreamSource,
    pace: Pace,
    ready_at: Option<Duration>,
    recorder: ProgressRecorder<'a>,
}

impl Handler for StreamUpload<'_> {
    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        // The server does not take the one file, so no more of it is read.
        self.source.abandon();
        self.recorder.failed(below(self.destination, failure));
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn ready_at(&self) -> Option<Duration> {
        self.ready_at
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.ready_at = self.pace.ready_at(call.now);
        if self.ready_at.is_some() {
            return Ok(Produced::Nothing);
        }
        let (now, limit) = (call.now, self.pace.allowance(call.now));
        let (source, pace, recorder) = (&mut self.source, &mut self.pace, &mut self.recorder);
        let mut failed = None;
        let sent = call.send(|message, credit| match source.pack(message, credit, limit) {
            Ok(Packed::Items(items)) => {
                let bytes = message.payload_bytes() as u64;
                pace.spend(now, bytes);
                recorder.monitor.report(Event::Transferred { bytes });
                Ok(items)
            }
            Ok(other) => Err(other),
            Err(failure) => {
                failed = Some(failure);
                Err(Packed::Blocked)
            }
        })?;
        if let Some(failure) = failed {
            return Err(Error::Local(failure));
        }
        match sent {
            Ok(()) => Ok(Produced::Message),
            Err(Packed::Finished) => {
                call.machine.finish(call.operation);
                Ok(Produced::Work)
            }
            Err(_) => Ok(Produced::Nothing),
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.source.waker())
    }
}
