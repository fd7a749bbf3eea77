//! The handler of a download: what comes is stored, and paid for with credit.

use crate::carrier::{Produced, Waker};
use crate::client::download::item_merger::{Backlog, ItemMerger};
use crate::client::download::plan::Expected;
use crate::client::download::selecting::{Selecting, is_sent_at_once};
use crate::client::download::window::Window;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::progress_recorder::{DownloadRecorder, ProgressRecorder};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::transfer::{Trouble, Unpacked, Unpacking, content_bytes};
use remofile_protocol::wire::{Holder, Item, credit_bytes};
use std::path::Path;

/// The handler of a download: it stores what comes.
pub(super) struct DownloadHandler<'a, 'b> {
    pub(super) unpacking: Unpacking,
    pub(super) expected: Expected,
    pub(super) selecting: Selecting,
    pub(super) destination: &'a Path,
    /// Files that the server will be asked to stop sending.
    pub(super) unwanted: Vec<String>,
    pub(super) merger: &'a mut dyn ItemMerger,
    pub(super) backlog: Backlog,
    pub(super) recorder: &'a mut ProgressRecorder<'b>,
    /// True if the server was asked to end, since there is no room here.
    pub(super) is_cut: bool,
    pub(super) window: Window,
}

impl DownloadHandler<'_, '_> {
    /// Makes the directories that do not come as items, because their files are chosen one by one.
    pub(super) fn make_directories(&mut self, directories: Vec<(String, Option<u32>)>) -> Result<()> {
        let items = directories.into_iter().map(|(path, mode)| Item::Directory { path, mode }).collect();
        self.take(items, &[], 0).map(drop)
    }

    /// Ends the operation if there is no room for the files that are still to come.
    pub(super) fn refuse_more(&mut self) -> Result<()> {
        let Some(code) = self.recorder.no_room() else { return Ok(()) };
        self.is_cut = true;
        self.recorder.leave_more();
        Err(Error::Local(code.into()))
    }

    pub(super) fn take(&mut self, items: Vec<Item>, payload: &[u8], credit: u64) -> Result<u64> {
        self.unpack(|unpacking, recorder| unpacking.take(items, payload, credit, recorder))
    }

    pub(super) fn unpack<T>(
        &mut self,
        body: impl FnOnce(&mut Unpacking, &mut DownloadRecorder<'_, '_>) -> std::result::Result<T, Trouble>,
    ) -> Result<T> {
        let mut unpacker_recorder =
            DownloadRecorder { recorder: self.recorder, destination: self.destination, unwanted: &mut self.unwanted };
        match body(&mut self.unpacking, &mut unpacker_recorder) {
            Ok(value) => Ok(value),
            Err(Trouble::Failed(failure)) => Err(Error::Protocol(failure.to_string())),
            Err(Trouble::Stopped) => Err(self.recorder.stopped()),
        }
    }
}

impl Handler for DownloadHandler<'_, '_> {
    fn items(&mut self, items: Vec<Item>, payload: &[u8]) -> Result<u64> {
        // Before anything is taken: a server must not write a file that was not asked for.
        items.iter().try_for_each(|item| self.expected.check_item(item))?;
        if items.iter().any(|item| matches!(item, Item::Begin { .. }) || is_sent_at_once(item)) {
            self.refuse_more()?;
        }
        self.selecting.received(&items);
        let credit = credit_bytes(&items, payload.len());
        self.window.heard(content_bytes(&items, payload.len()), credit);
        let merged = self.merger.merge(items)?;
        if self.backlog.is_empty() && !Backlog::is_long(&merged) {
            return self.take(merged, payload, credit);
        }
        self.backlog.push(merged, payload, credit);
        Ok(credit)
    }

    fn total(&mut self, files: u64, bytes: u64) {
        self.recorder.total(files, bytes);
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if self.selecting.has_more() {
            self.refuse_more()?;
        }
        if let Some(path) = self.unwanted.pop() {
            call.machine.unwanted(call.operation, path);
            return Ok(Produced::Work);
        }
        if let Some(width) = self.window.take_width(call.connections()) {
            call.machine.resize_window(call.operation, width);
        }
        let unpacked = self.unpack(|unpacking, recorder| unpacking.step(recorder))?;
        match self.unpacking.take_released() {
            0 => {}
            released => call.machine.consumed(call.operation, released),
        }
        if unpacked == Unpacked::Some {
            return Ok(Produced::Work);
        }
        if unpacked == Unpacked::Nothing
            && let Some((items, payload, credit)) = self.backlog.pop()
        {
            let held = self.take(items, &payload, credit)?;
            call.machine.consumed(call.operation, credit - held);
            return Ok(Produced::Work);
        }
        self.selecting.produce(call)
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.unpacking.waker())
    }
}
