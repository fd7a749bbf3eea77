//! Events that are told later, or by another thread.

use super::noted::Noted;
use crate::monitor::{Event, Monitor};
use remofile_protocol::wire::{Failure, Holder};
use std::sync::mpsc::SyncSender;

/// An event that is on its way to a monitor.
pub(super) enum Told {
    Waiting(Vec<Holder>),
    Started { path: String, size: Option<u64>, offset: u64 },
    Packed(u64),
    Finished { path: String },
    Present { path: String, size: u64 },
    Failed(Failure),
}

impl Told {
    /// Tells it.
    pub(super) fn tell(self, noted: &mut Noted<'_>) {
        match self {
            Self::Waiting(holders) => noted.monitor.report(Event::Waiting { holders: &holders }),
            Self::Started { path, size, offset } => noted.started(&path, size, offset),
            Self::Packed(bytes) => noted.moved(bytes),
            Self::Finished { path } => noted.finished(&path),
            Self::Present { path, size } => noted.present(&path, size),
            Self::Failed(failure) => noted.failed(failure),
        }
    }
}

/// What the packer told before the server took the upload on. It may refuse it yet, and then none of it
/// has happened.
#[derive(Default)]
pub(super) struct Held(Vec<Told>);

impl Held {
    pub(super) fn hold(&mut self, event: Told) {
        self.0.push(event);
    }

    /// The server has taken the upload on.
    pub(super) fn release(self, noted: &mut Noted<'_>) {
        self.0.into_iter().for_each(|event| event.tell(noted));
    }
}

/// A monitor that passes everything on to another thread.
pub(super) struct Relay(pub(super) SyncSender<Told>);

impl Monitor for Relay {
    fn report(&mut self, event: Event<'_>) {
        let told = match event {
            Event::Waiting { holders } => Told::Waiting(holders.to_vec()),
            Event::FileStarted { path, size, offset } => Told::Started { path: path.to_owned(), size, offset },
            Event::Transferred { bytes } => Told::Packed(bytes),
            Event::FileFinished { path } => Told::Finished { path: path.to_owned() },
            Event::FilePresent { path, size } => Told::Present { path: path.to_owned(), size },
            Event::FileSkipped { failure } | Event::FileFailed { failure } => Told::Failed(failure.clone()),
            // What concerns all of them, who began them tells.
            Event::Retrying { .. } | Event::Total { .. } | Event::Planned { .. } => return,
        };
        // Nobody listens any more when the transfer is over.
        let _gone = self.0.send(told);
    }
}
