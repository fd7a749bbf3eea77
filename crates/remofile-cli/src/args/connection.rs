//! The options by which a server is found and spoken to.

use super::operand::{ServerAddress, ServerName};
use super::values::{milliseconds, wait};
use clap::{Args, ValueHint};
use remofile::Wait;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

/// The options by which the server is found and spoken to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Name or address of the server [env: REMOFILE_HOSTNAME]
    #[arg(long, value_name = "HOST")]
    pub(crate) hostname: Option<String>,

    /// Port of the server [env: REMOFILE_PORT] [default: 6768]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,

    /// Token of the server; it is hidden from 'ps' but not from your shell's history, so better use
    /// --token-file or the environment [env: REMOFILE_TOKEN]
    #[arg(long, allow_hyphen_values = true, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,

    /// File whose first line is the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Public key of the server [env: REMOFILE_PUBLIC_KEY]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) public_key: Option<String>,

    /// Protocol that the server speaks: 2, or 1 for servers of the original [env: REMOFILE_PROTOCOL] [default: 2]
    #[arg(long, value_name = "1|2")]
    pub(crate) protocol: Option<String>,

    /// Configuration profile of the server; it wins over the environment [env: REMOFILE_PROFILE, which does not]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file with the profiles [env: REMOFILE_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The server that an operand names.
    #[arg(skip)]
    pub(crate) server: OnceCell<ServerName>,

    /// Give up after this many milliseconds (or 30s, 5m), connecting included
    ///
    /// In rsync -t keeps times, which is always done here.
    #[arg(short, long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub(crate) timeout: Option<Duration>,

    /// Wait this long for a path that others use (90, 90s, 15m); 0 to fail at once, without a value as
    /// long as it takes [env: REMOFILE_WAIT] [default: 60]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = wait)]
    pub(crate) wait: Option<Option<Wait>>,

    /// Ask for a session that is authenticated but not encrypted (the server must allow it)
    #[arg(long)]
    pub(crate) no_encryption: bool,

    /// Print JSON objects, one a line, for scripts; errors, too
    #[arg(long)]
    pub(crate) json: bool,
}

impl Connection {
    /// The same options, to another server.
    pub(crate) fn to(&self, address: ServerAddress) -> Self {
        let server = OnceCell::from(ServerName::Address(address));
        Self { hostname: None, port: None, profile: None, server, ..self.clone() }
    }
}
