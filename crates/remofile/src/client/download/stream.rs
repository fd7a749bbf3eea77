//! The call that downloads into a writer.

use crate::carrier::{Produced, Waker};
use crate::client::options::unless_default;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::session::traffic::Traffic;
use crate::client::transfer::stream::StreamSink;
use crate::client::{Client, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::store::io_failure;
use crate::transfer::Decompressor;
use remofile_protocol::digest::Digester;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Holder, Item, Request, SendOptions};
use std::io::Write;

/// Credit of a download into a writer, in bytes: the content that may wait in memory for a slow writer.
const STREAM_CREDIT_BYTES: u64 = 4 * 1024 * 1024;

impl Client {
    /// Downloads one file into a writer. The writer is written on a thread of its own, so that a slow
    /// one does not cost the connection. Bytes that were written before an error stay written.
    ///
    /// # Errors
    /// As [`Client::download`], the reason why the file cannot be sent, and the writer's error.
    pub fn download_stream(
        &mut self,
        source: &RemotePath,
        destination: Box<dyn Write + Send>,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        if options.dry_run {
            return self.foretell_download_stream(source, monitor);
        }
        let sink = StreamSink::spawn(destination)?;
        let mut handler = StreamDownload {
            sink,
            digester: Digester::new(),
            decompressor: None,
            report: TransferReport::default(),
            monitor,
            progress: StreamProgress::Awaited,
        };
        let request = Request::Download {
            sources: vec![source.clone()],
            recursive: false,
            total: options.total,
            credit: STREAM_CREDIT_BYTES,
            selection: None,
            // A writer cannot leave holes.
            send_options: unless_default(SendOptions { sparse: false, ..options.send }),
        };
        let before = self.traffic;
        let called = self.call_over(options.lanes(), &self.context(), request, &mut handler);
        self.end_lanes();
        let StreamDownload { sink, report, progress, monitor, .. } = handler;
        called?;
        sink.finish().map_err(|error| Error::Local(io_failure(&error)))?;
        match progress {
            StreamProgress::Complete => {
                let name = source.file_name().map(|name| name.to_string()).unwrap_or_default();
                monitor.report(Event::FileFinished { path: &name });
                let Traffic { sent_bytes, received_bytes } = self.traffic - before;
                Ok(TransferReport { sent_bytes, received_bytes, ..report })
            }
            StreamProgress::Failed(failure) => Err(Error::Remote(failure)),
            StreamProgress::Awaited | StreamProgress::Open => {
                Err(Error::Protocol("the download ended before its file".to_owned()))
            }
        }
    }
}

struct StreamDownload<'a> {
    sink: StreamSink,
    digester: Digester,
    decompressor: Option<Decompressor>,
    report: TransferReport,
    monitor: &'a mut dyn Monitor,
    progress: StreamProgress,
}

/// The progress of the one file.
enum StreamProgress {
    Awaited,
    Open,
    Complete,
    Failed(Failure),
}

impl StreamDownload<'_> {
    fn write_compressed(&mut self, block: &[u8], size: u32) -> Result<()> {
        let mut decompressor = match self.decompressor.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new().map_err(Error::Local)?,
        };
        let bytes = decompressor.decompress(block, size as usize).map_err(Error::Remote)?;
        self.write(bytes);
        self.decompressor = Some(decompressor);
        Ok(())
    }

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
        // The credit for the content comes back as the writer takes it: see `produce`.
        let held = items.iter().map(content_bytes).sum();
        for item in items {
            match (&self.progress, item) {
                (StreamProgress::Awaited, Item::Begin { path, size, .. }) => {
                    self.monitor.report(Event::FileStarted { path: &path, size, offset: 0 });
                    self.progress = StreamProgress::Open;
                }
                (StreamProgress::Open, Item::Data { length }) => {
                    let (bytes, rest) = payload.split_at_checked(length as usize).unwrap_or((payload, &[]));
                    payload = rest;
                    self.write(bytes);
                }
                (StreamProgress::Open, Item::Compressed { length, size }) => {
                    let (block, rest) = payload.split_at_checked(length as usize).unwrap_or((payload, &[]));
                    payload = rest;
                    self.write_compressed(block, size)?;
                }
                (StreamProgress::Open, Item::End { digest }) if digest == self.digester.finish() => {
                    self.report.files = 1;
                    self.progress = StreamProgress::Complete;
                }
                (StreamProgress::Open, Item::End { .. }) => {
                    self.progress = StreamProgress::Failed(ErrorCode::IntegrityFailure.into());
                }
                (StreamProgress::Open, Item::Abort { failure })
                | (StreamProgress::Awaited, Item::Failed { failure }) => {
                    self.progress = StreamProgress::Failed(failure);
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

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        match self.sink.consumed() {
            Err(error) => Err(Error::Local(io_failure(&error))),
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

/// Returns the bytes of content that an item brings.
fn content_bytes(item: &Item) -> u64 {
    match item {
        Item::Data { length } => u64::from(*length),
        Item::Compressed { size, .. } => u64::from(*size),
        _ => 0,
    }
}
