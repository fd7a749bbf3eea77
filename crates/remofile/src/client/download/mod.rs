//! Downloads of files and directories, and into writers.

pub(super) mod attributes;
pub(super) mod call;
pub(super) mod earlier;
pub(super) mod find;
pub(super) mod flush;
pub(super) mod foretell;
mod handler;
pub(super) mod item_merger;
pub(super) mod linking;
pub(super) mod plan;
pub(super) mod scopes;
pub(super) mod selecting;
pub(super) mod stream;
mod window;
