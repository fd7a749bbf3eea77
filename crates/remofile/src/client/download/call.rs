//! The call that downloads files and directories.

use crate::blocking::Slice;
use crate::carrier::Waker;
use crate::client::abilities::kept_attributes;
use crate::client::download::earlier::{EarlierHere, Linking};
use crate::client::download::flush::LocalFlush;
use crate::client::download::handler::DownloadHandler;
use crate::client::download::item_merger::{Backlog, ItemMerger, Plain};
use crate::client::download::linking::link;
use crate::client::download::plan::{DownloadPlan, Expected};
use crate::client::download::selecting::{Chosen, Selecting, SharedQueue};
use crate::client::download::window::Window;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::parallel::together;
use crate::client::transfer::places::{refuse_download_into_itself, remote_path};
use crate::client::transfer::progress_recorder::{DownloadRecorder, ProgressRecorder};
use crate::client::{Client, RemoteSource, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::store::{LocalStore, MemoryStore, Store, StoreOptions};
use crate::transfer::{Checked, ItemRules, Stored, Unpacker, UnpackerOptions, Unpacking};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Done, ErrorCode, Failure, OnConflict, Request};
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
        let mut adapted = options.clone();
        let encoding = self.adapt(&mut adapted.selection, options.send, options.encode_names, false)?;
        let options = &adapted;
        let attempts = Attempts::new(options.retry, self.context());
        let sources: Vec<RemoteSource> = sources.iter().cloned().map(Into::into).collect();
        let plan = DownloadPlan::new(&sources, destination, options)?;
        let store_options = StoreOptions { encoding, ..plan.store_options() };
        let store: Arc<dyn Store> = match LocalStore::open(destination, store_options) {
            Ok(store) => Arc::new(store),
            Err(failure) if options.dry_run && options.missing_is_empty && failure.code == ErrorCode::NotFound => {
                Arc::new(MemoryStore::new())
            }
            Err(failure) => return Err(plan.local(failure)),
        };
        if options.dry_run {
            return self.foretell_download(&plan, &*store, monitor);
        }
        options.receive.tidy_up(destination);
        let earlier = options.link_dest_here.as_ref().map(|directory| {
            let compares_modes = options.send.sets_modes();
            EarlierHere::open(directory, destination, encoding, compares_modes)
        });
        let (earlier, missing) = match earlier {
            Some(Ok(earlier)) => (Some(earlier), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        let here = Destination { store: &store, earlier: earlier.as_ref() };
        let recorder = ProgressRecorder::new(monitor, false);
        self.expected = options.lanes();
        let report = self.download_attempts(&plan, here, missing.as_ref(), attempts, recorder);
        self.end_lanes();
        report
    }

    /// Downloads as often as it takes. `missing` is told in each attempt: the directory of an earlier download that is not there.
    fn download_attempts(
        &mut self,
        plan: &DownloadPlan<'_>,
        here: Destination<'_>,
        missing: Option<&Failure>,
        mut attempts: Attempts,
        mut recorder: ProgressRecorder<'_>,
    ) -> Result<TransferReport> {
        let (before, destination, store) = (self.traffic, plan.destination, here.store);
        let mut stored = Stored::default();
        loop {
            recorder.begin_attempt();
            missing.into_iter().for_each(|failure| recorder.failed(failure.clone()));
            let flush = LocalFlush::begin(&**store);
            let result = self.download_once(plan, here, &mut attempts, &mut recorder, &mut stored);
            // Also what an attempt stored that broke off: the next one is to find it present.
            if flushes(&result)
                && let Err(failure) = flush.end(&**store, stored, destination)
            {
                recorder.failed(failure);
            }
            match result {
                Ok(()) => return Ok(recorder.finish(stored, self.traffic - before)),
                Err(error) => attempts.again(error, &mut recorder)?,
            }
        }
    }

    fn download_once(
        &mut self,
        plan: &DownloadPlan<'_>,
        here: Destination<'_>,
        attempts: &mut Attempts,
        recorder: &mut ProgressRecorder<'_>,
        stored: &mut Stored,
    ) -> Result<()> {
        let Destination { store, earlier } = here;
        let mut policy = ConflictPolicy::of(plan.options, attempts.is_again());
        // Refused now, not when everything is here.
        let wanted = plan.options.send.attributes;
        let kept = kept_attributes(self.session(&attempts.context)?.hello(), wanted, false)?;
        policy.preserve_mode &= !kept.sets_modes(wanted);
        let is_inside = self.refuse_download_early(plan, attempts)?;
        let mut connections = plan.options.connections(recorder.monitor.chunk_size().is_some());
        // Files can be shared among connections when they are known.
        let must_look =
            // A look that ends before anything is written has an end.
            connections > 1 || is_inside || earlier.is_some() || (policy.must_look() && (attempts.is_again() || !plan.is_new(&**store, policy)?));
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
                lanes: plan.options.lanes(),
            };
            self.receive_part(part, &mut Plain, attempts, recorder, &Mutex::new(stored))?;
            return self.take_attributes(plan, &**store, attempts, recorder);
        }
        let mut wanted = self.find(plan, &**store, earlier, policy, attempts, recorder)?;
        if let Some(earlier) = earlier {
            let check = || attempts.context.check_at_work();
            let linking = Linking::new(earlier, &**store);
            link(linking, plan, policy, &mut wanted, recorder, stored, &check)?;
        }
        attempts.got_to(wanted.bytes_there);
        if is_uneven(&wanted.files, connections) {
            connections = 1;
        }
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
            lanes: if connections == 1 { plan.options.lanes() } else { LaneChoice::One },
        };
        let stored = Mutex::new(stored);
        if connections == 1 {
            let part = part(Selecting::all(wanted.files));
            self.receive_part(part, &mut Plain, attempts, recorder, &stored)?;
            return self.take_attributes(plan, &**store, attempts, recorder);
        }
        let queue = SharedQueue::new(wanted.files);
        let parts = (0..connections).map(|_| part(Selecting::some(queue.clone()))).collect();
        let work = |client: &mut Self, part, recorder: &mut ProgressRecorder<'_>| {
            client.receive_part(part, &mut Plain, attempts, recorder, &stored)
        };
        together(self, recorder, parts, work, || queue.clear())?;
        self.take_attributes(plan, &**store, attempts, recorder)
    }

    /// Refuses a download into its own source. Returns whether the destination is in the directory that is served.
    pub(super) fn refuse_download_early(&mut self, plan: &DownloadPlan<'_>, attempts: &Attempts) -> Result<bool> {
        let theirs = self.session(&attempts.context)?.hello().places.clone();
        let is_inside = plan.options.recursive && remote_path(&theirs, plan.destination).is_some();
        if is_inside && plan.options.selection.rules.is_empty() {
            refuse_download_into_itself(&theirs, &plan.literal_sources(), plan.destination)?;
        }
        Ok(is_inside)
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
            is_cut: false,
            window: Window::default(),
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
            Some(request) => self.call_over(part.lanes, &attempts.context, request, &mut handler),
            None => Ok(Done::default()),
        };
        let called = called.and_then(|_| self.take_rest(&mut handler, attempts));
        // The local disk is full: what did not come is told in the end.
        let (is_cut, called) = match called {
            Err(Error::Local(_)) if handler.is_cut => (true, Ok(())),
            called => (false, called),
        };
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
        if called.is_err() || is_cut {
            unpacker.flush_waiting(&mut unpacker_recorder);
        }
        // Counted even if the call failed: these files are there.
        add(&mut stored.lock().unwrap_or_else(PoisonError::into_inner), unpacker.stored());
        match called {
            Ok(()) if is_cut => {
                unpacker.give_up_for_want_of_room();
                Ok(())
            }
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
                unpacker.interrupt(&mut unpacker_recorder);
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
                handler.unpacking.want_flush();
                return self.copy_kept(handler, attempts);
            }
            handler.backlog.push(items, &[], 0);
        }
    }

    /// Copies the backup that is being prepared, flushes what is due, and answers the server meanwhile.
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
        // What is done here on this side is progress as well.
        attempts.context.progressed();
        match &mut self.session {
            Some(session) if self.holds => session.answer(),
            _ => Ok(()),
        }
    }
}

/// The destination of a download.
#[derive(Clone, Copy)]
struct Destination<'a> {
    store: &'a Arc<dyn Store>,
    earlier: Option<&'a EarlierHere>,
}

/// Reports whether what an attempt stored is flushed when it ends. Whoever gave a call some time does not wait longer:
/// what was stored stays in doubt until the next call flushes it.
fn flushes(result: &Result<()>) -> bool {
    !matches!(result, Err(Error::Timeout(_) | Error::Stalled(_)))
}

/// Reports whether there may be another attempt, and nobody waits for the end of this one.
fn goes_on_later(error: &Error) -> bool {
    let is_over = matches!(
        error,
        Error::Stopped
            | Error::Callback(_)
            | Error::Protocol(_)
            | Error::Interrupted
            | Error::Timeout(_)
            | Error::Stalled(_)
    );
    !is_over
}

/// Reports whether one of the files has more than the part of all bytes that a connection would have: then a session that has
/// all connections moves them faster than sessions with one each.
fn is_uneven(files: &[Chosen], connections: u8) -> bool {
    let total = files.iter().fold(0, |sum: u128, (_, size)| sum + u128::from(*size));
    files.iter().any(|(_, size)| u128::from(*size) * u128::from(connections) > total)
}

fn add(sum: &mut Stored, now: Stored) {
    sum.files += now.files;
    sum.bytes += now.bytes;
    sum.made += now.made;
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
    /// The connections that its session has.
    pub(crate) lanes: LaneChoice,
}
