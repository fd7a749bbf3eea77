//! The calls that download.

use super::call::{Handler, Outgoing};
use super::stream::StreamSink;
use super::{Client, DownloadOptions, TransferReport, note_failure};
use crate::carrier::{Produced, Waker};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::store::{LocalStore, StoreOptions};
use crate::transfer::{Outcome, Unpacker, UnpackerOptions};
use remofile_protocol::digest::Digester;
use remofile_protocol::limits::CREDIT_WINDOW_BYTES;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Holder, Item, Request};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Names of sources in one request, in bytes.
const SOURCES_BYTES: usize = 64 * 1024;

/// Credit of a download into a writer, in bytes: what may wait in memory for a slow one.
const STREAM_CREDIT_BYTES: u64 = 4 * 1024 * 1024;

impl Client {
    /// Downloads files and directories into an existing local directory, under their own names.
    ///
    /// What cannot be downloaded is in the report; everything else is. No file is visible before it is
    /// complete and checked, and nothing outside the directory is touched, whatever the server sends.
    ///
    /// # Errors
    /// What ends the whole download: no such local directory, no connection, the lease is held by
    /// others...
    pub fn download(
        &mut self,
        sources: &[RemotePath],
        destination: &Path,
        options: &DownloadOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let local = |failure: Failure| Error::Local(failure.at(destination.display()));
        let store_options = StoreOptions { names: NameRule::Posix, ..StoreOptions::default() };
        let store = Arc::new(LocalStore::open(destination, store_options).map_err(local)?);
        let unpacker = Unpacker::new(
            store,
            UnpackerOptions {
                destination: RemotePath::root(),
                on_conflict: options.on_conflict,
                file_size_limit: u64::MAX,
                names: NameRule::Posix,
            },
        )
        .map_err(local)?;
        let expected = Expected::of(sources, options.recursive);
        let mut handler =
            DownloadHandler { unpacker, expected, destination, report: TransferReport::default(), monitor };
        let called = batches(sources)
            .try_for_each(|batch| self.call(request(batch, options, CREDIT_WINDOW_BYTES), &mut handler).map(drop));
        let DownloadHandler { unpacker, report, .. } = handler;
        match called {
            Ok(_) => {
                let stored = unpacker.finish().map_err(|failure| match failure.code {
                    ErrorCode::BadRequest => Error::Protocol("the download ended in the middle of a file".to_owned()),
                    _ => local(failure),
                })?;
                let (files, directories, bytes) = (stored.files, stored.directories, stored.bytes);
                Ok(TransferReport { files, directories, bytes, ..report })
            }
            // What is staged goes with the unpacker: nothing continues a download yet.
            Err(error) => Err(error),
        }
    }

    /// Downloads one file into a writer. The writer is written on a thread of its own, so that a slow
    /// one does not cost the connection. What was written before an error stays written.
    ///
    /// # Errors
    /// As [`Client::download`], what keeps the file from being sent, and the writer's error.
    pub fn download_stream(
        &mut self,
        source: &RemotePath,
        destination: Box<dyn Write + Send>,
        options: &DownloadOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let sink = StreamSink::spawn(destination)?;
        let mut handler = StreamDownload {
            sink,
            digester: Digester::new(),
            report: TransferReport::default(),
            monitor,
            course: Course::Awaited,
        };
        let options = DownloadOptions { recursive: false, ..options.clone() };
        let called = self.call(request(std::slice::from_ref(source), &options, STREAM_CREDIT_BYTES), &mut handler);
        let StreamDownload { sink, report, course, .. } = handler;
        called?;
        sink.finish().map_err(|error| write_failed(&error))?;
        match course {
            Course::Complete => Ok(report),
            Course::Failed(failure) => Err(Error::Remote(failure)),
            Course::Awaited | Course::Open => Err(Error::Protocol("the download ended before its file".to_owned())),
        }
    }
}

/// Sources in pieces whose names fit in a request.
fn batches(sources: &[RemotePath]) -> impl Iterator<Item = &[RemotePath]> {
    let mut rest = sources;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |path: &&RemotePath| {
            bytes += path.as_str().len() + 8;
            bytes <= SOURCES_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, others) = rest.split_at(count);
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

fn request(sources: &[RemotePath], options: &DownloadOptions, credit: u64) -> Request {
    Request::Download { sources: sources.to_vec(), recursive: options.recursive, total: options.total, credit }
}

fn write_failed(error: &std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorCode::NoSpace,
        _ => ErrorCode::Other,
    };
    Error::Local(Failure::new(code).because(error))
}

/// What may come: a server must not choose which files of the destination it writes.
struct Expected {
    /// The last names of the sources; `None` if one of them is the root, which may have anything in it.
    names: Option<HashSet<String>>,
    recursive: bool,
}

impl Expected {
    fn of(sources: &[RemotePath], recursive: bool) -> Self {
        Self { names: sources.iter().map(|source| Some(source.file_name()?.to_string())).collect(), recursive }
    }

    fn check(&self, item: &Item) -> Result<()> {
        let (Item::Directory { path, .. } | Item::Begin { path, .. }) = item else {
            return Ok(());
        };
        let top = path.split_once('/').map_or(path.as_str(), |(top, _)| top);
        let is_named = self.names.as_ref().is_none_or(|names| names.contains(top));
        let is_deep = top.len() < path.len() || matches!(item, Item::Directory { .. });
        if is_named && (self.recursive || !is_deep) {
            return Ok(());
        }
        Err(Error::Protocol(format!("it sent {path:?}, which was not asked for")))
    }
}

struct DownloadHandler<'a> {
    unpacker: Unpacker,
    expected: Expected,
    destination: &'a Path,
    report: TransferReport,
    monitor: &'a mut dyn Monitor,
}

impl Handler for DownloadHandler<'_> {
    fn items(&mut self, items: Vec<Item>, payload: &[u8]) -> Result<u64> {
        items.iter().try_for_each(|item| self.expected.check(item))?;
        let (destination, report, monitor) = (self.destination, &mut self.report, &mut *self.monitor);
        let taken = self.unpacker.take(items, payload, &mut |outcome| match outcome {
            Outcome::Started { path, size } => monitor.report(Event::FileStarted { path, size }),
            Outcome::Written { bytes } => monitor.report(Event::Transferred { bytes }),
            Outcome::Stored { path } => monitor.report(Event::FileFinished { path }),
            Outcome::Failed { failure, by_sender: true } => note_failure(report, monitor, failure),
            Outcome::Failed { failure, by_sender: false } => {
                let path = destination.join(failure.path.as_deref().unwrap_or_default());
                note_failure(report, monitor, failure.at(path.display()));
            }
        });
        match taken {
            Ok(()) => Ok(0),
            Err(failure) => Err(Error::Protocol(failure.to_string())),
        }
    }

    fn total(&mut self, files: u64, bytes: u64) {
        self.monitor.report(Event::Total { files, bytes });
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }
}

struct StreamDownload<'a> {
    sink: StreamSink,
    digester: Digester,
    report: TransferReport,
    monitor: &'a mut dyn Monitor,
    course: Course,
}

/// How far the one file is.
enum Course {
    Awaited,
    Open,
    Complete,
    Failed(Failure),
}

impl StreamDownload<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.digester.update(bytes);
        self.sink.write(bytes);
        self.report.bytes += bytes.len() as u64;
        self.monitor.report(Event::Transferred { bytes: bytes.len() as u64 });
    }
}

impl Handler for StreamDownload<'_> {
    fn items(&mut self, items: Vec<Item>, payload: &[u8]) -> Result<u64> {
        let mut payload = payload;
        let held = payload.len() as u64;
        for item in items {
            match (&self.course, item) {
                (Course::Awaited, Item::Begin { path, size, .. }) => {
                    self.monitor.report(Event::FileStarted { path: &path, size });
                    self.course = Course::Open;
                }
                (Course::Open, Item::Data { length }) => {
                    let (bytes, rest) = payload.split_at_checked(length as usize).unwrap_or((payload, &[]));
                    payload = rest;
                    self.write(bytes);
                }
                (Course::Open, Item::End { digest }) if digest == self.digester.finish() => {
                    self.report.files = 1;
                    self.course = Course::Complete;
                }
                (Course::Open, Item::End { .. }) => self.course = Course::Failed(ErrorCode::IntegrityFailure.into()),
                (Course::Open, Item::Abort { failure }) | (Course::Awaited, Item::Failed { failure }) => {
                    self.course = Course::Failed(failure);
                }
                _ => return Err(Error::Protocol("not the one file that was asked for".to_owned())),
            }
        }
        Ok(held)
    }

    fn total(&mut self, files: u64, bytes: u64) {
        self.monitor.report(Event::Total { files, bytes });
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut Outgoing<'_>) -> Result<Produced> {
        match self.sink.consumed() {
            Err(error) => Err(write_failed(&error)),
            Ok(0) => Ok(Produced::Nothing),
            Ok(bytes) => {
                call.machine.consumed(call.operation, bytes);
                Ok(Produced::Work)
            }
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.sink.waker())
    }
}
