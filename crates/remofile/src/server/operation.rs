//! One operation on the server: from its lease to its last message, a step at a time.

use crate::carrier::{MessageWriter, Waker};
use crate::server::ServerOptions;
use crate::store::{Removal, RemovalProgress, Store, Walk};
use crate::transfer::{Census, Feed, Origin, Outcome, Packed, Packer, PackerMonitor, Unpacker, UnpackerOptions};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ServerSession, SessionError};
use remofile_protocol::wire::{Done, ErrorCode, Failure, Header, Item, Listed, OperationId, Request};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

/// Elements of a listing are sent when they have this many bytes, or at its end.
const LISTING_BYTES: usize = 32 * 1024;

/// Elements are looked at in one step at most, so that other messages are not kept waiting.
const LISTING_STEP: usize = 2048;

/// An operation in flight.
pub(super) enum Operation {
    /// It waits for its lease.
    Waiting(Waiting),
    /// It sends a listing.
    Listing(Listing),
    /// It receives files.
    Receiving { unpacker: Box<Unpacker> },
    /// It counts what it will send, then sends it.
    Counting { census: Box<Census>, packer: Box<Packer> },
    /// It sends files.
    Sending { packer: Box<Packer>, sent: Sent },
    /// It removes a tree.
    Removing(Box<dyn Removal>),
    /// It did what was asked, and waits until that is on the disk.
    Flushing(Flushing),
}

/// A flush on a thread of its own: it may take longer than a peer waits for a word.
pub(super) struct Flushing {
    done: Done,
    flushed: Receiver<Result<(), Failure>>,
}

/// A request in the queue, and what came for it meanwhile: no more than its initial credit.
pub(super) struct Waiting {
    pub(super) request: Request,
    deadline: Option<Duration>,
    pub(super) early: Vec<(Vec<Item>, Vec<u8>)>,
    pub(super) finished: bool,
}

/// A listing on its way.
pub(super) struct Listing {
    walk: Box<dyn Walk>,
    /// Encoded elements that did not fit in the last message.
    pending: Vec<u8>,
    ended: bool,
}

/// What a download has sent.
#[derive(Default)]
pub(super) struct Sent {
    files: u64,
    directories: u64,
    bytes: u64,
}

/// How far an operation is.
pub(super) enum Progress {
    More(Operation),
    Done(Done),
    /// It changed something: done when that is as durable as the server was asked for.
    Changed(Done),
}

/// What a step came to.
pub(super) enum Step {
    Message(Header),
    Work,
    Nothing,
    Ended(Result<Done, Failure>),
    /// As [`Progress::Changed`].
    Changed(Done),
}

impl Waiting {
    pub(super) fn new(request: Request, deadline: Option<Duration>) -> Self {
        Self { request, deadline, early: Vec::new(), finished: false }
    }
}

/// Begins an operation that has its lease; short ones are done at once.
pub(super) fn start(request: Request, store: &Arc<dyn Store>, options: &ServerOptions) -> Result<Progress, Failure> {
    let done = match request {
        Request::List { path, recursive } => {
            let walk = store.walk(&path, recursive).map_err(|failure| failure.at(&path))?;
            return more(Operation::Listing(Listing { walk, pending: Vec::new(), ended: false }));
        }
        Request::Upload { destination, on_conflict } => {
            let unpacker = Unpacker::new(
                Arc::clone(store),
                UnpackerOptions {
                    destination: destination.clone(),
                    on_conflict,
                    file_size_limit: options.file_size_limit,
                    names: options.names,
                },
            )
            .map_err(|failure| failure.at(&destination))?;
            return more(Operation::Receiving { unpacker: Box::new(unpacker) });
        }
        Request::Download { sources, recursive, total, .. } => {
            return more(send(store, options, &sources, recursive, total));
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
        Request::Status => return Ok(Progress::Done(Done::default())),
    };
    Ok(Progress::Changed(done))
}

fn more(operation: Operation) -> Result<Progress, Failure> {
    Ok(Progress::More(operation))
}

/// Names the path unless the store did so already.
fn name(failure: Failure, path: &RemotePath) -> Failure {
    if failure.path.is_some() { failure } else { failure.at(path) }
}

fn send(
    store: &Arc<dyn Store>,
    options: &ServerOptions,
    sources: &[RemotePath],
    recursive: bool,
    total: bool,
) -> Operation {
    let feed = || {
        let store = Arc::clone(store);
        let origins = Vec::from(sources).into_iter().map(move |path| {
            Ok(Origin {
                store: Arc::clone(&store),
                path: path.clone(),
                name: path.file_name().map(|name| name.to_string()).unwrap_or_default(),
                shown: path.to_string(),
            })
        });
        Feed::new(origins, recursive, options.names)
    };
    let packer = Box::new(Packer::new(feed(), options.file_size_limit));
    if total {
        Operation::Counting { census: Box::new(Census::new(feed())), packer }
    } else {
        Operation::Sending { packer, sent: Sent::default() }
    }
}

impl Operation {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// When a waiting operation gives up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Waiting(waiting) => waiting.deadline,
            _ => None,
        }
    }

    /// Takes items of an upload; gives whether they were used up, and not put by. `tell` learns of files
    /// that were not stored.
    pub(super) fn take(
        &mut self,
        items: Vec<Item>,
        payload: &[u8],
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        match self {
            Self::Waiting(waiting) => {
                waiting.early.push((items, payload.to_vec()));
                Ok(false)
            }
            Self::Receiving { unpacker } => {
                unpacker.take(items, payload, &mut |outcome| {
                    if let Outcome::Failed { failure, by_sender: false } = outcome {
                        tell(failure);
                    }
                })?;
                Ok(true)
            }
            _ => Err(Failure::new(ErrorCode::BadRequest).because("files for an operation that takes none")),
        }
    }

    /// The client has no more items.
    pub(super) fn finish(self) -> Result<Progress, Failure> {
        match self {
            Self::Waiting(waiting) => more(Self::Waiting(Waiting { finished: true, ..waiting })),
            Self::Receiving { unpacker } => {
                let stored = unpacker.finish()?;
                let (files, directories, bytes) = (stored.files, stored.directories, stored.bytes);
                Ok(Progress::Changed(Done { files, directories, bytes, ..Done::default() }))
            }
            _ => Err(Failure::new(ErrorCode::BadRequest).because("the end of files for an operation that takes none")),
        }
    }

    /// The session or the server ends: what can be resumed is kept.
    pub(super) fn interrupt(self) {
        if let Self::Receiving { unpacker } = self {
            unpacker.interrupt();
        }
    }

    /// Does a piece of work.
    pub(super) fn step(
        &mut self,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<Step, SessionError> {
        match self {
            Self::Waiting(_) | Self::Receiving { .. } => Ok(Step::Nothing),
            Self::Listing(listing) => listing.step(id, machine, message),
            Self::Counting { census, packer } => {
                let Some((files, bytes)) = census.step() else {
                    return Ok(Step::Work);
                };
                machine.total(id, files, bytes);
                let nothing = Feed::new([], false, remofile_protocol::path::NameRule::Posix);
                let packer = std::mem::replace(packer, Box::new(Packer::new(nothing, 0)));
                *self = Self::Sending { packer, sent: Sent::default() };
                Ok(Step::Work)
            }
            Self::Sending { packer, sent } => match packer.pack(message, machine.credit(id), sent) {
                Packed::Items(items) => Ok(Step::Message(machine.data(id, items, message.payload_bytes())?)),
                Packed::Blocked => Ok(Step::Nothing),
                Packed::Finished => {
                    let (files, directories, bytes) = (sent.files, sent.directories, sent.bytes);
                    Ok(Step::Ended(Ok(Done { files, directories, bytes, ..Done::default() })))
                }
            },
            Self::Removing(removal) => Ok(match removal.step() {
                Ok(RemovalProgress::More) => Step::Work,
                Ok(RemovalProgress::Done { files, directories }) => {
                    Step::Changed(Done { files, directories, ..Done::default() })
                }
                Err(failure) => Step::Ended(Err(failure)),
            }),
            Self::Flushing(flushing) => Ok(match flushing.flushed.try_recv() {
                Ok(flushed) => Step::Ended(flushed.map(|()| std::mem::take(&mut flushing.done))),
                Err(TryRecvError::Empty) => Step::Nothing,
                Err(TryRecvError::Disconnected) => {
                    Step::Ended(Err(Failure::new(ErrorCode::DiskFailure).because("the flush was never finished")))
                }
            }),
        }
    }
}

impl Flushing {
    /// Begins the flush; `waker` is called when it is over.
    pub(super) fn begin(done: Done, store: Arc<dyn Store>, waker: Waker) -> Result<Self, Failure> {
        let (sender, flushed) = channel();
        let flush = move || {
            // A session that has ended does not want to know.
            let _gone = sender.send(store.sync());
            waker.wake();
        };
        match std::thread::Builder::new().name("flush".to_owned()).spawn(flush) {
            Ok(_detached) => Ok(Self { done, flushed }),
            Err(error) => Err(Failure::new(ErrorCode::OutOfResources).because(error)),
        }
    }
}

impl Listing {
    fn step(
        &mut self,
        id: OperationId,
        machine: &mut ServerSession,
        message: &mut MessageWriter<'_>,
    ) -> Result<Step, SessionError> {
        for _ in 0..LISTING_STEP {
            if self.ended || self.pending.len() >= LISTING_BYTES {
                break;
            }
            match self.walk.next() {
                None => self.ended = true,
                Some(listed) => encode(&listed, &mut self.pending),
            }
        }
        if self.pending.is_empty() {
            return Ok(if self.ended { Step::Ended(Ok(Done::default())) } else { Step::Work });
        }
        if !self.ended && self.pending.len() < LISTING_BYTES {
            return Ok(Step::Work);
        }
        if machine.credit(id) < self.pending.len() as u64 {
            return Ok(Step::Nothing);
        }
        message.append(&self.pending);
        self.pending.clear();
        Ok(Step::Message(machine.entries(id, message.payload_bytes())?))
    }
}

fn encode(listed: &Listed, out: &mut Vec<u8>) {
    let encoded = minicbor::encode(listed, out);
    debug_assert!(encoded.is_ok(), "memory can always be written");
}

impl PackerMonitor for Sent {
    fn packed(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    fn finished(&mut self, _path: &str, _size: u64) {
        self.files += 1;
    }

    fn directory(&mut self) {
        self.directories += 1;
    }
}
