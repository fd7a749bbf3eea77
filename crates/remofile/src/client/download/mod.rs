//! Downloads of files and directories, and into writers.

pub(super) mod call;
pub(super) mod find;
pub(super) mod item_merger;
pub(super) mod plan;
pub(super) mod scopes;
pub(super) mod selecting;
pub(super) mod stream;
