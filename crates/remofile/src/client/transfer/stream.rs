//! Readers and writers that may be slow: each on a thread of its own, so that the session's heartbeat
//! goes on while they are waited for.

use crate::carrier::{MessageWriter, Waker};
use crate::error::{Error, Result};
use crate::transfer::Packed;
use remofile_protocol::digest::Digester;
use remofile_protocol::limits::CREDIT_RESERVE_BYTES;
use remofile_protocol::wire::{ErrorCode, Failure, Item};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read at once, and how many such pieces may wait: 1 MiB in all.
const PIECE_BYTES: usize = 256 * 1024;
const PIECES: usize = 4;

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map(drop).map_err(|source| Error::System { what: "cannot start a thread", source })
}

/// A reader that is sent as one file.
pub(crate) struct StreamSource {
    pieces: Receiver<io::Result<Vec<u8>>>,
    waker: Waker,
    name: String,
    /// The number of bytes, if that is known: protocol 1 takes no file without its size.
    size: Option<u64>,
    digester: Digester,
    state: SourceState,
}

enum SourceState {
    /// The file has not begun.
    New,
    /// The file is being sent. `sent` bytes of the piece were.
    Sending { piece: Vec<u8>, sent: usize },
    /// The receiver does not want the file.
    Abandoned,
    /// Everything was packed.
    Ended,
    /// Everything was packed, and the end of the upload was announced.
    Announced,
}

impl StreamSource {
    pub(crate) fn spawn(reader: Box<dyn Read + Send>, name: String, size: Option<u64>) -> Result<Self> {
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot read in the background", source })?;
        let (sender, pieces) = sync_channel(PIECES);
        let own = waker.clone();
        start("reader", move || read_all(reader, &sender, &own))?;
        Ok(Self { pieces, waker, name, size, digester: Digester::new(), state: SourceState::New })
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Reports whether everything was packed and the end was announced.
    pub(crate) fn is_announced(&self) -> bool {
        matches!(self.state, SourceState::Announced)
    }

    /// Stops reading: the receiver does not want the file.
    pub(crate) fn abandon(&mut self) {
        if !matches!(self.state, SourceState::Ended | SourceState::Announced) {
            self.state = SourceState::Abandoned;
        }
    }

    /// Fills a message with the bytes that were read so far.
    pub(crate) fn pack(
        &mut self,
        message: &mut MessageWriter<'_>,
        credit: u64,
        limit: u64,
    ) -> std::result::Result<Packed, Failure> {
        match &mut self.state {
            SourceState::New => {
                let path = self.name.clone();
                self.state = SourceState::Sending { piece: Vec::new(), sent: 0 };
                Ok(Packed::Items(vec![Item::Begin {
                    path,
                    size: self.size,
                    modified: None,
                    mode: None,
                    rule: None,
                    offset: 0,
                    replaces: None,
                }]))
            }
            SourceState::Abandoned => {
                self.state = SourceState::Ended;
                Ok(Packed::Items(vec![Item::Abort { failure: ErrorCode::Cancelled.into() }]))
            }
            SourceState::Sending { .. } => {
                self.pack_bytes(message, credit.min(limit.saturating_add(CREDIT_RESERVE_BYTES)))
            }
            SourceState::Ended => {
                self.state = SourceState::Announced;
                Ok(Packed::Finished)
            }
            SourceState::Announced => Ok(Packed::Blocked),
        }
    }

    fn pack_bytes(&mut self, message: &mut MessageWriter<'_>, credit: u64) -> std::result::Result<Packed, Failure> {
        let SourceState::Sending { piece, sent } = &mut self.state else {
            return Ok(Packed::Blocked);
        };
        if *sent == piece.len() {
            match self.pieces.try_recv() {
                Ok(Ok(next)) if next.is_empty() => {
                    self.state = SourceState::Ended;
                    return Ok(Packed::Items(vec![Item::End { digest: self.digester.finish() }]));
                }
                Ok(Ok(next)) => (*piece, *sent) = (next, 0),
                Ok(Err(error)) => return Err(Failure::new(ErrorCode::Other).at(&self.name).because(error)),
                Err(TryRecvError::Empty) => return Ok(Packed::Blocked),
                Err(TryRecvError::Disconnected) => {
                    return Err(Failure::new(ErrorCode::Other)
                        .at(&self.name)
                        .because("its reader ended in an unexpected way"));
                }
            }
        }
        let left = &piece[*sent..];
        let credit = credit.saturating_sub(CREDIT_RESERVE_BYTES);
        let wanted = left.len().min(usize::try_from(credit).unwrap_or(usize::MAX));
        let length = message.append(&left[..wanted]);
        if length == 0 {
            return Ok(Packed::Blocked);
        }
        self.digester.update(&left[..length]);
        *sent += length;
        Ok(Packed::Items(vec![Item::Data { length: u32::try_from(length).unwrap_or(u32::MAX) }]))
    }
}

/// Sends the pieces of a reader to the session; an empty piece is the end. A reader that panics sends an error
/// instead.
fn read_all(mut reader: Box<dyn Read + Send>, pieces: &SyncSender<io::Result<Vec<u8>>>, waker: &Waker) {
    loop {
        let read = unpanicked(|| read_piece(&mut *reader));
        let is_last = read.as_ref().map_or(true, Vec::is_empty);
        let is_wanted = pieces.send(read).is_ok();
        waker.wake();
        if is_last || !is_wanted {
            return;
        }
    }
}

fn read_piece(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(count) => {
                piece.truncate(count);
                return Ok(piece);
            }
        }
    }
}

/// Turns a panic of a caller's reader or writer into an error, so that nobody waits for it for ever.
fn unpanicked<T>(body: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    caught.unwrap_or_else(|_| Err(io::Error::other("it panicked")))
}

/// A writer that a download goes to.
pub(crate) struct StreamSink {
    pieces: Sender<Vec<u8>>,
    shared: Arc<SinkShared>,
    waker: Waker,
    ended: Receiver<()>,
}

#[derive(Default)]
struct SinkShared {
    /// Bytes written since the session was last told.
    consumed: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl StreamSink {
    pub(crate) fn spawn(writer: Box<dyn Write + Send>) -> Result<Self> {
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot write in the background", source })?;
        let (pieces, receiver) = channel();
        let (end, ended) = channel();
        let shared = Arc::new(SinkShared::default());
        let (own_shared, own_waker) = (Arc::clone(&shared), waker.clone());
        start("writer", move || {
            write_all(writer, &receiver, &own_shared, &own_waker);
            drop(end);
        })?;
        Ok(Self { pieces, shared, waker, ended })
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Queues bytes; bounded by the credit of the download.
    pub(crate) fn write(&self, bytes: &[u8]) {
        // A writer that has failed tells so by its error.
        let _failed = self.pieces.send(bytes.to_vec());
    }

    /// Returns the number of bytes written since the last call, or the writer's error.
    pub(crate) fn consumed(&self) -> io::Result<u64> {
        match self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.shared.consumed.swap(0, Ordering::AcqRel)),
        }
    }

    /// Waits until everything is written.
    pub(crate) fn finish(self) -> io::Result<()> {
        // The writer's thread ends with its channel.
        drop(self.pieces);
        let _ended = self.ended.recv();
        match self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn write_all(mut writer: Box<dyn Write + Send>, pieces: &Receiver<Vec<u8>>, shared: &SinkShared, waker: &Waker) {
    let write = || -> io::Result<()> {
        while let Ok(piece) = pieces.recv() {
            writer.write_all(&piece)?;
            shared.consumed.fetch_add(piece.len() as u64, Ordering::AcqRel);
            waker.wake();
        }
        writer.flush()
    };
    if let Err(error) = unpanicked(write) {
        *shared.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        waker.wake();
    }
}
