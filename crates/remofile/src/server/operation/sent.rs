//! What a download has sent.

use crate::transfer::PackerMonitor;

/// What a download has sent.
#[derive(Default)]
pub(in crate::server) struct Sent {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) bytes: u64,
}

impl PackerMonitor for Sent {
    fn packed(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    fn finished(&mut self, _path: &str, _size: u64) {
        self.files += 1;
    }

    fn directory(&mut self) {
        self.directories += 1;
    }
}
