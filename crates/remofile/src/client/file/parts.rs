//! The calls behind an open file: each names the file anew, and the version it must be.

use crate::carrier::{MessageWriter, Produced};
use crate::client::servers::repeated::Repeated;
use crate::client::session::context::CallContext;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::{Client, OnWaiting};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::limits::ITEM_CREDIT_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Entry, ErrorCode, Growing, Holder, Item, Request, Version};

/// Most items in a message: a header has room for more.
const MOST_ITEMS: usize = 4096;

/// A file on the server, as this side knows it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) client: Client,
    path: RemotePath,
    /// The version that was read or written last, and the size that it had.
    pub(super) version: Option<Version>,
    pub(super) size: u64,
    /// The number that tells the file from others, if the server has told it.
    identity: Option<u64>,
    /// True if a file that is written to while it is read fails.
    strict: bool,
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

/// The version that a request has to meet, and what it says of a file that may be written to meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownFile {
    pub(super) version: Option<Version>,
    pub(super) growing: Option<Growing>,
}

/// The outcome of a change.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) entry: Entry,
    /// True if another program had changed the file before.
    pub(super) was_another: bool,
}

impl Remote {
    pub(super) fn new(client: Client, path: RemotePath, strict: bool) -> Self {
        Self { client, path, version: None, size: 0, identity: None, strict }
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(super) fn path(&self) -> &RemotePath {
        &self.path
    }

    pub(super) fn identity(&self) -> Option<u64> {
        self.identity
    }

    /// Returns what a request has to say of the version that was read or written last, if it has to be that one.
    pub(super) fn known(&self, same_version: bool) -> KnownFile {
        let version = self.version.filter(|_| same_version);
        let size = if version.is_some() { self.size } else { 0 };
        let growing = Growing { size, identity: self.identity, follow: false };
        KnownFile { version, growing: (!self.strict).then_some(growing) }
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
        self.read_known(offset, length, self.known(same_version), buffer)
    }

    /// Reads what there is behind an offset now, of the file that was opened.
    ///
    /// # Errors
    /// `source-changed` if another file has taken its place, and it has no more bytes.
    pub(super) fn read_on(&mut self, offset: u64, length: u64, buffer: Vec<u8>) -> Result<(Entry, Vec<u8>)> {
        let KnownFile { version, growing } = self.known(true);
        let growing = growing.map(|growing| Growing { follow: true, ..growing });
        self.read_known(offset, length, KnownFile { version, growing }, buffer)
    }

    pub(super) fn read_known(
        &mut self,
        offset: u64,
        length: u64,
        known: KnownFile,
        buffer: Vec<u8>,
    ) -> Result<(Entry, Vec<u8>)> {
        let KnownFile { version, growing } = known;
        let mut part = Part::new(buffer, length, self.on_waiting());
        let (path, credit) = (self.path.clone(), length.max(1));
        let request = Request::Read { path, offset, length, version, credit, growing };
        let done = self.again(|client, context| {
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
        let request = self.write_request(change);
        let mut on_waiting = self.on_waiting();
        let done = self.again(|client, context| {
            client.call_in(context, request.clone(), &mut Writing::new(change, &mut on_waiting))
        })?;
        Ok(Changed { entry: self.learn(done)?, was_another: false })
    }

    pub(super) fn write_request(&self, change: Change<'_>) -> Request {
        let Change { length, append, create, .. } = change;
        Request::Write { path: self.path.clone(), version: self.version, length, append, create }
    }

    pub(super) fn on_waiting(&self) -> OnWaiting {
        self.client.options.on_waiting.clone()
    }

    pub(super) fn learn(&mut self, done: Done) -> Result<Entry> {
        let (Some(entry), Some(version)) = (done.entry, done.version) else {
            return Err(Error::Protocol("an answer without an entry and a version".to_owned()));
        };
        (self.version, self.size) = (Some(version), entry.size);
        self.identity = done.identity.or(self.identity);
        Ok(entry)
    }

    /// Makes a call that may be repeated, again after a lost connection.
    fn again(&mut self, call: impl FnMut(&mut Client, &CallContext) -> Result<Done>) -> Result<Done> {
        let context = self.client.context();
        let result = self.client.again(Repeated::Same, &context, call);
        self.client.lend();
        result
    }

    pub(super) fn into_client(self) -> Client {
        self.client
    }

    /// Returns the client, for calls of another kind.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// The handler of a part that is read.
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    wanted: u64,
    on_waiting: OnWaiting,
}

impl Part {
    /// Takes at most so many bytes into an empty buffer.
    pub(super) fn new(bytes: Vec<u8>, wanted: u64, on_waiting: OnWaiting) -> Self {
        Self { bytes, wanted, on_waiting }
    }
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
pub(super) struct Writing<'a> {
    change: Change<'a>,
    /// Index of the piece at hand. `sent` is the number of its bytes that were sent.
    piece: usize,
    sent: usize,
    is_finished: bool,
    on_waiting: &'a mut OnWaiting,
}

impl<'a> Writing<'a> {
    pub(super) fn new(change: Change<'a>, on_waiting: &'a mut OnWaiting) -> Self {
        Self { change, piece: 0, sent: 0, is_finished: false, on_waiting }
    }

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
