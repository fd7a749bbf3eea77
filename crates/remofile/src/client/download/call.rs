//! The call that downloads files and directories.

use crate::blocking::Slice;
use crate::carrier::{Produced, Waker};
use crate::client::download::item_merger::{Backlog, ItemMerger, Plain};
use crate::client::download::plan::{DownloadPlan, Expected};
use crate::client::download::selecting::{Selecting, SharedQueue};
use crate::client::session::call::{Handler, OngoingCall};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::parallel::together;
use crate::client::transfer::places::{refuse_download_into_itself, remote_path};
use crate::client::transfer::progress_recorder::{DownloadRecorder, ProgressRecorder};
use crate::client::{Client, RemoteSource, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::store::{LocalStore, Store, StoreOptions};
use crate::transfer::{Checked, ItemRules, Stored, Trouble, Unpacked, Unpacker, UnpackerOptions, Unpacking};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Done, ErrorCode, Holder, Item, OnConflict, Request, credit_bytes};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

impl Client {
    /// Downloads files and directories into an existing local directory, each under its own name or the one
    /// its source gives.
    ///
    /// Files that cannot be downloaded are in the report; all others are downloaded. No file is visible before it is
    /// complete and checked, and nothing outside the directory is touched, whatever the server sends. If the
    /// connection is lost, the download is tried again as often as the options say, and resumes where it was; so does
    /// the same call made again.
    ///
    /// # Errors
    /// The reason why the whole download ends: no such local directory, no connection, files in the way that must not
    /// be touched, the lease is held by others...
    pub fn download<S: Clone + Into<RemoteSource>>(
        &mut self,
        sources: &[S],
        destination: &Path,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let mut attempts = Attempts::new(options.retry, self.context());
        let sources: Vec<RemoteSource> = sources.iter().cloned().map(Into::into).collect();
        let plan = DownloadPlan::new(&sources, destination, options)?;
        let store_options =
            StoreOptions { names: NameRule::Posix, follow: plan.expected().follow(), ..StoreOptions::default() };
        let store: Arc<dyn Store> =
            Arc::new(LocalStore::open(destination, store_options).map_err(|failure| plan.local(failure))?);
        // Partials that cannot be removed now do no harm.
        let _kept = store.expire_partials(options.partial_expiry);
        let (mut recorder, before) = (ProgressRecorder::new(monitor, false), self.traffic);
        let mut stored = Stored::default();
        loop {
            recorder.begin_attempt();
            let result = self.download_once(&plan, &store, &mut attempts, &mut recorder, &mut stored);
            match result {
                Ok(()) => return Ok(recorder.finish(stored, self.traffic - before)),
                Err(error) => attempts.again(error, &mut recorder)?,
            }
        }
    }

    fn download_once(
        &mut self,
        plan: &DownloadPlan<'_>,
        store: &Arc<dyn Store>,
        attempts: &mut Attempts,
        recorder: &mut ProgressRecorder<'_>,
        stored: &mut Stored,
    ) -> Result<()> {
        let policy = ConflictPolicy::of(plan.options, attempts.is_again());
        let theirs = self.session(&attempts.context)?.hello().places.clone();
        let is_inside = plan.options.recursive && remote_path(&theirs, plan.destination).is_some();
        if is_inside && plan.options.selection.rules.is_empty() {
            refuse_download_into_itself(&theirs, &plan.literal_sources(), plan.destination)?;
        }
        let connections = plan.options.connections(recorder.monitor.chunk_size().is_some());
        // Files can be shared among connections when they are known.
        let must_look =
            // A look that ends before anything is written has an end.
            connections > 1 || is_inside || (policy.must_look() && (attempts.is_again() || !plan.is_new(&**store, policy)?));
        if !must_look {
            let part = DownloadPart {
                plan,
                store,
                request: Some(plan.request()),
                expected: plan.expected().clone(),
                selecting: plan.selecting(),
                directories: Vec::new(),
                rules: HashMap::new(),
                checked: Checked::default(),
            };
            return self.receive_part(part, &mut Plain, attempts, recorder, &Mutex::new(stored));
        }
        let wanted = self.find(plan, &**store, policy, attempts, recorder)?;
        attempts.got_to(wanted.bytes_there);
        let expected = Expected::files(&wanted.files, plan.options);
        let (rules, checked, mut directories) = (wanted.rules, wanted.checked, wanted.directories);
        let mut part = |selecting| DownloadPart {
            plan,
            store,
            request: Some(plan.selected_request()),
            expected: expected.clone(),
            selecting,
            directories: std::mem::take(&mut directories),
            rules: rules.clone(),
            checked: checked.clone(),
        };
        let stored = Mutex::new(stored);
        if connections == 1 {
            let part = part(Selecting::all(wanted.files));
            return self.receive_part(part, &mut Plain, attempts, recorder, &stored);
        }
        let queue = SharedQueue::new(wanted.files);
        let parts = (0..connections).map(|_| part(Selecting::some(queue.clone()))).collect();
        let work = |client: &mut Self, part, recorder: &mut ProgressRecorder<'_>| {
            client.receive_part(part, &mut Plain, attempts, recorder, &stored)
        };
        together(self, recorder, parts, work, || queue.clear()).map(drop)
    }

    /// Receives over one connection.
    pub(crate) fn receive_part(
        &mut self,
        part: DownloadPart<'_>,
        merger: &mut dyn ItemMerger,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
        stored: &Mutex<&mut Stored>,
    ) -> Result<()> {
        let DownloadPart { plan, store, .. } = part;
        let options = UnpackerOptions {
            destination: RemotePath::root(),
            on_conflict: plan.options.on_conflict,
            file_size_limit: u64::MAX,
            sizes: plan.options.selection.sizes(),
            permit: Arc::new(NameRule::Posix),
            preserve_mode: plan.options.send.preserve_mode,
            // The items of a merger have the rules that it chose.
            rules: if merger.changes() { ItemRules::Theirs } else { ItemRules::Ours(part.rules) },
            // The server's own items are checked before, and must not change anything: only those of this side may.
            changes: merger.changes(),
            digest: DigestKind::Xxh3,
        };
        let unpacker = Unpacker::new(Arc::clone(store), options, part.checked);
        let unpacker = unpacker.map_err(|failure| plan.local(failure))?;
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot unpack in the background", source })?;
        let stays = recorder.monitor.chunk_size().is_some();
        let mut handler = DownloadHandler {
            unpacking: Unpacking::new(unpacker, waker, stays),
            expected: part.expected,
            selecting: part.selecting,
            destination: plan.destination,
            unwanted: Vec::new(),
            merger,
            backlog: Backlog::default(),
            recorder,
        };
        handler.make_directories(part.directories)?;
        loop {
            let items = handler.merger.items_before();
            if items.is_empty() {
                break;
            }
            handler.take(items, &[], 0)?;
            self.copy_kept(&mut handler, attempts)?;
        }
        let called = match part.request {
            Some(request) => self.call_in(&attempts.context, request, &mut handler),
            None => Ok(Done::default()),
        };
        let called = called.and_then(|_| self.take_rest(&mut handler, attempts));
        let DownloadHandler { unpacking, recorder, mut unwanted, .. } = handler;
        let mut unpacker_recorder =
            DownloadRecorder { recorder, destination: plan.destination, unwanted: &mut unwanted };
        let Some(mut unpacker) = unpacking.into_unpacker(&mut unpacker_recorder) else { return called };
        if let Err(error) = &called
            && goes_on_later(error)
        {
            // What has come is stored: the next attempt goes on behind it.
            let slice = Slice::last();
            let _stays_as_it_is = unpacker.work(&|| slice.is_over(), &mut unpacker_recorder);
        }
        // Counted even if the call failed: these files are there.
        add(&mut stored.lock().unwrap_or_else(PoisonError::into_inner), unpacker.stored());
        match called {
            Ok(()) => {
                let finished = unpacker.finish(&mut unpacker_recorder);
                finished.map(drop).map_err(|failure| match failure.code {
                    ErrorCode::BadRequest => Error::Protocol("the download ended in the middle of a file".to_owned()),
                    _ => plan.local(failure),
                })
            }
            // No partial is retained: the caller that stopped it does not want it, and a peer that broke the protocol
            // is not trusted.
            Err(error @ (Error::Stopped | Error::Callback(_) | Error::Protocol(_))) => Err(error),
            Err(error) => {
                unpacker.interrupt();
                Err(error)
            }
        }
    }

    /// Takes the items that are left when everything has come, and answers the server meanwhile.
    fn take_rest(&mut self, handler: &mut DownloadHandler<'_, '_>, attempts: &Attempts) -> Result<()> {
        loop {
            self.copy_kept(handler, attempts)?;
            while let Some((items, payload, _)) = handler.backlog.pop() {
                handler.take(items, &payload, 0)?;
                self.copy_kept(handler, attempts)?;
            }
            let items = handler.merger.items_after();
            if items.is_empty() {
                return Ok(());
            }
            handler.backlog.push(items, &[], 0);
        }
    }

    /// Copies the backup that is being prepared, and answers the server meanwhile.
    fn copy_kept(&mut self, handler: &mut DownloadHandler<'_, '_>, attempts: &Attempts) -> Result<()> {
        self.stay(attempts)?;
        while handler.unpacking.is_busy() {
            handler.unpack(|unpacking, recorder| unpacking.step_or_wait(recorder))?;
            self.stay(attempts)?;
        }
        Ok(())
    }

    /// Answers the server under a held lease, and checks whether the call is to go on.
    fn stay(&mut self, attempts: &Attempts) -> Result<()> {
        attempts.context.check()?;
        match &mut self.session {
            Some(session) if self.holds => session.answer(),
            _ => Ok(()),
        }
    }
}

/// Reports whether there may be another attempt, and nobody waits for the end of this one.
fn goes_on_later(error: &Error) -> bool {
    let is_over = matches!(
        error,
        Error::Stopped | Error::Callback(_) | Error::Protocol(_) | Error::Interrupted | Error::Timeout(_)
    );
    !is_over
}

fn add(sum: &mut Stored, now: Stored) {
    sum.files += now.files;
    sum.bytes += now.bytes;
    // Every attempt finds those that the one before has made.
    sum.directories = sum.directories.max(now.directories);
}

/// The part of a download that one connection receives: what is asked for, and what has to be known when it comes.
pub(crate) struct DownloadPart<'a> {
    pub(crate) plan: &'a DownloadPlan<'a>,
    pub(crate) store: &'a Arc<dyn Store>,
    /// `None` if nothing is asked for.
    pub(crate) request: Option<Request>,
    pub(crate) expected: Expected,
    pub(crate) selecting: Selecting,
    pub(crate) directories: Vec<(String, Option<u32>)>,
    pub(crate) rules: HashMap<u128, OnConflict>,
    pub(crate) checked: Checked,
}

struct DownloadHandler<'a, 'b> {
    unpacking: Unpacking,
    expected: Expected,
    selecting: Selecting,
    destination: &'a Path,
    /// Files that the server will be asked to stop sending.
    unwanted: Vec<String>,
    merger: &'a mut dyn ItemMerger,
    backlog: Backlog,
    recorder: &'a mut ProgressRecorder<'b>,
}

impl DownloadHandler<'_, '_> {
    /// Makes the directories that do not come as items, because their files are chosen one by one.
    fn make_directories(&mut self, directories: Vec<(String, Option<u32>)>) -> Result<()> {
        let items = directories.into_iter().map(|(path, mode)| Item::Directory { path, mode }).collect();
        self.take(items, &[], 0).map(drop)
    }

    fn take(&mut self, items: Vec<Item>, payload: &[u8], credit: u64) -> Result<u64> {
        self.unpack(|unpacking, recorder| unpacking.take(items, payload, credit, recorder))
    }

    fn unpack<T>(
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
        self.selecting.received(&items);
        let credit = credit_bytes(&items, payload.len());
        let merged = self.merger.merge(items)?;
        if self.backlog.is_empty() && !Backlog::is_long(&merged) {
            return self.take(merged, payload, credit);
        }
        self.backlog.push(merged, payload, credit);
        Ok(credit)
    }

    fn total(&mut self, files: u64, bytes: u64) {
        self.recorder.monitor.report(Event::Total { files, bytes });
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if let Some(path) = self.unwanted.pop() {
            call.machine.unwanted(call.operation, path);
            return Ok(Produced::Work);
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
