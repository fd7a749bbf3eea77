//! Many parts of files in one flight: requests in a row, without waiting for each answer.

use super::in_place::InPlace;
use super::parts::KnownFile;
use crate::carrier::{Link, Produced, drive};
use crate::client::servers::repeated::{Repeated, is_lost};
use crate::client::session::call::{Session, closed};
use crate::client::session::context::CallContext;
use crate::client::session::endpoint::{ClientEndpoint, LeaseHold, SessionUse};
use crate::client::{Client, OnWaiting, Protocol};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Done, Entry, Failure, Growing, OperationId, Request};
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// Reads under way at most, and the bytes beyond which no other begins.
const MOST_READS: usize = 64;
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// A part of a remote file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRange {
    /// The file.
    pub path: RemotePath,
    /// Bytes before the part.
    pub offset: u64,
    /// Bytes of the part; it ends with the file if that is shorter.
    pub length: u64,
}

impl Client {
    /// Reads parts of files, of one or of many, in one flight. Each has an outcome of its own, in their order.
    ///
    /// # Errors
    /// Those of the connection.
    ///
    /// # Examples
    /// ```no_run
    /// use remofile::{Client, ClientOptions, FileRange};
    ///
    /// # fn example(options: ClientOptions) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = Client::connect(options)?;
    /// let first = FileRange { path: "/table.parquet".parse()?, offset: 4, length: 100 };
    /// let second = FileRange { offset: 5000, ..first.clone() };
    /// for bytes in client.read_ranges(&[first, second])? {
    ///     println!("{} bytes", bytes?.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_ranges(&mut self, ranges: &[FileRange]) -> Result<Vec<Result<Vec<u8>>>> {
        let known = KnownFile { version: None, growing: Some(Growing::default()) };
        let parts = ranges.iter().map(|range| {
            let FileRange { path, offset, length } = range.clone();
            PartWanted { path, offset, length, known }
        });
        self.read_parts(parts.collect())
    }

    /// Reads parts of files. Those that a lost connection took are asked for once more.
    fn read_parts(&mut self, wanted: Vec<PartWanted>) -> Result<Vec<Result<Vec<u8>>>> {
        let context = self.context();
        let most = if self.options.protocol == Protocol::One { 1 } else { MOST_READS };
        let mut reads = Reads::new(wanted, most, self.options.on_waiting.clone());
        let result = self.again(Repeated::Same, &context, |client, context| {
            let missing = reads.begin_again();
            tracing::trace!("reading {missing} parts");
            client.drive_reads(&mut reads, context)
        });
        self.lend();
        result.map(|()| reads.into_results())
    }

    fn drive_reads(&mut self, reads: &mut Reads, context: &CallContext) -> Result<()> {
        let session = self.session(context)?;
        let before = session.traffic();
        let result = session.read(reads, context);
        let moved = session.traffic() - before;
        self.traffic = self.traffic + moved;
        if let Err(error) = &result
            && let Some(session) = self.session.take()
            && is_lost(error)
        {
            self.options.kept_servers.lost(&session.place);
        }
        result
    }
}

impl InPlace {
    /// Reads parts of the file in one flight; each ends with the file.
    ///
    /// # Errors
    /// As a read: of the first part that has one.
    pub(super) fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        self.flush()?;
        let (path, known) = (self.remote.path().clone(), self.remote.known(self.has_read));
        let part = |range: &Range<u64>| PartWanted {
            path: path.clone(),
            offset: range.start,
            length: range.end.saturating_sub(range.start),
            known,
        };
        self.client().read_parts(ranges.iter().map(part).collect())?.into_iter().collect()
    }
}

/// A part that is asked for.
struct PartWanted {
    path: RemotePath,
    offset: u64,
    length: u64,
    known: KnownFile,
}

impl PartWanted {
    fn request(&self) -> Request {
        let Self { path, offset, length, known: KnownFile { version, growing } } = self;
        let (path, offset, length, version, growing) = (path.clone(), *offset, *length, *version, *growing);
        Request::Read { path, offset, length, version, credit: length.max(1), growing }
    }

    /// Bytes that count as being under way.
    fn flight_bytes(&self) -> u64 {
        self.length.min(MOST_BYTES)
    }

    /// Checks what has come of it.
    fn outcome(&self, bytes: Vec<u8>, outcome: std::result::Result<Done, Failure>) -> Result<Vec<u8>> {
        let done = outcome?;
        let without = || Error::Protocol("an answer without an entry".to_owned());
        let entry: Entry = done.entry.ok_or_else(without)?;
        if bytes.len() as u64 != entry.size.saturating_sub(self.offset).min(self.length) {
            return Err(Error::Protocol("a part of a file that is not as long as it should be".to_owned()));
        }
        Ok(bytes)
    }
}

/// Parts of files that are read over one session.
struct Reads {
    wanted: Vec<PartWanted>,
    /// The parts that have come, in their order.
    results: Vec<Option<Result<Vec<u8>>>>,
    /// Index of the next part to ask for.
    next: usize,
    /// Indices of the parts under way, with the bytes that have come of each.
    running: HashMap<OperationId, (usize, Vec<u8>)>,
    most_reads: usize,
    flight_bytes: u64,
    on_waiting: OnWaiting,
}

impl Reads {
    fn new(wanted: Vec<PartWanted>, most_reads: usize, on_waiting: OnWaiting) -> Self {
        let results = wanted.iter().map(|_| None).collect();
        Self { wanted, results, next: 0, running: HashMap::new(), most_reads, flight_bytes: 0, on_waiting }
    }

    /// Forgets what is under way on a lost connection. Returns the number of parts that are missing.
    fn begin_again(&mut self) -> usize {
        self.running.clear();
        (self.next, self.flight_bytes) = (0, 0);
        self.results.iter().filter(|result| result.is_none()).count()
    }

    fn into_results(self) -> Vec<Result<Vec<u8>>> {
        let missing = || Err(Error::Protocol("a part of a file that was not answered".to_owned()));
        self.results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }

    /// Asks for the next part, if there is room for it. Returns false if not.
    fn ask(&mut self, machine: &mut ClientSession, now: Duration, wait_milliseconds: u64) -> bool {
        while self.results.get(self.next).is_some_and(Option::is_some) {
            self.next += 1;
        }
        let has_room = self.running.len() < self.most_reads && self.flight_bytes < MOST_BYTES;
        let Some(part) = self.wanted.get(self.next).filter(|_| has_room) else { return false };
        let operation = machine.start(now, part.request(), wait_milliseconds);
        self.flight_bytes += part.flight_bytes();
        self.running.insert(operation, (self.next, Vec::new()));
        self.next += 1;
        true
    }

    fn take(&mut self, operation: OperationId, payload: &[u8]) -> Result<()> {
        let Some((index, bytes)) = self.running.get_mut(&operation) else { return Ok(()) };
        if (bytes.len() + payload.len()) as u64 > self.wanted[*index].length {
            return Err(Error::Protocol("more of a file than was asked for".to_owned()));
        }
        bytes.extend_from_slice(payload);
        Ok(())
    }

    fn end(&mut self, operation: OperationId, outcome: std::result::Result<Done, Failure>) {
        let Some((index, bytes)) = self.running.remove(&operation) else { return };
        let part = &self.wanted[index];
        self.flight_bytes -= part.flight_bytes();
        self.results[index] = Some(part.outcome(bytes, outcome));
    }

    fn is_over(&self) -> bool {
        self.running.is_empty() && self.results.iter().skip(self.next).all(Option::is_some)
    }
}

impl Session {
    fn read(&mut self, reads: &mut Reads, context: &CallContext) -> Result<()> {
        let (watch, clock) = (self.stall_watch(), self.clock);
        let (machine, lease_hold) = (&mut self.machine, &mut self.lease_hold);
        let session = SessionUse { machine, lease_hold, context, clock, watch };
        let mut reading = Reading { session, reads, closed: None };
        let waker = context.interrupt.waker();
        let wakers: Vec<_> = waker.into_iter().collect();
        drive(&mut self.link, &mut reading, &wakers, self.clock)?;
        reading.closed.map_or(Ok(()), Err)
    }
}

/// A session that reads.
struct Reading<'a> {
    session: SessionUse<'a>,
    reads: &'a mut Reads,
    /// The reason why the server has ended the session, if it has.
    closed: Option<Error>,
}

impl ClientEndpoint for Reading<'_> {
    fn session(&self) -> &SessionUse<'_> {
        &self.session
    }

    fn machine(&mut self) -> &mut ClientSession {
        self.session.machine
    }

    fn lease_hold(&mut self) -> &mut Option<LeaseHold> {
        self.session.lease_hold
    }

    fn learn(&mut self, _operation: OperationId, event: ClientEvent, payload: &[u8]) -> Result<()> {
        match event {
            ClientEvent::Bytes(operation) => self.reads.take(operation, payload)?,
            ClientEvent::Finished(operation, outcome) => self.reads.end(operation, outcome),
            ClientEvent::Waiting(_, holders) => self.reads.on_waiting.report(Event::Waiting { holders: &holders }),
            ClientEvent::Closed(reason) => self.closed = Some(closed(reason)),
            _ => {}
        }
        Ok(())
    }

    fn work(&mut self, now: Duration, _link: &mut Link) -> Result<Produced> {
        let wait = self.session.context.wait.milliseconds();
        let is_asked = self.closed.is_none() && self.reads.ask(self.session.machine, now, wait);
        Ok(if is_asked { Produced::Work } else { Produced::Nothing })
    }

    fn watch(&mut self, now: Duration) {
        self.session.watch.look(now, self.session.context, self.session.machine);
    }

    fn is_over(&self) -> bool {
        self.closed.is_some() || self.reads.is_over()
    }
}
