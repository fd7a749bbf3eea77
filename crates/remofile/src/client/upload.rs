//! The calls that upload.

use super::call::{Handler, Outgoing};
use super::stream::StreamSource;
use super::{Client, TransferReport, UploadOptions, note_failure};
use crate::carrier::{Produced, Waker};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::store::locate;
use crate::transfer::{Census, Feed, Origin, Packed, Packer, PackerMonitor};
use remofile_protocol::limits::CREDIT_RESERVE_BYTES;
use remofile_protocol::path::{InvalidPath, NameRule, RemotePath};
use remofile_protocol::wire::{Failure, Holder, Item, Request};
use std::io::Read;
use std::path::{Path, PathBuf};

impl Client {
    /// Uploads files and directories into an existing remote directory, under their own names.
    ///
    /// What cannot be uploaded is in the report; everything else is. No file is visible before it is
    /// complete and checked.
    ///
    /// # Errors
    /// What ends the whole upload: no such destination, no connection, the lease is held by others...
    pub fn upload(
        &mut self,
        sources: &[PathBuf],
        destination: &RemotePath,
        options: &UploadOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let feed = || {
            let origins = Vec::from(sources).into_iter().map(|source| origin(&source));
            Feed::new(origins, options.recursive, NameRule::Posix)
        };
        if options.total {
            let mut census = Census::new(feed());
            let (files, bytes) = loop {
                if let Some(total) = census.step() {
                    break total;
                }
            };
            monitor.report(Event::Total { files, bytes });
        }
        let limit = self.server()?.file_size_limit;
        let mut handler = UploadHandler {
            destination: destination.clone(),
            packer: Packer::new(feed(), limit),
            aborted: None,
            finished: false,
            noted: Noted { report: TransferReport::default(), monitor },
        };
        let request = Request::Upload { destination: destination.clone(), on_conflict: options.on_conflict };
        let done = self.call(request, &mut handler)?;
        if !handler.finished {
            return Err(ended_early());
        }
        let report = handler.noted.report;
        Ok(TransferReport { files: done.files, directories: done.directories, bytes: done.bytes, ..report })
    }

    /// Uploads what a reader gives until its end, as one file. The reader is read on a thread of its
    /// own, so that a slow one does not cost the connection.
    ///
    /// # Errors
    /// As [`Client::upload`]; an error of the reader ends the upload and leaves nothing behind.
    pub fn upload_stream(
        &mut self,
        source: Box<dyn Read + Send>,
        destination: &RemotePath,
        options: &UploadOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let (directory, name) =
            destination.split().map_err(|invalid: InvalidPath| Failure::from(invalid).at(destination))?;
        monitor.report(Event::FileStarted { path: name.as_str(), size: None });
        let source = StreamSource::spawn(source, name.to_string())?;
        let mut handler =
            StreamUpload { destination: directory.clone(), source, report: TransferReport::default(), monitor };
        let request = Request::Upload { destination: directory, on_conflict: options.on_conflict };
        let done = self.call(request, &mut handler)?;
        if !handler.source.is_announced() {
            return Err(ended_early());
        }
        if done.files > 0 {
            handler.monitor.report(Event::FileFinished { path: name.as_str() });
        }
        let (files, directories, bytes) = (done.files, done.directories, done.bytes);
        Ok(TransferReport { files, directories, bytes, ..handler.report })
    }
}

/// What was not sent cannot have been stored.
fn ended_early() -> Error {
    Error::Protocol("it ended the upload before everything was sent".to_owned())
}

/// Finds a local source; its name at the destination is the one the user wrote.
fn origin(source: &Path) -> std::result::Result<Origin, Failure> {
    let located = locate(source).map_err(|failure| failure.at(source.display()))?;
    Ok(Origin {
        store: located.store,
        path: located.path,
        name: located.name.to_string(),
        shown: source.display().to_string(),
    })
}

struct UploadHandler<'a> {
    destination: RemotePath,
    packer: Packer,
    /// What the packer was told to stop, to be passed on to the server.
    aborted: Option<Item>,
    finished: bool,
    noted: Noted<'a>,
}

struct Noted<'a> {
    report: TransferReport,
    monitor: &'a mut dyn Monitor,
}

impl Handler for UploadHandler<'_> {
    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        if let Some(path) = &failure.path {
            self.aborted = self.packer.abort(path, &failure).or(self.aborted.take());
        }
        note_failure(&mut self.noted.report, self.noted.monitor, below(&self.destination, failure));
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.noted.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut Outgoing<'_>) -> Result<Produced> {
        if self.finished {
            return Ok(Produced::Nothing);
        }
        let (packer, noted, aborted) = (&mut self.packer, &mut self.noted, &mut self.aborted);
        let sent = call.send(|message, credit| match aborted.take_if(|_| credit >= CREDIT_RESERVE_BYTES) {
            Some(item) => Ok(vec![item]),
            None if aborted.is_some() => Err(Packed::Blocked),
            None => match packer.pack(message, credit, noted) {
                Packed::Items(items) => Ok(items),
                other => Err(other),
            },
        })?;
        match sent {
            Ok(()) => Ok(Produced::Message),
            Err(Packed::Finished) => {
                self.finished = true;
                call.machine.finish_upload(call.operation);
                Ok(Produced::Work)
            }
            Err(_) => Ok(Produced::Nothing),
        }
    }
}

impl PackerMonitor for Noted<'_> {
    fn started(&mut self, path: &str, size: u64) {
        self.monitor.report(Event::FileStarted { path, size: Some(size) });
    }

    fn packed(&mut self, bytes: u64) {
        self.monitor.report(Event::Transferred { bytes });
    }

    fn finished(&mut self, path: &str, _size: u64) {
        self.monitor.report(Event::FileFinished { path });
    }

    fn failed(&mut self, failure: &Failure) {
        note_failure(&mut self.report, self.monitor, failure.clone());
    }
}

/// Says the path of an item, which the server tells as it was sent, as the user knows it.
fn below(destination: &RemotePath, failure: Failure) -> Failure {
    let path = failure.path.as_deref().unwrap_or_default();
    let path = format!("{}/{path}", destination.as_str().trim_end_matches('/'));
    failure.at(path)
}

struct StreamUpload<'a> {
    destination: RemotePath,
    source: StreamSource,
    report: TransferReport,
    monitor: &'a mut dyn Monitor,
}

impl Handler for StreamUpload<'_> {
    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        self.source.abandon();
        note_failure(&mut self.report, self.monitor, below(&self.destination, failure));
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut Outgoing<'_>) -> Result<Produced> {
        let (source, monitor) = (&mut self.source, &mut *self.monitor);
        let mut failed = None;
        let sent = call.send(|message, credit| match source.pack(message, credit) {
            Ok(Packed::Items(items)) => {
                monitor.report(Event::Transferred { bytes: message.payload_bytes() as u64 });
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
                call.machine.finish_upload(call.operation);
                Ok(Produced::Work)
            }
            Err(_) => Ok(Produced::Nothing),
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.source.waker())
    }
}
