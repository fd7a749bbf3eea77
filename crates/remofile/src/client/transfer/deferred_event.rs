//! Events that are reported later, or by another thread.

use crate::monitor::{Event, Monitor};
use remofile_protocol::wire::{Failure, Holder};
use std::sync::mpsc::SyncSender;

/// An event that is on its way to a monitor.
pub(super) enum OwnedEvent {
    Waiting(Vec<Holder>),
    Started { path: String, size: Option<u64>, offset: u64 },
    Packed(u64),
    Finished { path: String },
    Present { path: String, size: u64 },
    Failed(Failure),
}

/// Events that the packer reported before the server accepted the upload. If the server refuses it, none of them
/// has happened.
#[derive(Default)]
pub(crate) struct DeferredEvents(Vec<OwnedEvent>);

impl DeferredEvents {
    pub(super) fn defer(&mut self, event: OwnedEvent) {
        self.0.push(event);
    }

    /// The events, in the order in which they happened.
    pub(super) fn into_events(self) -> Vec<OwnedEvent> {
        self.0
    }
}

/// A monitor that passes everything on to another thread.
pub(super) struct Relay(pub(super) SyncSender<OwnedEvent>);

impl Monitor for Relay {
    fn report(&mut self, event: Event<'_>) {
        let owned = match event {
            Event::Waiting { holders } => OwnedEvent::Waiting(holders.to_vec()),
            Event::FileStarted { path, size, offset } => OwnedEvent::Started { path: path.to_owned(), size, offset },
            Event::Transferred { bytes } => OwnedEvent::Packed(bytes),
            Event::FileFinished { path } => OwnedEvent::Finished { path: path.to_owned() },
            Event::FilePresent { path, size } => OwnedEvent::Present { path: path.to_owned(), size },
            Event::FileSkipped { failure } | Event::FileFailed { failure } => OwnedEvent::Failed(failure.clone()),
            // Events of the transfer as a whole are reported by the thread that began it.
            Event::Retrying { .. } | Event::Total { .. } | Event::Planned { .. } => return,
        };
        // The receiver is gone when the transfer is over.
        let _gone = self.0.send(owned);
    }
}
