//! Remofile: a quick, easy and safe alternative to FTP.
//!
//! A [`Server`] jails one directory and exposes it behind a token; a [`Client`] lists, creates,
//! uploads, downloads, removes and renames in it; [`synchronize_upload`] and [`synchronize_download`] make one
//! directory like another. Sessions are authenticated and encrypted, files are
//! visible only when they are complete and checked.
//!
//! Rooms: [`carrier`] moves messages, [`transfer`] turns files into messages and back, [`delta`] finds what two
//! versions of a file have in common, [`store`] alone touches the file system, [`server`] and [`client`] are the
//! two sides, [`plan`] compares two trees, [`sync`] carries out with a client what makes them alike. The library never
//! prints and never decides what a user sees: it reports to a [`Monitor`] and logs through `tracing`.

mod blocking;
mod budget;
pub mod carrier;
pub mod client;
pub mod delta;
pub mod error;
mod gateway;
mod identity;
pub mod monitor;
pub mod plan;
pub mod server;
pub mod store;
pub mod sync;
pub mod transfer;
#[cfg(test)]
mod unflushed;

pub use client::{
    AsyncClient, AsyncRemoteFile, Client, ClientOptions, Interrupt, LocalPartials, LocalSource, OnWaiting, OpenOptions,
    Pending, Protocol, RemoteFile, RemoteSource, Removed, RetryOptions, ServerStatus, TransferOptions, TransferReport,
    Wait,
};
pub use error::{Error, Result, describe_holder};
pub use monitor::{Chunk, Conflict, Event, Monitor, Silent};
pub use remofile_protocol as protocol;
pub use remofile_protocol::wire::{Selection, SendOptions};
pub use server::{Bound, Handler, Reply, Server, ServerOptions};
pub use sync::{Delta, SyncOptions, SyncReport, synchronize_download, synchronize_upload};

use identity::{agent, own_name};
