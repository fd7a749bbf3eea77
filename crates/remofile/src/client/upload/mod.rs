//! Uploads of files, directories and streams.

mod attributes;
pub(super) mod call;
mod existing;
pub(super) mod foretell;
mod handler;
pub(super) mod link_dest;
pub(super) mod plan;
pub(super) mod stream;
pub(super) mod survey;
