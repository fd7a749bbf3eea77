//! The connections of a copy: each operand that names a server has its own.

use crate::args::{Connection, ServerName};
use crate::failed::{Failed, Result};
use std::cell::OnceCell;

pub(super) use crate::commands::operands::choose;

/// Returns the connection to one of two servers. What the command line says of a server (`--hostname`, `--token`, ...) is
/// about the default one.
pub(super) fn connection_to(connection: &Connection, server: ServerName) -> Connection {
    let is_default = server == ServerName::Default;
    let own = Connection { server: OnceCell::from(server), ..connection.clone() };
    if is_default {
        return own;
    }
    Connection {
        hostname: None,
        port: None,
        token: None,
        token_file: None,
        public_key: None,
        protocol: None,
        profile: None,
        ..own
    }
}

/// Refuses options that say something of a server, if both have names. `has_token` if there was a token among them, which is
/// hidden by now.
pub(super) fn refuse_nameless(connection: &Connection, has_token: bool, servers: [&ServerName; 2]) -> Result<()> {
    let Connection { hostname, port, token, token_file, public_key, protocol, profile, .. } = connection;
    let told = [
        ("--hostname", hostname.is_some()),
        ("--port", port.is_some()),
        ("--token", has_token || token.is_some()),
        ("--token-file", token_file.is_some()),
        ("--public-key", public_key.is_some()),
        ("--protocol", protocol.is_some()),
        ("--profile", profile.is_some()),
    ];
    let Some((option, _)) = told.into_iter().find(|(_, is_given)| *is_given) else { return Ok(()) };
    if servers.contains(&&ServerName::Default) {
        return Ok(());
    }
    let [one, two] = servers;
    Err(Failed::usage(format!(
        "'{option}' is of the default server, and {one} and {two} are others: make a profile for each with 'remofile login', \
         and leave it out"
    )))
}
