//! Uploads of files, directories and streams.

pub(super) mod call;
pub(super) mod plan;
pub(super) mod stream;
pub(super) mod survey;
