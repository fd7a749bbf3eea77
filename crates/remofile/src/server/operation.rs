//! One operation on the server: from its lease to its last message, a step at a time.

mod flushing;
mod intake;
mod memory;
mod sent;

pub(super) use flushing::Flushing;

use crate::carrier::MessageWriter;
use crate::server::editing::{InPlace, PartRead};
use crate::server::listing::{Contents, Listing, Survey, refuse_occupied};
use crate::server::principal::Grant;
use crate::server::signing::{Digests, Signing};
use crate::store::{Removal, RemovalProgress, Store};
use crate::transfer::{
    Census, Chained, Checked, Feed, FeedOptions, Feeding, Filter, InStore, ItemRules, NamedOneByOne, Origin, Origins,
    Pace, Packed, Packer, PackerOptions, Permit, Scan, Unpacker, UnpackerOptions,
};
use intake::Intake;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ServerSession, SessionError};
use remofile_protocol::wire::{Done, ErrorCode, Failure, Header, Item, OperationId, Request, Selected, Selection};
use sent::Sent;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

/// An operation in flight.
pub(super) enum Operation {
    /// It waits for its lease.
    Waiting(Waiting),
    /// It sends a listing.
    Listing(Listing),
    /// It receives files.
    Receiving(Intake),
    /// It counts what it will send, then sends it.
    Counting { census: Box<Census>, sending: Sending },
    /// It sends files.
    Sending(Sending),
    /// It sends a part of a file.
    Reading(PartRead),
    /// It changes a file in place.
    Editing(InPlace),
    /// It holds the lease for others.
    Holding,
    /// It is over, but for telling so.
    Over,
    /// It removes a tree.
    Removing(Box<dyn Removal>),
    /// It did what was asked, and waits until that is on the disk.
    Flushing(Flushing),
}

/// A request in the queue, and what came for it meanwhile: no more than its initial credit, and what the session may hold.
pub(super) struct Waiting {
    pub(super) request: Request,
    deadline: Option<Duration>,
    pub(super) early: Vec<(Vec<Item>, Vec<u8>)>,
    pub(super) selected: Vec<Selected>,
    pub(super) finished: bool,
    held_bytes: usize,
}

/// A download on its way.
pub(super) struct Sending {
    packer: Box<Packer>,
    sent: Sent,
    pace: Box<Pace>,
    /// When the pace allows more.
    ready_at: Option<Duration>,
}

/// How far an operation is.
pub(super) enum Progress {
    More(Operation),
    Done(Done),
    /// It changed something: done when that is as durable as the server was asked for.
    Changed(Done),
}

/// What a step came to.
pub(super) enum OperationStep {
    Message(Header),
    Work,
    Nothing,
    Ended(Result<Done, Failure>),
    /// As [`Progress::Changed`].
    Changed(Done),
    /// A survey is over, and found these.
    Surveyed(Checked),
}

impl Waiting {
    pub(super) fn new(request: Request, deadline: Option<Duration>) -> Self {
        Self { request, deadline, early: Vec::new(), selected: Vec::new(), finished: false, held_bytes: 0 }
    }
}

/// Begins an operation that has its lease; short ones are done at once.
/// `checked` are the partials that the session has looked at.
pub(super) fn start(
    request: Request,
    grant: &Arc<Grant>,
    checked: &mut Checked,
    digest: DigestKind,
) -> Result<Progress, Failure> {
    let (store, file_size_limit) = (&grant.store, grant.principal.limits.file_size);
    let listing = |contents| more(Operation::Listing(Listing::new(contents)));
    let done = match request {
        Request::List { path, recursive, rules, targets, unflushed } => {
            let filter = Filter::new(&rules, None, None)?;
            let scan = Scan::new(store, &path, recursive, filter, targets).map_err(|failure| failure.at(&path))?;
            return listing(Contents::Directory { scan, knows_unflushed: unflushed });
        }
        Request::Find { sources, recursive, selection, digests } => {
            let selected = SourceSelection { sources, recursive, selection: selection.unwrap_or_default() };
            let feed = Box::new(selected.feed(grant, selected.filter()?)?);
            return listing(if digests { Contents::Digests(Digests::new(feed)) } else { Contents::Found(feed) });
        }
        Request::Sign { files } => return listing(Contents::Signing(Signing::new(store, files))),
        Request::Hold { .. } => return more(Operation::Holding),
        Request::Survey { destination, names, unflushed } => {
            return listing(Contents::Survey(Box::new(Survey::new(store, &destination, &names, unflushed)?)));
        }
        Request::Partials => return listing(Contents::Partials(store.partials()?.into_iter())),
        Request::ClearPartials { paths } => clear_partials(&**store, paths)?,
        Request::Upload { destination, on_conflict, names, .. } => {
            let unpacker = Unpacker::new(
                Arc::clone(store),
                UnpackerOptions {
                    destination: destination.clone(),
                    on_conflict,
                    file_size_limit,
                    sizes: 0..=u64::MAX,
                    permit: Arc::clone(grant) as Arc<dyn Permit>,
                    preserve_mode: true,
                    rules: ItemRules::Theirs,
                    changes: true,
                    digest,
                },
                std::mem::take(checked),
            )
            .map_err(|failure| failure.at(&destination))?;
            refuse_occupied(&**store, &destination, names.as_deref().unwrap_or_default())?;
            return more(Operation::Receiving(Intake::new(unpacker)));
        }
        Request::Download { sources, recursive, total, selection, send_options, .. } => {
            let selected = SourceSelection { sources, recursive, selection: selection.unwrap_or_default() };
            let packing = PackerOptions::of(send_options.unwrap_or_default(), file_size_limit, digest)?;
            return more(send(selected.feeds(grant, total)?, packing)?);
        }
        Request::Remove { path, recursive: true } => {
            return more(Operation::Removing(store.remove_tree(&path).map_err(|failure| name(failure, &path))?));
        }
        Request::Stat { path } => {
            let entry = store.stat(&path).map_err(|failure| failure.at(&path))?;
            return Ok(Progress::Done(Done { entry: Some(entry), ..Done::default() }));
        }
        Request::CreateFile { path, update } => {
            store.create_file(&path, update).map_err(|failure| failure.at(&path))?;
            Done { files: 1, ..Done::default() }
        }
        Request::MakeDirectory { path, update, parents } => {
            let made = store.make_directory(&path, update, parents).map_err(|failure| failure.at(&path))?;
            Done { directories: made.into(), ..Done::default() }
        }
        Request::Remove { path, recursive: false } => {
            use remofile_protocol::wire::Kind;
            match store.remove(&path).map_err(|failure| failure.at(&path))? {
                Kind::Directory => Done { directories: 1, ..Done::default() },
                Kind::File | Kind::Link | Kind::Special => Done { files: 1, ..Done::default() },
            }
        }
        Request::Move { source, destination, replace } => {
            store.rename(&source, &destination, replace).map_err(|failure| {
                let concerns_destination = matches!(failure.code, ErrorCode::AlreadyExists | ErrorCode::NotADirectory);
                failure.at(if concerns_destination { &destination } else { &source })
            })?;
            Done::default()
        }
        Request::Read { path, offset, length, version, .. } => {
            let part = PartRead::new(&**store, &path, (offset, length), version, file_size_limit);
            return more(Operation::Reading(part.map_err(|failure| failure.at(&path))?));
        }
        Request::Write { path, version, length, append, create } => {
            let changes = (length, append, create);
            let file = InPlace::new(&**store, &path, version, changes, file_size_limit);
            return more(Operation::Editing(file.map_err(|failure| failure.at(&path))?));
        }
        Request::Status => return Ok(Progress::Done(Done::default())),
    };
    Ok(Progress::Changed(done))
}

fn clear_partials(store: &dyn Store, paths: Vec<RemotePath>) -> Result<Done, Failure> {
    let named = |path: RemotePath| store.remove_partial(&path).map_err(|failure| failure.at(&path));
    let mut files = 0;
    if paths.is_empty() {
        for partial in store.partials()? {
            files += u64::from(named(partial.path)?);
        }
    }
    for path in paths {
        if !named(path.clone())? {
            return Err(Failure::new(ErrorCode::NotFound).at(path).because("nothing is kept of it"));
        }
        files += 1;
    }
    Ok(Done { files, ..Done::default() })
}

fn more(operation: Operation) -> Result<Progress, Failure> {
    Ok(Progress::More(operation))
}

/// Names the path unless the store did so already.
fn name(failure: Failure, path: &RemotePath) -> Failure {
    if failure.path.is_some() { failure } else { failure.at(path) }
}

/// The files that a request selects.
struct SourceSelection {
    sources: Vec<RemotePath>,
    recursive: bool,
    selection: Selection,
}

impl SourceSelection {
    /// What is sent, and what is counted before.
    fn feeds(&self, grant: &Arc<Grant>, total: bool) -> Result<(Feed, Option<Feed>), Failure> {
        let counts = total && !self.selection.one_by_one;
        // One for both: made of many rules it takes megabytes.
        let filter = self.filter()?;
        let counted = counts.then(|| self.feed(grant, filter.clone())).transpose()?;
        Ok((self.feed(grant, filter)?, counted))
    }

    fn filter(&self) -> Result<Filter, Failure> {
        Filter::of(&self.selection)
    }

    fn feed(&self, grant: &Arc<Grant>, filter: Filter) -> Result<Feed, Failure> {
        let store = &grant.store;
        let selection = &self.selection;
        let mut named = InStore::new(Arc::clone(store), self.sources.clone(), selection.patterns);
        if selection.contents {
            named = named.nameless();
            let open = |source| store.walk(source, false).map(drop).map_err(|failure| failure.at(source));
            self.sources.iter().try_for_each(open)?;
        }
        let origins: Box<dyn Origins> = match selection.one_by_one {
            true => Box::new(Chained::new(named, NamedOneByOne::default())),
            false => Box::new(named),
        };
        let (recursive, links) = (self.recursive, selection.links);
        let permit = Arc::clone(grant) as Arc<dyn Permit>;
        Ok(Feed::new(origins, FeedOptions { recursive, permit, filter, links }))
    }
}

/// `counted` is what is counted first, if it is.
fn send((feed, counted): (Feed, Option<Feed>), packing: PackerOptions) -> Result<Operation, Failure> {
    let packer = Box::new(Packer::new(feed, packing)?);
    let pace = Box::new(Pace::of(&packing.send));
    let sending = Sending { packer, sent: Sent::default(), pace, ready_at: None };
    Ok(match counted {
        Some(counted) => Operation::Counting { census: Box::new(Census::new(counted)), sending },
        None => Operation::Sending(sending),
    })
}

impl Operation {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    pub(super) fn is_flushing(&self) -> bool {
        matches!(self, Self::Flushing(_))
    }

    /// When a waiting operation gives up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Waiting(waiting) => waiting.deadline,
            _ => None,
        }
    }

    /// Takes items of an upload, and their credit; gives whether they were used up, and not put by. `tell` learns of files
    /// that were not stored.
    pub(super) fn take(
        &mut self,
        items: Vec<Item>,
        payload: &[u8],
        credit: u64,
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        match self {
            Self::Waiting(waiting) => {
                waiting.keep(items, payload);
                Ok(false)
            }
            Self::Receiving(intake) => intake.take(items, payload, credit, tell),
            Self::Editing(file) => file.take(items, payload).map(|()| true),
            _ => Err(Failure::new(ErrorCode::BadRequest).because("files for an operation that takes none")),
        }
    }

    /// Takes sources that the client names one by one.
    pub(super) fn select(&mut self, store: &Arc<dyn Store>, files: Vec<Selected>) -> Result<(), Failure> {
        if let Self::Waiting(waiting) = self {
            waiting.keep_selected(files);
            return Ok(());
        }
        let Some(origins) = self.origins() else {
            return Err(Failure::new(ErrorCode::BadRequest).because("sources for an operation that takes none"));
        };
        for file in files {
            let credit = file.credit_bytes();
            let Selected { path, name, known, as_link, parts } = file;
            RemotePath::root().join(&name).map_err(|invalid| Failure::from(invalid).at(&name))?;
            let shown = path.to_string();
            origins.add(Origin { store: Arc::clone(store), path, name, shown, known, as_link, parts }, credit);
        }
        Ok(())
    }

    /// Takes items that came before an upload began; they are put by, and used up by steps.
    pub(super) fn take_early(
        &mut self,
        (items, payload): (Vec<Item>, Vec<u8>),
        credit: u64,
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        match self {
            Self::Receiving(intake) => {
                intake.put_by(items, payload, credit);
                Ok(false)
            }
            _ => self.take(items, &payload, credit, tell),
        }
    }

    /// The credit of sources, or of items that were put by, that were used up.
    pub(super) fn released(&mut self) -> u64 {
        if let Self::Receiving(intake) = self {
            return intake.released();
        }
        self.origins().map_or(0, Origins::take_released)
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        match self {
            Self::Sending(sending) => sending.packer.origins(),
            Self::Listing(listing) => listing.feed().and_then(Feeding::origins),
            _ => None,
        }
    }

    /// The client does not want a file.
    pub(super) fn unwanted(&mut self, path: &str) {
        if let Self::Sending(sending) = self {
            sending.packer.abort(path, &ErrorCode::Cancelled.into());
        }
    }

    /// When it may go on.
    pub(super) fn ready_at(&self) -> Option<Duration> {
        match self {
            Self::Sending(sending) => sending.ready_at,
            _ => None,
        }
    }

    /// The client has no more items or sources. `tell` learns of what could not be done.
    pub(super) fn finish(mut self, tell: &mut dyn FnMut(Failure)) -> Result<Progress, Failure> {
        if let Some(origins) = self.origins() {
            origins.finish();
            return more(self);
        }
        match self {
            Self::Waiting(waiting) => more(Self::Waiting(Waiting { finished: true, ..waiting })),
            Self::Holding => Ok(Progress::Done(Done::default())),
            Self::Receiving(intake) if intake.is_busy() => more(Self::Receiving(intake.finished())),
            Self::Receiving(intake) => Ok(Progress::Changed(intake.finish(tell)?)),
            Self::Editing(file) => file.finish(),
            _ => Err(Failure::new(ErrorCode::BadRequest).because("the end of files for an operation that takes none")),
        }
    }

    /// The session or the server ends: what can be resumed is kept.
    pub(super) fn interrupt(self) {
        if let Self::Receiving(intake) = self {
            intake.interrupt();
        }
    }

    /// Does a piece of work.
    pub(super) fn step(
        &mut self,
        now: Duration,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<OperationStep, SessionError> {
        match self {
            Self::Waiting(_) | Self::Holding | Self::Editing(_) | Self::Over => Ok(OperationStep::Nothing),
            Self::Reading(part) => part.step(id, machine, message),
            Self::Receiving(intake) if !intake.is_busy() => Ok(OperationStep::Nothing),
            Self::Receiving(intake) => {
                let mut tell = |failure| machine.item_failed(id, failure);
                let gone_on = intake.go_on(&mut tell);
                if gone_on.is_ok() && !intake.is_over() {
                    return Ok(OperationStep::Work);
                }
                let Self::Receiving(intake) = std::mem::replace(self, Self::Over) else {
                    return Ok(OperationStep::Nothing);
                };
                Ok(match gone_on.and_then(|()| intake.finish(&mut tell)) {
                    Ok(done) => OperationStep::Changed(done),
                    Err(failure) => OperationStep::Ended(Err(failure)),
                })
            }
            Self::Listing(listing) => listing.step(id, machine, message),
            Self::Counting { census, .. } => {
                if let Some((files, bytes)) = census.step() {
                    machine.total(id, files, bytes);
                    if let Self::Counting { sending, .. } = std::mem::replace(self, Self::Over) {
                        *self = Self::Sending(sending);
                    }
                }
                Ok(OperationStep::Work)
            }
            Self::Sending(sending) => sending.step(now, id, machine, message),
            Self::Removing(removal) => Ok(match removal.step() {
                Ok(RemovalProgress::More) => OperationStep::Work,
                Ok(RemovalProgress::Done { files, directories }) => {
                    OperationStep::Changed(Done { files, directories, ..Done::default() })
                }
                Err(failure) => OperationStep::Ended(Err(failure)),
            }),
            Self::Flushing(flushing) => Ok(match flushing.flushed.try_recv() {
                Ok(flushed) => OperationStep::Ended(flushed.map(|()| std::mem::take(&mut flushing.done))),
                Err(TryRecvError::Empty) => OperationStep::Nothing,
                Err(TryRecvError::Disconnected) => OperationStep::Ended(Err(
                    Failure::new(ErrorCode::DiskFailure).because("the flush was never finished")
                )),
            }),
        }
    }
}

impl Sending {
    fn step(
        &mut self,
        now: Duration,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<OperationStep, SessionError> {
        self.ready_at = self.pace.ready_at(now);
        if self.ready_at.is_some() {
            return Ok(OperationStep::Nothing);
        }
        let sent = &mut self.sent;
        match self.packer.pack(message, machine.credit(id), self.pace.allowance(now), sent) {
            Packed::Items(items) => {
                self.pace.spend(now, message.payload_bytes() as u64);
                Ok(OperationStep::Message(machine.data(id, items, message.payload_bytes())?))
            }
            Packed::Working => Ok(OperationStep::Work),
            Packed::Blocked => Ok(OperationStep::Nothing),
            Packed::Stopped => Ok(OperationStep::Ended(Err(ErrorCode::Cancelled.into()))),
            Packed::Finished => {
                let (files, directories, bytes) = (sent.files, sent.directories, sent.bytes);
                Ok(OperationStep::Ended(Ok(Done { files, directories, bytes, ..Done::default() })))
            }
        }
    }
}
