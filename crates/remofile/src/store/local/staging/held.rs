//! The staging directory as its users hold it.

use crate::store::local::discard::discard_staging;
use crate::store::local::root::Root;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The open staging directory; the last holder removes it if it is empty.
pub(in crate::store::local) struct Staging {
    root: Arc<Root>,
    directory: OwnedFd,
}

impl Staging {
    pub(super) fn new(root: &Arc<Root>, directory: OwnedFd) -> Self {
        Self { root: Arc::clone(root), directory }
    }

    pub(in crate::store::local) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        discard_staging(&self.root);
    }
}
