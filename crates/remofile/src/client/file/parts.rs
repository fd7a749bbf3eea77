//! The calls behind an open file: each names the file anew, and the version it must be.

use crate::carrier::{MessageWriter, Produced};
use crate::client::session::call::{Handler, OngoingCall};
use crate::client::session::context::CallContext;
use crate::client::transfer::attempts::LEASE_WAIT;
use crate::client::{Client, OnWaiting};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::limits::ITEM_CREDIT_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Entry, ErrorCode, Holder, Item, Request, Version};

/// Most items in a message: a header has room for more.
const MOST_ITEMS: usize = 4096;

/// A file on the server, as this side knows it.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    path: RemotePath,
    /// The version that was read or written last.
    version: Option<Version>,
}

/// The change that one call makes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change<'a> {
    /// New length of the file, which it gets before the pieces are written.
    pub(super) length: Option<u64>,
    /// Pieces with their offsets; with `append` one piece for the end of the file, wherever that is.
    pub(super) pieces: &'a [(u64, &'a [u8])],
    pub(super) append: bool,
    pub(super) create: bool,
}

/// The outcome of a change.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) entry: Entry,
    /// True if another program had changed the file before.
    pub(super) was_another: bool,
}

impl Remote {
    pub(super) fn new(client: Client, path: RemotePath) -> Self {
        Self { client, path, version: None }
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(super) fn path(&self) -> &RemotePath {
        &self.path
    }

    /// Reads into an empty buffer as far as the file goes.
    ///
    /// # Errors
    /// `source-changed` if it has to be the version that was read or written last, and is not; ...
    pub(super) fn read(
        &mut self,
        offset: u64,
        length: u64,
        same_version: bool,
        buffer: Vec<u8>,
    ) -> Result<(Entry, Vec<u8>)> {
        let version = self.version.filter(|_| same_version);
        let mut part = Part { bytes: buffer, wanted: length, on_waiting: self.on_waiting() };
        let request = Request::Read { path: self.path.clone(), offset, length, version, credit: length.max(1) };
        let done = self.again(true, |client, context| {
            part.bytes.clear();
            client.call_in(context, request.clone(), &mut part)
        })?;
        let entry = self.learn(done)?;
        let expected = entry.size.saturating_sub(offset).min(length);
        if part.bytes.len() as u64 != expected {
            return Err(Error::Protocol("a part of a file that is not as long as it should be".to_owned()));
        }
        Ok((entry, part.bytes))
    }

    /// Changes the file, even if another program changed it meanwhile.
    pub(super) fn write(&mut self, change: Change<'_>) -> Result<Changed> {
        match self.write_if(change) {
            Err(Error::Remote(failure)) if failure.code == ErrorCode::SourceChanged && self.version.is_some() => {
                self.version = None;
                self.write_if(change).map(|changed| Changed { was_another: true, ..changed })
            }
            result => result,
        }
    }

    /// Changes the file if it is the version that was read or written last.
    fn write_if(&mut self, change: Change<'_>) -> Result<Changed> {
        let Change { length, append, create, .. } = change;
        let request = Request::Write { path: self.path.clone(), version: self.version, length, append, create };
        // An append that is repeated after a lost connection could append twice.
        let may_repeat = !append || change.pieces.is_empty();
        let mut on_waiting = self.on_waiting();
        let done = self.again(may_repeat, |client, context| {
            let mut writing = Writing { change, piece: 0, sent: 0, is_finished: false, on_waiting: &mut on_waiting };
            client.call_in(context, request.clone(), &mut writing)
        })?;
        Ok(Changed { entry: self.learn(done)?, was_another: false })
    }

    fn on_waiting(&self) -> OnWaiting {
        self.client.options.on_waiting.clone()
    }

    fn learn(&mut self, done: Done) -> Result<Entry> {
        let (Some(entry), Some(version)) = (done.entry, done.version) else {
            return Err(Error::Protocol("an answer without an entry and a version".to_owned()));
        };
        self.version = Some(version);
        Ok(entry)
    }

    /// Makes a call, and once more after a lost connection.
    fn again(
        &mut self,
        may_repeat: bool,
        mut call: impl FnMut(&mut Client, &CallContext) -> Result<Done>,
    ) -> Result<Done> {
        let context = self.client.context();
        let result = match call(&mut self.client, &context) {
            Err(error) if may_repeat && is_lost(&error) => {
                tracing::debug!("reading or writing {} again: {error}", self.path);
                call(&mut self.client, &context.waiting_at_least(LEASE_WAIT)).map_err(|second| match second {
                    // The server was there before, so this is a lost connection, not a wrong address.
                    Error::Connect { source, .. } => Error::ConnectionLost(source),
                    second => second,
                })
            }
            result => result,
        };
        self.client.lend();
        result
    }

    /// Returns the client, for calls of another kind.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

fn is_lost(error: &Error) -> bool {
    match error {
        Error::ConnectionLost(_) | Error::PeerSilent(_) => true,
        Error::Remote(failure) => failure.code == ErrorCode::ShuttingDown,
        _ => false,
    }
}

/// The handler of a part that is read.
struct Part {
    bytes: Vec<u8>,
    wanted: u64,
    on_waiting: OnWaiting,
}

impl Handler for Part {
    fn bytes(&mut self, payload: &[u8]) -> Result<()> {
        if (self.bytes.len() + payload.len()) as u64 > self.wanted {
            return Err(Error::Protocol("more of a file than was asked for".to_owned()));
        }
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.on_waiting.report(Event::Waiting { holders });
    }
}

/// The handler of pieces that are sent.
struct Writing<'a> {
    change: Change<'a>,
    /// Index of the piece at hand. `sent` is the number of its bytes that were sent.
    piece: usize,
    sent: usize,
    is_finished: bool,
    on_waiting: &'a mut OnWaiting,
}

impl Writing<'_> {
    /// Fills a message. Returns no items if there is no room for a byte.
    fn fill(&mut self, message: &mut MessageWriter<'_>, mut credit: u64) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some((offset, bytes)) = self.change.pieces.get(self.piece).copied()
            && items.len() < MOST_ITEMS
        {
            let room = usize::try_from(credit.saturating_sub(ITEM_CREDIT_BYTES)).unwrap_or(usize::MAX);
            let left = &bytes[self.sent..];
            let count = message.append(&left[..left.len().min(room)]);
            let length = u32::try_from(count).unwrap_or(0);
            if length == 0 {
                break;
            }
            items.push(match self.change.append {
                true => Item::Data { length },
                false => Item::Place { offset: offset + self.sent as u64, length },
            });
            credit -= ITEM_CREDIT_BYTES + u64::from(length);
            self.sent += count;
            if self.sent == bytes.len() {
                (self.piece, self.sent) = (self.piece + 1, 0);
            }
        }
        items
    }
}

impl Handler for Writing<'_> {
    fn waiting(&mut self, holders: &[Holder]) {
        self.on_waiting.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if self.is_finished {
            return Ok(Produced::Nothing);
        }
        if self.piece == self.change.pieces.len() {
            self.is_finished = true;
            call.machine.finish(call.operation);
            return Ok(Produced::Work);
        }
        let sent = call.send(|message, credit| match self.fill(message, credit) {
            items if items.is_empty() => Err(()),
            items => Ok(items),
        })?;
        Ok(if sent.is_ok() { Produced::Message } else { Produced::Nothing })
    }
}
