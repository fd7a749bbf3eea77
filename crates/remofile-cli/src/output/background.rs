//! Standard output for data that comes over a session: its reader may pause for as long as it likes
//! (`remofile list -r / | less`), and the session must not wait with it.

use super::screen;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// Writes to standard output on a thread of its own. What waits for a slow reader is kept in memory.
pub(super) struct Background {
    state: WriterState,
}

enum WriterState {
    Running { pieces: Sender<Vec<u8>>, thread: JoinHandle<io::Result<()>> },
    Ended,
}

impl Background {
    pub(super) fn start() -> io::Result<Self> {
        let (pieces, receiver) = channel();
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || write_all(&receiver))?;
        Ok(Self { state: WriterState::Running { pieces, thread } })
    }

    /// Waits until everything is written; the writer's error, if it had one.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.state, WriterState::Ended) {
            WriterState::Ended => Ok(()),
            WriterState::Running { pieces, thread } => {
                drop(pieces);
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has ended")))
            }
        }
    }
}

fn write_all(pieces: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    for piece in pieces {
        match is_terminal {
            true => screen::above(|| stdout.write_all(&piece))?,
            false => stdout.write_all(&piece)?,
        }
    }
    stdout.flush()
}

impl Write for Background {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_taken = match &self.state {
            WriterState::Running { pieces, .. } => pieces.send(bytes.to_vec()).is_ok(),
            WriterState::Ended => false,
        };
        if is_taken {
            return Ok(bytes.len());
        }
        self.finish()?;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
