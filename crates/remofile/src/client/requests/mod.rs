//! The requests that have one answer, each in a file of its own. All but the status, the usage, which is a part of it, and what is
//! refused without asking have an operation in a file of the same name in `server/operation/`.

mod attributes;
pub(crate) mod copy;
mod create;
pub(crate) mod look;
mod make_directory;
mod make_link;
mod refusing;
mod remove;
mod rename;
mod several;
mod space;
mod stat;
mod status;
mod usage;
