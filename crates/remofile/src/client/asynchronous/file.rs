//! Open files for programs that await.

use crate::client::{AsyncClient, Client, OpenOptions, Pending, RemoteFile};
use crate::error::{Error, Result};
use futures_channel::oneshot;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use remofile_protocol::path::RemotePath;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, ready};

/// Bytes read or written by one call of the thread.
const PIECE_BYTES: usize = 256 * 1024;

/// A call for the thread. It is given `None` once the file is closed.
type Job = Box<dyn FnOnce(&mut Option<RemoteFile>) + Send>;

/// The outcome of a call on the thread.
enum Came {
    Read(io::Result<Vec<u8>>),
    Sought(SeekFrom, io::Result<u64>),
    Written(io::Result<()>),
    Flushed(io::Result<()>),
    Closed(io::Result<()>),
}

/// A [`RemoteFile`] on a thread of its own, with the traits of futures. The thread ends with it.
///
/// A write takes its bytes at once: its error is that of a later call, at the latest of [`AsyncWrite::poll_close`]. A
/// file that is rewritten becomes visible only by that call.
#[derive(Debug)]
pub struct AsyncRemoteFile {
    jobs: Sender<Job>,
    /// The call that is on its way.
    running: Option<oneshot::Receiver<Came>>,
    /// Bytes that were read. `taken` is the number of those that were handed on.
    read: Vec<u8>,
    taken: usize,
}

impl AsyncClient {
    /// Opens a remote file as [`Client::open`] does, on a thread of its own.
    pub fn open(&self, path: &RemotePath, options: OpenOptions) -> Pending<AsyncRemoteFile> {
        let path = path.clone();
        self.call(move |client: &mut Client| AsyncRemoteFile::new(client.open(&path, options)?))
    }
}

impl AsyncRemoteFile {
    /// Moves an open file to a thread of its own.
    ///
    /// # Errors
    /// [`Error::System`] if no thread can be started.
    pub fn new(file: RemoteFile) -> Result<Self> {
        let (jobs, receiver) = channel::<Job>();
        let body = move || {
            let mut file = Some(file);
            for job in receiver {
                job(&mut file);
            }
        };
        let spawned = std::thread::Builder::new().name("remofile file".to_owned()).spawn(body);
        spawned.map_err(|source| Error::System { what: "cannot start a thread", source })?;
        Ok(Self { jobs, running: None, read: Vec::new(), taken: 0 })
    }

    /// Returns the size of the file in bytes, as [`RemoteFile::size`] does.
    ///
    /// # Errors
    /// As [`RemoteFile::size`].
    pub async fn size(&mut self) -> Result<u64> {
        self.call(|file| file.size()).await
    }

    /// Cuts the file, or makes it longer by zeros, as [`RemoteFile::set_len`].
    ///
    /// # Errors
    /// As [`RemoteFile::set_len`].
    pub async fn set_len(&mut self, length: u64) -> Result<()> {
        self.call(move |file| file.set_len(length)).await
    }

    /// Ends the work on the file as [`RemoteFile::abort`].
    pub fn abort(self) {
        self.send(|file| {
            if let Some(file) = file.take() {
                file.abort();
            }
        });
    }

    /// Makes a call of another kind, when those before it are over.
    async fn call<T, F>(&mut self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut RemoteFile) -> Result<T> + Send + 'static,
    {
        let settled = std::future::poll_fn(|context| self.poll_settled(context)).await;
        settled.map_err(|error| {
            error.downcast::<Error>().unwrap_or_else(|source| Error::System { what: "file", source })
        })?;
        let ahead = self.forget_read();
        let (sender, receiver) = oneshot::channel();
        self.send(move |file| {
            let result = match file {
                Some(file) => file.seek(ahead).map_err(|_| closed()).and_then(|_| body(file)),
                None => Err(closed()),
            };
            let _gone = sender.send(result);
        });
        // The sender is lost only with the thread, and that only by a panic in a call.
        receiver.await.unwrap_or(Err(Error::Interrupted))
    }

    fn send(&self, job: impl FnOnce(&mut Option<RemoteFile>) + Send + 'static) {
        // If the thread is gone, so is the sender in the job, and its receiver tells so.
        let _gone = self.jobs.send(Box::new(job));
    }

    /// Begins a call. No other call may be on its way.
    fn begin(&mut self, body: impl FnOnce(&mut Option<RemoteFile>) -> Came + Send + 'static) {
        let (sender, receiver) = oneshot::channel();
        self.send(move |file| {
            let _gone = sender.send(body(file));
        });
        self.running = Some(receiver);
    }

    /// Polls the call that is on its way, and returns its outcome; `None` if there is none.
    fn poll_running(&mut self, context: &mut Context<'_>) -> Poll<Option<Came>> {
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        let came = ready!(Pin::new(running).poll(context));
        self.running = None;
        Poll::Ready(Some(came.unwrap_or_else(|_| Came::Written(Err(Error::Interrupted.into())))))
    }

    /// Takes in the outcome of a call for which nobody waits any more.
    fn settle(&mut self, came: Came) -> io::Result<()> {
        match came {
            Came::Read(bytes) => {
                (self.read, self.taken) = (bytes?, 0);
                Ok(())
            }
            Came::Sought(_, result) => result.map(drop),
            Came::Written(result) | Came::Flushed(result) | Came::Closed(result) => result,
        }
    }

    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(self.poll_running(context)).map_or(Ok(()), |came| self.settle(came)))
    }

    /// Forgets the bytes that were read and not handed on. Returns the seek that leads back to the reader's position.
    fn forget_read(&mut self) -> SeekFrom {
        let ahead = i64::try_from(self.read.len() - self.taken).unwrap_or(0);
        (self.read, self.taken) = (Vec::new(), 0);
        SeekFrom::Current(-ahead)
    }
}

impl AsyncRead for AsyncRemoteFile {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let left = this.read.get(this.taken..).unwrap_or_default();
            if !left.is_empty() {
                let count = left.len().min(buffer.len());
                buffer[..count].copy_from_slice(&left[..count]);
                this.taken += count;
                return Poll::Ready(Ok(count));
            }
            match ready!(this.poll_running(context)) {
                Some(Came::Read(Ok(bytes))) if bytes.is_empty() => return Poll::Ready(Ok(0)),
                Some(came) => this.settle(came)?,
                None => this.begin(|file| Came::Read(on(file, read_piece))),
            }
        }
    }
}

impl AsyncWrite for AsyncRemoteFile {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_settled(context))?;
        let bytes = bytes[..bytes.len().min(PIECE_BYTES)].to_vec();
        let (count, back) = (bytes.len(), this.forget_read());
        this.begin(move |file| {
            Came::Written(on(file, |file| {
                file.seek(back)?;
                file.write_all(&bytes)
            }))
        });
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match ready!(this.poll_running(context)) {
                Some(Came::Flushed(result)) => return Poll::Ready(result),
                Some(came) => this.settle(came)?,
                None => this.begin(|file| Came::Flushed(on(file, RemoteFile::flush))),
            }
        }
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match ready!(this.poll_running(context)) {
                Some(Came::Closed(result)) => return Poll::Ready(result),
                Some(came) => this.settle(came)?,
                None => this.begin(|file| {
                    let closed = file.take().map_or(Ok(()), RemoteFile::close);
                    Came::Closed(closed.map_err(io::Error::from))
                }),
            }
        }
    }
}

impl AsyncSeek for AsyncRemoteFile {
    fn poll_seek(self: Pin<&mut Self>, context: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        let this = self.get_mut();
        loop {
            match ready!(this.poll_running(context)) {
                // Only the outcome of this seek: an earlier one may have been dropped before it was over.
                Some(Came::Sought(there, result)) if there == to => return Poll::Ready(result),
                Some(came) => this.settle(came)?,
                None => {
                    let back = this.forget_read();
                    this.begin(move |file| {
                        let position = on(file, |file| {
                            file.seek(back)?;
                            file.seek(to)
                        });
                        Came::Sought(to, position)
                    });
                }
            }
        }
    }
}

fn on<T>(file: &mut Option<RemoteFile>, body: impl FnOnce(&mut RemoteFile) -> io::Result<T>) -> io::Result<T> {
    file.as_mut().map_or_else(|| Err(closed().into()), body)
}

fn closed() -> Error {
    Error::Usage("the file is closed")
}

/// Reads the next bytes; none at the end.
fn read_piece(file: &mut RemoteFile) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE_BYTES];
    let count = file.read(&mut piece)?;
    piece.truncate(count);
    Ok(piece)
}
