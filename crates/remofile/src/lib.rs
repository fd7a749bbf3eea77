//! Remofile: a quick, easy and safe alternative to FTP.
//!
//! A [`Server`] jails one directory and exposes it behind a token; a [`Client`] lists, creates,
//! uploads, downloads, removes and renames in it; [`synchronize_upload`] and [`synchronize_download`] make one
//! directory like another. Sessions are authenticated and encrypted, files are
//! visible only when they are complete and checked.
//!
//! Rooms: [`carrier`] moves messages, [`transfer`] turns files into messages and back, [`delta`] finds what two
//! versions of a file have in common, [`store`] alone touches the file system, [`server`] and [`client`] are the
//! two sides, [`tokens`] are those of a server with many users, [`plan`] compares two trees, [`sync`] carries out with a client what makes them alike. The library never
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
mod packed;
pub mod plan;
pub mod server;
#[cfg(test)]
mod simulation;
pub mod store;
pub mod sync;
pub mod tokens;
pub mod transfer;
#[cfg(test)]
mod unflushed;

/// The README of the package and the page for programs in Rust, whose code is run as the examples here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../../docs/rust.md")]
struct Readme;

pub use client::{
    AsyncClient, AsyncRemoteFile, Client, ClientOptions, CopyOptions, FileRange, ForeseenCopy, HashOptions, HashedFile,
    Identity, Interrupt, InvalidServers, KeptKeys, KeptServers, LocalPartials, LocalSource, Looked, OnWaiting,
    OpenOptions, Pending, Protocol, ReceiveOptions, RelayEnd, RelayError, RelaySide, RemoteFile, RemoteSource, Removed,
    RetryOptions, ServerAddress, ServerStatus, TransferOptions, TransferReport, Usage, Wait, foresee_relay, relay,
};
pub use error::{Error, Result, TriedServer, describe_holder};
pub use monitor::{Chunk, Conflict, Event, Monitor, Silent};
pub use remofile_protocol as protocol;
pub use remofile_protocol::wire::{AttributeSet, Selection, SendOptions};
pub use server::{Bound, Handler, Reply, Server, ServerOptions};
pub use sync::{Delta, SyncOptions, SyncReport, synchronize_download, synchronize_upload};
pub use tokens::{
    LiveTokens, TokenEntry, TokenName, TokenRights, Tokens, TokensError, TokensFile, TokensFileError, TokensFollower,
};
pub use transfer::ListedPaths;

use identity::{agent, own_name};
