//! Looking at what a server would be started with, without starting it.

use super::coordinator;
use super::logfile::open_log;
use super::spans::Spans;
use super::users::Users;
use crate::failed::{Failed, Result};
use crate::output;
use crate::output::text::harmless;
use crate::settings::{ServerSettings, ServerTokens};
use remofile::store::AppendFile;
use remofile::{Error, ServerOptions};
use rustix::fs::{Access, FileType, access, stat};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// Checks all that can be known before a server runs: its directory, its tokens, its logs, its addresses, and whether its options
/// make sense. Nothing is changed, and nothing made.
pub(crate) fn check(settings: &ServerSettings, log_file: Option<&Path>) -> Result<()> {
    let users = Users::of(&settings.tokens, false)?;
    let coordinated = coordinator::open(settings.coordinator.as_deref(), settings.shared_name())?;
    let server = users.server(settings, coordinated.as_ref())?;
    server.set_options(ServerOptions { audit: None, ..settings.options.clone() })?;
    if let Some(path) = log_file {
        let path = std::path::absolute(path).map_err(|error| Failed::file(path, error))?;
        check_log(&path, |path| open_log(path).map(drop))?;
    }
    if let Some(path) = &settings.audit_log {
        check_log(path, |path| AppendFile::open(path).map(drop).map_err(|error| Failed::file(path, error)))?;
    }
    let own = settings.address.map(|address| SocketAddr::new(address, settings.port));
    own.into_iter().chain(settings.metrics).try_for_each(check_address)?;
    Spans::open()?;
    let tokens = match &settings.tokens {
        ServerTokens::One { .. } => "one token".to_owned(),
        ServerTokens::Many(file) => format!("the tokens in {}", harmless(&file.path().to_string_lossy())),
    };
    let (root, port) = (settings.root.to_string_lossy(), settings.port);
    output::data(&format!("The options are fine: {} would be served on port {port} with {tokens}.\n", harmless(&root)))
}

/// Fails as the opening of a log would: one that is missing is not made, and a pipe, whose reader would take its closing for the end, is
/// left alone.
fn check_log(path: &Path, open: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    match stat(path) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Fifo => Ok(()),
        Ok(_) => open(path),
        Err(_) => {
            let directory = path.parent().unwrap_or(path);
            access(directory, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| Failed::file(path, error))
        }
    }
}

/// Fails if this machine does not have an address. Its port may be in use by the server that runs.
fn check_address(address: SocketAddr) -> Result<()> {
    let failed = |source| Failed::Library(Error::Listen { address: address.to_string(), source });
    TcpListener::bind((address.ip(), 0)).map(drop).map_err(failed)
}
