//! The requests that have one answer, each in a file of its own. All but the status have an operation in a file of the
//! same name in `server/operation/`.

mod create;
mod make_directory;
mod remove;
mod rename;
mod stat;
mod status;
