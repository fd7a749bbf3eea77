//! The lease held for several operations that belong together.

pub(super) mod holding;
pub(super) mod spreading;
pub(super) mod syncing;
