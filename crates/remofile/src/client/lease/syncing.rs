//! The operations of a sync, in one session under one lease.

use crate::carrier::{LONG_ROUND_TRIP, Produced};
use crate::client::abilities::{KeptAttributes, kept_attributes};
use crate::client::download::attributes::TakingAttributes;
use crate::client::download::call::DownloadPart;
use crate::client::download::item_merger::ItemMerger;
use crate::client::download::plan::{DownloadPlan, Expected};
use crate::client::download::selecting::Chosen;
use crate::client::download::selecting::Selecting;
use crate::client::lease::partials_here::PartialsHere;
use crate::client::listing::background::Incoming;
use crate::client::listing::handler::{ListHandler, decode};
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::session::measuring::LineSpeed;
use crate::client::session::traffic::Traffic;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::places;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::call::{UploadPart, moved};
use crate::client::{Client, RemoteSource, RetryOptions, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::store::{Partial, Store};
use crate::transfer::{Checked, Feeding, Stored};
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    AttributeSet, Element, ErrorCode, Failure, Holder, Kind, Known, Request, Selected, Selection,
};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A session under one lease, with the attempts and the recorder of a sync.
pub(crate) struct Syncing<'a> {
    client: &'a mut Client,
    attempts: Attempts,
    recorder: ProgressRecorder<'a>,
    traffic: Traffic,
    stored: Stored,
}

impl<'a> Syncing<'a> {
    pub(crate) fn new(
        client: &'a mut Client,
        retry: RetryOptions,
        monitor: &'a mut dyn Monitor,
        is_upload: bool,
    ) -> Self {
        let attempts = Attempts::new(retry, client.context());
        let traffic = client.traffic;
        Self {
            client,
            attempts,
            recorder: ProgressRecorder::forgetful(monitor, is_upload),
            traffic,
            stored: Stored::default(),
        }
    }

    /// Runs `body` under a lease of `paths`, with all that is below them, again after a lost connection as often as the options allow.
    pub(crate) fn run<T>(
        mut self,
        write: bool,
        paths: &[RemotePath],
        mut body: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<(T, TransferReport)> {
        loop {
            self.recorder.begin_attempt();
            let held = self.client.hold(write, paths, &self.attempts.context);
            let result = held.and_then(|()| body(&mut self));
            self.client.release(&self.attempts.context);
            match result {
                Ok(result) => {
                    let traffic = self.client.traffic - self.traffic;
                    self.client.end_lanes();
                    return Ok((result, self.recorder.finish(self.stored, traffic)));
                }
                Err(error) => {
                    if let Err(error) = self.attempts.again(error, &mut self.recorder) {
                        self.client.end_lanes();
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Reports whether the attempt at hand is not the first.
    pub(crate) fn is_again(&self) -> bool {
        self.attempts.is_again()
    }

    /// Waits until the lease is there.
    pub(crate) fn await_hold(&mut self) -> Result<()> {
        self.client.await_hold(&self.attempts.context, self.recorder.monitor)
    }

    /// Returns the server's hello.
    pub(crate) fn server(&mut self) -> Result<&ServerHello> {
        Ok(self.client.session(&self.attempts.context)?.hello())
    }

    /// Returns the monitor of the sync.
    pub(crate) fn monitor(&mut self) -> &mut dyn Monitor {
        self.recorder.monitor
    }

    /// Records a failure, or a file that was left out.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.recorder.failed(failure);
    }

    /// Returns the number of failures so far.
    pub(crate) fn failure_count(&self) -> u64 {
        self.recorder.report.failure_count()
    }

    /// Runs `work` while the lease is kept.
    pub(crate) fn attend<T: Send>(
        &mut self,
        work: impl FnOnce(&(dyn Fn() -> Result<()> + Sync)) -> Result<T> + Send,
    ) -> Result<T> {
        self.client.attend(&self.attempts.context, self.recorder.monitor, work)
    }

    /// Reports whether a remote path exists.
    pub(crate) fn exists(&mut self, path: &RemotePath) -> Result<bool> {
        match self.client.stat(path) {
            Ok(_) => Ok(true),
            Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Refuses a destination whose parent, too, is missing; `failure` is that of the destination.
    pub(crate) fn refuse_orphan(&mut self, destination: &RemotePath, failure: Failure) -> Result<()> {
        let Some(parent) = destination.parent() else { return Err(Error::Remote(failure)) };
        match self.client.stat(&parent)?.kind {
            Kind::Directory => Ok(()),
            _ => Err(Error::Remote(Failure::new(ErrorCode::NotADirectory).at(parent))),
        }
    }

    /// Makes a directory on the server.
    pub(crate) fn make_directory(&mut self, path: &RemotePath) -> Result<()> {
        self.client.make_directory(path, true, false)
    }

    /// Returns the partials on the server of files below a destination, by the paths of the files.
    pub(crate) fn known_partials(
        &mut self,
        destination: &RemotePath,
        paths: &[&str],
    ) -> Result<HashMap<Box<str>, Known>> {
        let mut asked: HashMap<RemotePath, &str> =
            paths.iter().copied().filter_map(|path| Some((destination.join(path).ok()?, path))).collect();
        // Partials of other files are not remembered: there may be any number of them.
        let mut names = Vec::new();
        self.elements(Request::Partials, &mut |element| {
            if let Element::Partial(partial) = element {
                names.extend(asked.remove(&partial.path).map(str::to_owned));
            }
            Ok(())
        })?;
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let present = self.client.survey(destination, &names, &self.attempts.context, &mut self.recorder)?;
        self.attempts.got_to(present.bytes);
        let known = |name: &String| Some((name.as_str().into(), present.partial(name)?.clone()));
        Ok(names.iter().filter_map(known).collect())
    }

    /// Refuses an upload into its own source. If the sync deletes, also refuses a source that lies in the destination.
    pub(crate) fn refuse_upload_into_itself(
        &mut self,
        source: &Path,
        destination: &RemotePath,
        deletes: bool,
    ) -> Result<()> {
        let theirs = self.server()?.places.clone();
        places::refuse_upload_into_itself(&theirs, source, destination)?;
        match places::remote_path(&theirs, source) {
            Some(place) if deletes && place.is_within(destination) => Err(places::deletes_itself(source.display())),
            _ => Ok(()),
        }
    }

    /// Refuses a download into its own source. If the sync deletes, also refuses a source that lies in the
    /// destination.
    pub(crate) fn refuse_download_into_itself(
        &mut self,
        source: &RemotePath,
        destination: &Path,
        deletes: bool,
    ) -> Result<()> {
        let theirs = self.server()?.places.clone();
        places::refuse_download_into_itself(&theirs, &[source], destination)?;
        let holds_source = match places::remote_path(&theirs, destination) {
            Some(place) => source.is_within(&place),
            None => places::holds_root(&theirs, destination),
        };
        if deletes && holds_source { Err(places::deletes_itself(source)) } else { Ok(()) }
    }

    /// Returns the round trip to the server, as its first answer told it, if the line is long.
    pub(crate) fn long_round_trip(&mut self) -> Result<Option<Duration>> {
        let answered = self.client.session(&self.attempts.context)?.answered();
        Ok(Some(answered).filter(|answered| *answered >= LONG_ROUND_TRIP))
    }

    /// Measures the line, whose rate is bounded by `limit`, until the speed is `settled` well enough.
    pub(crate) fn measure_line(
        &mut self,
        limit: Option<NonZeroU64>,
        is_settled: &dyn Fn(LineSpeed) -> bool,
    ) -> Result<LineSpeed> {
        let limit = limit.map_or(f64::INFINITY, |limit| limit.get() as f64);
        let bounded = |line: LineSpeed| LineSpeed { bytes_per_second: line.bytes_per_second.min(limit), ..line };
        self.client.measure_line(&self.attempts.context, &|line| is_settled(bounded(line))).map(bounded)
    }

    /// Asks for elements.
    pub(crate) fn elements(&mut self, request: Request, each: &mut dyn FnMut(Element) -> Result<()>) -> Result<()> {
        let mut handler = ListHandler::new(each, self.recorder.monitor);
        let waiting = &self.attempts.context;
        self.client.call_in(waiting, request, &mut handler).map(drop)
    }

    /// Asks for elements, and has a thread of its own work on them.
    pub(crate) fn list_in_background<T: Send>(
        &mut self,
        request: Request,
        work: impl FnOnce(&mut Incoming<'_>, &(dyn Fn() -> Result<()> + Sync)) -> Result<T> + Send,
    ) -> Result<(Result<()>, Result<T>)> {
        let waiting = &self.attempts.context;
        self.client.list_in_background(waiting, request, self.recorder.monitor, work)
    }

    /// Asks for the digests of files, which come with the files' names.
    pub(crate) fn digests(&mut self, files: Vec<Selected>, each: &mut dyn FnMut(Element) -> Result<()>) -> Result<()> {
        let files = files.into_iter().map(|file| (file, 0)).collect();
        let mut handler = Digests { selecting: Selecting::all(files), each, monitor: self.recorder.monitor };
        let selection = Some(Selection { one_by_one: true, ..Selection::default() });
        let attributes = AttributeSet::NONE;
        let request = Request::Find { sources: Vec::new(), recursive: false, selection, digests: true, attributes };
        let waiting = &self.attempts.context;
        self.client.call_in(waiting, request, &mut handler).map(drop)
    }

    /// Sends the items of a feed.
    pub(crate) fn send<F: Feeding + 'static>(
        &mut self,
        feed: F,
        destination: &RemotePath,
        options: &TransferOptions,
    ) -> Result<()> {
        let part = UploadPart { destination, options, feed, names: None, group: None, claims: None, replaces: None };
        let done = self.client.send_part(part, &self.attempts, &mut self.recorder)?;
        self.add_stored(moved(&done));
        Ok(())
    }

    pub(super) fn add_stored(&mut self, moved: Stored) {
        self.stored.files += moved.files;
        self.stored.directories += moved.directories;
        self.stored.bytes += moved.bytes;
    }

    /// Returns what parts need of it.
    pub(super) fn split(&mut self) -> (&mut Client, &Attempts, &mut ProgressRecorder<'a>) {
        (self.client, &self.attempts, &mut self.recorder)
    }

    /// Reports whether the server keeps the attributes that are wanted; if not, that is told of `destination`.
    pub(crate) fn keeps_attributes(
        &mut self,
        wanted: AttributeSet,
        is_upload: bool,
        destination: impl std::fmt::Display,
    ) -> Result<bool> {
        match kept_attributes(self.server()?, wanted, is_upload)? {
            KeptAttributes::All => Ok(true),
            KeptAttributes::None => Ok(false),
            KeptAttributes::Told(failure) => {
                self.failed(failure.at(destination));
                Ok(false)
            }
        }
    }

    /// Asks for attributes, and has `each` give them to what is in a local directory.
    pub(crate) fn take_attributes(
        &mut self,
        request: Request,
        destination: LocalDestination<'_>,
        wanted: AttributeSet,
        each: impl Fn(Element, &mut TakingAttributes<'_>) -> Result<()>,
    ) -> Result<()> {
        let LocalDestination { store, path } = destination;
        let mut taking = TakingAttributes::new(&**store, path, wanted);
        self.elements(request, &mut |element| each(element, &mut taking))?;
        taking.finish(&mut self.recorder);
        Ok(())
    }

    /// Checks the local partials of files that a download began.
    pub(crate) fn partials_here(&mut self, store: &Arc<dyn Store>, partials: &[Partial]) -> Result<PartialsHere> {
        let here = self.attend(|check| {
            let mut here = PartialsHere::default();
            for partial in partials {
                here.look_at(&**store, partial, check)?;
            }
            Ok(here)
        })?;
        self.attempts.got_to(here.bytes);
        Ok(here)
    }

    /// Fetches files, and takes the items that the merger adds. The merger knows which files are to come.
    pub(crate) fn fetch<F: Iterator<Item = Chosen> + Send + 'static>(
        &mut self,
        destination: LocalDestination<'_>,
        files: Option<F>,
        checked: Checked,
        options: &TransferOptions,
        merger: &mut dyn ItemMerger,
    ) -> Result<()> {
        let LocalDestination { store, path } = destination;
        let plan = DownloadPlan::new(&[] as &[RemoteSource], path, options)?;
        let part = DownloadPart {
            plan: &plan,
            store,
            request: files.is_some().then(|| plan.selected_request()),
            expected: Expected::merged(),
            selecting: files.map_or_else(Selecting::none, Selecting::coming),
            directories: Vec::new(),
            rules: HashMap::new(),
            checked,
            lanes: options.lanes(),
        };
        let stored = Mutex::new(&mut self.stored);
        self.client.receive_part(part, merger, &self.attempts, &mut self.recorder, &stored)
    }
}

/// The local directory that a download fills, and the store that is rooted at it.
#[derive(Clone, Copy)]
pub(crate) struct LocalDestination<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) path: &'a Path,
}

/// The handler that names files and hands on their digests.
struct Digests<'a> {
    selecting: Selecting,
    each: &'a mut dyn FnMut(Element) -> Result<()>,
    monitor: &'a mut dyn Monitor,
}

impl Handler for Digests<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        decode(payload, self.each).map(|()| 0)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.selecting.produce(call)
    }
}
