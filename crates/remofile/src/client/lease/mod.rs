//! The lease held for several operations that belong together.

pub(super) mod holding;
pub(in crate::client) mod partials_here;
pub(super) mod spreading;
pub(super) mod syncing;
