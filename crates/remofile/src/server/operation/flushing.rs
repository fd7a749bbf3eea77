//! A flush on a thread of its own: it may take longer than a peer waits for a word.

use crate::carrier::Waker;
use crate::store::{FlushMark, Store};
use remofile_protocol::wire::{Done, ErrorCode, Failure};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// What was done, and the flush that makes it last.
pub(in crate::server) struct Flushing {
    pub(super) done: Done,
    pub(super) flushed: Receiver<Result<(), Failure>>,
}

impl Flushing {
    /// Begins the flush; `waker` is called when it is over.
    pub(in crate::server) fn begin(
        done: Done,
        store: Arc<dyn Store>,
        since: FlushMark,
        waker: Waker,
    ) -> Result<Self, Failure> {
        let (sender, flushed) = channel();
        let flush = move || {
            // A session that has ended does not want to know.
            let _gone = sender.send(store.sync(since));
            waker.wake();
        };
        match std::thread::Builder::new().name("flush".to_owned()).spawn(flush) {
            Ok(_detached) => Ok(Self { done, flushed }),
            Err(error) => Err(Failure::new(ErrorCode::OutOfResources).because(error)),
        }
    }
}
