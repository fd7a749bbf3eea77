//! Blobs of Azure's storage.
//!
//! A blob is an object, and a container a bucket. An upload in parts has no number there: its parts are blocks that wait at the
//! name of the blob, until a list of blocks makes a blob of them or the service forgets them after a week. Copies may take their
//! time, and are waited for.

mod blobs;
pub(crate) mod blocks;
pub(crate) mod container;
mod copies;
pub(crate) mod errors;
mod headers;
mod list;
pub(crate) mod settings;
