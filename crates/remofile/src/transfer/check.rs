//! The digest of a file while it passes.

use remofile_protocol::digest::{Digest, DigestKind, Digester};

/// The digest of what has passed so far. A file that passes in one piece is digested in one go.
pub(super) struct Check {
    kind: DigestKind,
    state: CheckState,
}

enum CheckState {
    Nothing,
    Whole(Digest),
    Running(Digester),
}

impl Check {
    /// Begins a digest of which nothing has passed yet.
    pub(super) fn new(kind: DigestKind) -> Self {
        Self { kind, state: CheckState::Nothing }
    }

    /// As [`Check::new`], of a file that may be gone on with after this process is gone.
    pub(super) fn resumable(kind: DigestKind) -> Self {
        Self { kind, state: CheckState::Running(Digester::resumable(kind)) }
    }

    /// Continues a digest of the bytes before an offset.
    pub(super) fn resumed(kind: DigestKind, running: Digester) -> Self {
        Self { kind, state: CheckState::Running(running) }
    }

    /// Adds the next bytes; `are_all` tells whether these are the whole file.
    pub(super) fn update(&mut self, bytes: &[u8], are_all: bool) {
        match &self.state {
            CheckState::Nothing if are_all => self.state = CheckState::Whole(self.kind.digest(bytes)),
            _ => self.running().update(bytes),
        }
    }

    /// Adds `count` zeros.
    pub(super) fn update_zeros(&mut self, count: u64) {
        self.running().update_zeros(count);
    }

    fn running(&mut self) -> &mut Digester {
        if !matches!(self.state, CheckState::Running(_)) {
            self.state = CheckState::Running(Digester::of(self.kind));
        }
        match &mut self.state {
            CheckState::Running(digester) => digester,
            _ => unreachable!("it was made one above"),
        }
    }

    /// The running digest of what has passed, of the kind that transfers are gone on with.
    pub(super) fn digester(&self) -> Option<Digester> {
        match &self.state {
            CheckState::Running(running) if self.kind == DigestKind::Xxh3 => Some(running.clone()),
            _ => None,
        }
    }

    /// Returns the digest of everything that has passed.
    pub(super) fn finish(&self) -> Digest {
        match &self.state {
            CheckState::Whole(whole) => *whole,
            CheckState::Running(running) => running.finish(),
            CheckState::Nothing => self.kind.digest(&[]),
        }
    }
}
