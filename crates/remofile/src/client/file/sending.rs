//! The thread that sends what was written to a staged file while its program writes on.

use super::staged::StagedRemote;
use super::write_buffer::WriteBuffer;
use crate::client::session::context::CallContext;
use crate::client::{Interrupt, Wait};
use crate::error::{Error, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two looks at whether the call that waits for the thread is to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A buffer on its way, with a thread of its own until it has arrived.
#[derive(Debug)]
pub(super) struct Sending {
    sent: Receiver<Sent>,
    stop: Interrupt,
    thread: Option<JoinHandle<()>>,
}

/// A buffer that is back: empty, or as it was if it could not be sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) buffer: WriteBuffer,
    pub(super) result: Result<()>,
    pub(super) took: Duration,
}

impl Sending {
    /// Sends a buffer, which is exchanged for an empty one.
    ///
    /// # Errors
    /// [`Error::System`] if there can be no thread: the buffer is as it was.
    pub(super) fn start(mut remote: StagedRemote, buffer: &mut WriteBuffer, empty: WriteBuffer) -> Result<Self> {
        let (job, jobs) = channel::<WriteBuffer>();
        let (sender, sent) = channel();
        let stop = Interrupt::default();
        // The calls that wait for it have limits of their own.
        remote.client().set_limits(None, Wait::No, stop.clone());
        let body = move || {
            let Ok(mut buffer) = jobs.recv() else { return };
            let begun = Instant::now();
            let pieces: Vec<(u64, &[u8])> = buffer.pieces().collect();
            let result = remote.write(None, &pieces);
            if result.is_ok() {
                buffer.clear();
            }
            // Whoever gave the file up does not wait for it.
            let _given_up = sender.send(Sent { buffer, result, took: begun.elapsed() });
        };
        let spawned = std::thread::Builder::new().name("remofile write".to_owned()).spawn(body);
        let thread = spawned.map_err(|source| Error::System { what: "cannot start a thread", source })?;
        if let Err(unsent) = job.send(std::mem::replace(buffer, empty)) {
            *buffer = unsent.0;
            return Err(ended());
        }
        Ok(Self { sent, stop, thread: Some(thread) })
    }

    /// Waits for the buffer.
    ///
    /// # Errors
    /// What ended the wait; the buffer is on its way still.
    pub(super) fn wait(&mut self, context: &CallContext) -> Result<Sent> {
        loop {
            match self.sent.recv_timeout(LOOK_EVERY) {
                Ok(sent) => return Ok(sent),
                Err(RecvTimeoutError::Timeout) => context.check()?,
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.trigger();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Returns the error of a thread that has panicked.
fn ended() -> Error {
    let source = std::io::ErrorKind::BrokenPipe.into();
    Error::System { what: "the thread that sends the file has ended", source }
}
