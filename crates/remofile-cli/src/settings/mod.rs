//! From flags, environment and profile to settings, in that order of precedence.

mod client;
mod config;
mod environment;
mod server;
mod sync;
mod transfer;

pub(crate) use crate::args::Direction;
pub(crate) use client::client_options;
pub(crate) use environment::Environment;
pub(crate) use server::{ServerSettings, TokenSource, server_settings};
pub(crate) use sync::sync_settings;
pub(crate) use transfer::transfer_settings;
