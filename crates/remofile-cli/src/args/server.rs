//! The commands that serve a directory.

use super::operations::Operations;
use super::values::{
    directory_mode, duration, endpoint, file_mode, sessions, size, size_u32, some_duration, whole_seconds,
};
use clap::{Args, ValueEnum, ValueHint};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Serve a directory until interrupted
///
/// Without a token one is generated and printed, with the lines that configure a client.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Existing directory to serve, or a bucket of an object store: s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or
    /// gs://BUCKET/PREFIX
    #[arg(index = 1, required_unless_present = "config")]
    pub(crate) directory: Option<PathBuf>,

    /// Port to listen on; 0 picks a free one
    #[arg(index = 2, default_value_t = 6768)]
    pub(crate) port: u16,

    /// Token that clients must know (hidden from 'ps'; better use --token-file) [env: REMOFILE_TOKEN]
    #[arg(index = 3, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,

    /// File whose first line is the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// File with the tokens of many users, which 'remofile token' manages and which is followed while the server runs
    /// [env: REMOFILE_TOKENS]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["token", "token_file"])]
    pub(crate) tokens: Option<PathBuf>,

    /// File whose first line is the private key [env: REMOFILE_PRIVATE_KEY, the key itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key_file: Option<PathBuf>,

    /// Address of the service that has the bucket to serve [default: AWS_ENDPOINT_URL, or that of Amazon, Google or the
    /// account at Azure]
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<String>,

    /// Address to listen on [default: all, IPv4 and IPv6]
    #[arg(long)]
    pub(crate) address: Option<IpAddr>,

    /// Largest file in bytes; K, M, G and T multiply by 1024 [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) file_size_limit: Option<u64>,

    /// Smallest chunk that clients may choose, in bytes
    #[arg(long, value_name = "BYTES", default_value = "512", value_parser = size_u32)]
    pub(crate) min_chunk_size: u32,

    /// Largest chunk that clients may choose, in bytes
    #[arg(long, value_name = "BYTES", default_value = "8192", value_parser = size_u32)]
    pub(crate) max_chunk_size: u32,

    /// Allow sessions that are authenticated but not encrypted, for clients that ask for it
    #[arg(long, conflicts_with = "require_encryption")]
    pub(crate) no_encryption: bool,

    /// Refuse every session that is not encrypted
    #[arg(long)]
    pub(crate) require_encryption: bool,

    /// Permissions of new files, octal (such as 640) [default: what the umask leaves]
    #[arg(long, value_name = "MODE", value_parser = file_mode)]
    pub(crate) file_mode: Option<u32>,

    /// Permissions of new directories, octal (such as 750) [default: what the umask leaves]
    #[arg(long, value_name = "MODE", value_parser = directory_mode)]
    pub(crate) directory_mode: Option<u32>,

    /// Rule for the names of files
    #[arg(long, value_enum, default_value = "portable", value_name = "RULE")]
    pub(crate) names: Names,

    /// Moment at which written files are flushed to the disk
    #[arg(long, value_enum, default_value = "end", value_name = "WHEN")]
    pub(crate) fsync: Fsync,

    /// Refuse every change
    #[arg(long)]
    pub(crate) read_only: bool,

    /// Keep the partials of interrupted uploads this long (90s, 15m, 12h, 7d)
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    pub(crate) partial_expiry: Duration,

    /// Memory that one session may use, in bytes (at least 4M)
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = size)]
    pub(crate) session_memory: u64,

    /// Memory that all sessions together may use, in bytes
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = size)]
    pub(crate) server_memory: u64,

    /// End a session that has done nothing for so long if somebody else needs its place; in protocol 1 also a transfer
    /// whose client says nothing
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_duration)]
    pub(crate) idle_timeout: Duration,

    /// End an operation that keeps others waiting and has made no progress for so long
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = some_duration)]
    pub(crate) max_hold: Duration,

    /// Give whoever changes something the whole directory for that time; otherwise commands wait for each other only
    /// where their paths meet
    #[arg(long)]
    pub(crate) exclusive: bool,

    /// Sessions at most, fewer where the limit of open files is lower; one address may have three quarters of them
    #[arg(long, value_name = "COUNT", default_value_t = 65_536, value_parser = sessions)]
    pub(crate) max_sessions: usize,

    /// File that a JSON line is appended to for each operation, for each file that one stores, sends or removes, and for
    /// each session
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) operations: Operations,

    /// Print nothing when clients can connect, but for a token that was generated
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Serve a directory in the background
///
/// Returns when the server accepts connections, or with the server's own error. 'remofile stop' ends it.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) run: Run,

    /// File that holds the process id while the server runs
    #[arg(long, value_name = "FILE", default_value = "daemon.pid")]
    pub(crate) pidfile: PathBuf,
}

/// Serve what a TOML file says: every option of 'remofile run' is a key in it
///
/// 'remofile run --config FILE' is the same, and takes more options, which count more than those of the file.
#[derive(Debug, Args)]
pub(crate) struct ServerConfig {
    /// File with the options; paths in it are relative to its directory
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Check the options and the files that they name, and serve nothing
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// Stop a server in the background and wait until it has ended
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// File that holds its process id
    #[arg(long, value_name = "FILE", default_value = "daemon.pid")]
    pub(crate) pidfile: PathBuf,

    /// Wait so many seconds for its end, or a time such as 500ms or 5m
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = whole_seconds)]
    pub(crate) timeout: Duration,

    /// Stop nothing, and print which server would be stopped
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// The rule for names that a server admits.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Names {
    /// Names that every system can hold: none of < > : " / \ | ? *
    Portable,
    /// Everything but '/', control characters, '.' and '..'
    Posix,
}

impl From<Names> for remofile::protocol::path::NameRule {
    fn from(names: Names) -> Self {
        match names {
            Names::Portable => Self::Portable,
            Names::Posix => Self::Posix,
        }
    }
}

/// The moment at which written files must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fsync {
    /// Whenever the operating system likes
    None,
    /// Each file before it becomes visible, many at a time, and everything before success is reported
    End,
    /// Each file and its name at once
    Each,
}

impl From<Fsync> for remofile::store::Fsync {
    fn from(fsync: Fsync) -> Self {
        match fsync {
            Fsync::None => Self::None,
            Fsync::End => Self::End,
            Fsync::Each => Self::Each,
        }
    }
}
