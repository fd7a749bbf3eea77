//! Remofile: a quick, easy and safe alternative to FTP.

pub mod client;
pub mod error;
pub mod monitor;
pub mod server;
pub mod store;

pub use client::{Client, ClientOptions, DownloadOptions, Interrupt, Removed, ServerStatus, TransferReport, UploadOptions, Wait};
pub use error::{Error, Result, describe_holder};
pub use monitor::{Event, Monitor, Silent};
pub use remofile_protocol as protocol;
pub use server::{Bound, Server, ServerOptions};
