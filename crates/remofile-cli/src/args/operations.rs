//! The options of servers that are run as a service.

use super::values::{listen_address, shell_command, some_duration};
use crate::daemon::{coordinator_address, webhook_address};
use clap::{Args, ValueEnum, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The options of servers that are run as a service.
#[derive(Debug, Args)]
pub(crate) struct Operations {
    /// TOML file with options, without the hyphens in front: see 'remofile server-config'. Options of the command line
    /// count more, then variables such as REMOFILE_RUN_PORT [env: REMOFILE_RUN_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Check the options and the files that they name, and serve nothing
    #[arg(long)]
    pub(crate) check_config: bool,

    /// File that the server's messages are appended to, opened again on SIGHUP [default: standard error, or none in the
    /// background]
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,

    /// Form of the server's messages; those of -v are one line an operation
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(crate) log_format: LogFormat,

    /// Address, or port of this machine alone, at which /metrics tells Prometheus how the server is doing, and /health load
    /// balancers
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
    pub(crate) metrics: Option<SocketAddr>,

    /// Address such as etcd://HOST:PORT,HOST:PORT/PREFIX of the coordinator by which several servers of one directory or
    /// bucket agree: each of them has it [default: this server is the only one]
    #[arg(long, value_name = "ADDRESS", value_parser = coordinator_address)]
    pub(crate) coordinator: Option<String>,

    /// Command of the shell to run when a client has stored a file: its path is in $REMOFILE_FILE, and the line of the
    /// audit log on standard input
    #[arg(long, value_name = "COMMAND", value_parser = shell_command)]
    pub(crate) on_upload: Option<String>,

    /// Address to call (POST) with the line of the audit log when a client has stored a file
    #[arg(long, value_name = "URL", value_parser = webhook_address)]
    pub(crate) webhook: Option<String>,

    /// Time that a command or a call may take before it is ended and tried again
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = some_duration)]
    pub(crate) hook_timeout: Duration,
}

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}
