//! The recorder of a transfer's progress: it reports to the monitor and fills the transfer's report.

use crate::client::TransferReport;
use crate::client::session::traffic::Traffic;
use crate::client::transfer::deferred_event::{DeferredEvents, OwnedEvent};
use crate::client::transfer::full_disk::FullDisk;
use crate::error::{Error, Result};
use crate::monitor::{Chunk, Event, Monitor};
use crate::transfer::{CLEAR_PARTIALS, ItemRules, PackerMonitor, Stop, Stored, UnpackerMonitor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroU32;
use std::path::Path;

/// Failures that a report keeps, and files left out that it keeps: a server may send any number.
const MOST_KEPT: usize = 10_000;

/// Bytes of text that a report keeps in its failures.
const MOST_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// Failures that are reported once however many attempts meet them.
const MOST_REPORTED: usize = 100_000;

/// A monitor, with a record of what was reported to it.
pub(crate) struct ProgressRecorder<'a> {
    pub(crate) report: TransferReport,
    pub(crate) monitor: &'a mut dyn Monitor,
    stopped: Option<Error>,
    /// Halves of the keys of files that were moved in whatever attempt. A tree, as a table doubles its room when it is full,
    /// and a byte of it for each of a million files is a megabyte.
    finished: BTreeSet<u64>,
    /// Digests of the failures that were told: another attempt meets them again.
    reported: HashSet<u128>,
    /// Files, and bytes in them, that an attempt before this one moved.
    before: (u64, u64),
    pub(super) is_upload: bool,
    /// Text in the failures of the report, in bytes.
    kept_bytes: usize,
    /// True if the recorder remembers which files were moved.
    remembers: bool,
    /// Files of the whole transfer, if they were counted.
    total: Option<u64>,
    full_disk: FullDisk,
}

impl<'a> ProgressRecorder<'a> {
    pub(crate) fn new(monitor: &'a mut dyn Monitor, is_upload: bool) -> Self {
        Self {
            report: TransferReport::default(),
            monitor,
            stopped: None,
            finished: BTreeSet::new(),
            reported: HashSet::new(),
            before: (0, 0),
            is_upload,
            kept_bytes: 0,
            remembers: true,
            total: None,
            full_disk: FullDisk::default(),
        }
    }

    /// Creates a recorder of a part of this transfer.
    pub(super) fn of_part<'b>(
        monitor: &'b mut dyn Monitor,
        is_upload: bool,
        full_disk: FullDisk,
    ) -> ProgressRecorder<'b> {
        ProgressRecorder { full_disk, ..ProgressRecorder::new(monitor, is_upload) }
    }

    pub(super) fn full_disk(&self) -> FullDisk {
        self.full_disk.clone()
    }

    /// Reports the total of the transfer.
    pub(crate) fn total(&mut self, files: u64, bytes: u64) {
        self.total = Some(files);
        self.monitor.report(Event::Total { files, bytes });
    }

    /// Returns the reason why nothing more is moved, if the destination has no room left.
    pub(crate) fn no_room(&self) -> Option<ErrorCode> {
        self.full_disk.reason()
    }

    /// Notes that there are files that are not tried for want of room.
    pub(crate) fn leave_more(&self) {
        self.full_disk.leave_more();
    }

    /// Records the failure of a file that was not stored; for want of room only the first.
    pub(crate) fn not_stored(&mut self, failure: Failure) {
        if !self.full_disk.note(&failure) {
            self.failed(failure);
        }
    }

    /// Tells an event that happened earlier, or elsewhere.
    pub(super) fn tell(&mut self, event: OwnedEvent) {
        match event {
            OwnedEvent::Waiting(holders) => self.monitor.report(Event::Waiting { holders: &holders }),
            OwnedEvent::Started { path, size, offset } => self.started(&path, size, offset),
            OwnedEvent::Packed(bytes) => self.moved(bytes),
            OwnedEvent::Finished { path } => self.finished(&path),
            OwnedEvent::Present { path, size } => self.present(&path, size),
            OwnedEvent::Failed(failure) => self.failed(failure),
        }
    }

    /// Tells what the packer reported, once the server has taken the upload on.
    pub(crate) fn release(&mut self, deferred: DeferredEvents) {
        deferred.into_events().into_iter().for_each(|event| self.tell(event));
    }

    /// Creates a recorder that does not remember which files were moved, for transfers that do not ask whether files
    /// are present.
    pub(crate) fn forgetful(monitor: &'a mut dyn Monitor, is_upload: bool) -> Self {
        Self { remembers: false, ..Self::new(monitor, is_upload) }
    }

    /// Begins an attempt. It meets the failures of the attempt before again, so those are forgotten.
    pub(crate) fn begin_attempt(&mut self) {
        self.report.failures.clear();
        self.report.skipped.clear();
        (self.report.failures_left_out, self.report.skipped_left_out, self.kept_bytes) = (0, 0, 0);
        self.report.present = 0;
        self.report.resumed_bytes = 0;
        self.before = (0, 0);
        self.full_disk.clear();
    }

    /// Records the files that were not moved and not told, since the destination has no room left.
    fn not_tried(&mut self, moved: u64) {
        let told = moved + self.report.present + self.report.failure_count() + self.report.skipped_count();
        let left = self.total.map(|total| total.saturating_sub(told));
        if let Some((failure, count)) = self.full_disk.rest(left) {
            self.failed(failure);
            self.report.failures_left_out += count - 1;
        }
    }

    /// Returns the report of a transfer whose last attempt moved `moved`, with the bytes sent and received by all
    /// attempts.
    pub(crate) fn finish(mut self, moved: Stored, traffic: Traffic) -> TransferReport {
        let Traffic { sent_bytes, received_bytes } = traffic;
        let (files, bytes) = (moved.files + self.before.0, moved.bytes + self.before.1);
        self.not_tried(files);
        TransferReport { files, directories: moved.directories, bytes, sent_bytes, received_bytes, ..self.report }
    }

    /// Returns the reason why the monitor wanted no more.
    pub(crate) fn stopped(&mut self) -> Error {
        self.stopped.take().unwrap_or(Error::Stopped)
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        // Beyond that number, another attempt may report failures again.
        let is_new = self.reported.len() >= MOST_REPORTED || self.reported.insert(ItemRules::key(&failure.to_string()));
        let is_skipped = failure.code == ErrorCode::Skipped;
        let event = match is_skipped {
            true => Event::FileSkipped { failure: &failure },
            false => Event::FileFailed { failure: &failure },
        };
        if is_new {
            self.monitor.report(event);
        }
        let report = &mut self.report;
        let (list, left_out) = match is_skipped {
            true => (&mut report.skipped, &mut report.skipped_left_out),
            false => (&mut report.failures, &mut report.failures_left_out),
        };
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.kept_bytes += text(&failure.path) + text(&failure.detail);
        // The first is kept however many texts there are: it is what a call ends with.
        if list.is_empty() || (list.len() < MOST_KEPT && self.kept_bytes <= MOST_KEPT_BYTES) {
            list.push(Failure { holders: None, ..failure });
        } else {
            *left_out += 1;
        }
    }

    pub(crate) fn present(&mut self, path: &str, size: u64) {
        match self.finished.contains(&half_key(path)) {
            false => self.report.present += 1,
            // An upload learns only now which files its earlier attempts stored.
            true if self.is_upload => self.before = (self.before.0 + 1, self.before.1 + size),
            true => {}
        }
        self.monitor.report(Event::FilePresent { path, size });
    }

    pub(crate) fn started(&mut self, path: &str, size: Option<u64>, offset: u64) {
        self.report.resumed_bytes += offset;
        self.monitor.report(Event::FileStarted { path, size, offset });
    }

    pub(crate) fn finished(&mut self, path: &str) {
        if self.remembers {
            self.finished.insert(half_key(path));
        }
        self.monitor.report(Event::FileFinished { path });
    }

    pub(super) fn moved(&mut self, bytes: u64) {
        self.monitor.report(Event::Transferred { bytes });
    }

    fn chunk(
        &mut self,
        data: &[u8],
        remaining_bytes: u64,
        file_size: u64,
        path: &str,
    ) -> std::result::Result<(), Stop> {
        let file_name = path.rsplit('/').next().unwrap_or(path);
        let why = match self.monitor.process_chunk(&Chunk { data, remaining_bytes, file_size, file_name }) {
            Ok(true) => return Ok(()),
            Ok(false) => Error::Stopped,
            Err(error) => Error::Callback(error),
        };
        self.stopped = Some(why);
        Err(Stop)
    }
}

/// Returns half of the key of a file: 64 bits, of which two files among millions share all with a chance of one in millions,
/// and then the report takes one for the other.
fn half_key(path: &str) -> u64 {
    ItemRules::key(path) as u64
}

/// A packer's monitor that passes everything to the recorder.
pub(crate) struct UploadRecorder<'a, 'b> {
    pub(crate) recorder: &'a mut ProgressRecorder<'b>,
    /// Events that wait until the server has accepted the upload.
    pub(crate) deferred: Option<&'a mut DeferredEvents>,
    /// Files and links that were packed whole are counted here.
    pub(crate) packed_files: &'a mut u64,
}

impl UploadRecorder<'_, '_> {
    fn tell(&mut self, event: OwnedEvent) {
        match &mut self.deferred {
            Some(deferred) => deferred.defer(event),
            None => self.recorder.tell(event),
        }
    }
}

impl PackerMonitor for UploadRecorder<'_, '_> {
    fn started(&mut self, path: &str, size: u64, offset: u64) {
        match self.deferred {
            Some(_) => self.tell(OwnedEvent::Started { path: path.to_owned(), size: Some(size), offset }),
            None => self.recorder.started(path, Some(size), offset),
        }
    }

    fn packed(&mut self, bytes: u64) {
        self.tell(OwnedEvent::Packed(bytes));
    }

    fn finished(&mut self, path: &str, _size: u64) {
        *self.packed_files += 1;
        match self.deferred {
            Some(_) => self.tell(OwnedEvent::Finished { path: path.to_owned() }),
            None => self.recorder.finished(path),
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.tell(OwnedEvent::Failed(failure.clone()));
    }

    fn present(&mut self, path: &str, size: u64) {
        self.recorder.present(path, size);
    }

    fn chunk_size(&self) -> Option<NonZeroU32> {
        self.recorder.monitor.chunk_size()
    }

    fn chunk(&mut self, chunk: &[u8], remaining: u64, size: u64, path: &str) -> std::result::Result<(), Stop> {
        self.recorder.chunk(chunk, remaining, size, path)
    }
}

/// Has a failure for want of room name the command that makes room on this side, and not at the server.
fn of_local_disk(mut failure: Failure, destination: &Path) -> Failure {
    if let (ErrorCode::NoSpace, Some(detail)) = (failure.code, &mut failure.detail) {
        let local = format!("'remofile partials --clear --local {}'", destination.display());
        *detail = detail.replace(CLEAR_PARTIALS, &local);
    }
    failure
}

/// An unpacker's monitor that passes everything to the recorder.
pub(crate) struct DownloadRecorder<'a, 'b> {
    pub(crate) recorder: &'a mut ProgressRecorder<'b>,
    pub(crate) destination: &'a Path,
    /// Files that the server need not send to their end.
    pub(crate) unwanted: &'a mut Vec<String>,
}

impl UnpackerMonitor for DownloadRecorder<'_, '_> {
    fn started(&mut self, path: &str, size: Option<u64>, offset: u64) {
        self.recorder.started(path, size, offset);
    }

    fn written(&mut self, bytes: u64) {
        self.recorder.moved(bytes);
    }

    fn stored(&mut self, path: &str) {
        self.recorder.finished(path);
    }

    fn failed(&mut self, failure: Failure, by_sender: bool) {
        if by_sender {
            return self.recorder.failed(failure);
        }
        let path = self.destination.join(failure.path.as_deref().unwrap_or_default());
        self.recorder.not_stored(of_local_disk(failure, self.destination).at(path.display()));
    }

    fn unwanted(&mut self, path: &str) {
        self.unwanted.push(path.to_owned());
    }

    fn chunk_size(&self) -> Option<NonZeroU32> {
        self.recorder.monitor.chunk_size()
    }

    fn chunk(&mut self, chunk: &[u8], remaining: u64, size: u64, path: &str) -> std::result::Result<(), Stop> {
        self.recorder.chunk(chunk, remaining, size, path)
    }
}

/// Replaces the path of an item in the server's failure, which is below the destination, by the whole remote path.
pub(crate) fn below(destination: &RemotePath, failure: Failure) -> Failure {
    let path = failure.path.as_deref().unwrap_or_default();
    let path = format!("{}/{path}", destination.as_str().trim_end_matches('/'));
    failure.at(path)
}

/// Returns the error for an upload that the server ended early: files that were not sent cannot have been stored.
pub(crate) fn ended_early<T>() -> Result<T> {
    Err(Error::Protocol("it ended the upload before everything was sent".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Silent;

    #[test]
    fn of_very_many_failures_some_are_kept_and_all_are_counted() {
        let mut monitor = Silent;
        let mut recorder = ProgressRecorder::new(&mut monitor, false);
        for number in 0..30_000 {
            recorder.failed(Failure::new(ErrorCode::NotFound).at(number));
            recorder.failed(Failure::new(ErrorCode::Skipped).at(number));
        }
        let report = recorder.finish(Stored::default(), Traffic::default());
        assert_eq!((report.failures.len(), report.failures_left_out, report.failure_count()), (10_000, 20_000, 30_000));
        assert_eq!((report.skipped.len(), report.skipped_count()), (10_000, 30_000));
        assert_eq!(report.failures[9_999].path.as_deref(), Some("9999"));
    }

    #[test]
    fn failures_with_long_paths_are_kept_up_to_so_many_bytes() {
        let mut monitor = Silent;
        let mut recorder = ProgressRecorder::new(&mut monitor, false);
        let path = "x".repeat(16_000);
        for _ in 0..2_000 {
            recorder.failed(Failure::new(ErrorCode::NotFound).at(&path));
        }
        assert!(recorder.report.failures.len() <= MOST_KEPT_BYTES / path.len());
        assert_eq!(recorder.report.failure_count(), 2_000);
        recorder.begin_attempt();
        recorder.failed(Failure::new(ErrorCode::NotFound).at(&path));
        assert_eq!((recorder.report.failures.len(), recorder.report.failure_count()), (1, 1));
    }
}
