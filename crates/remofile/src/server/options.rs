//! Options of a server.

use super::audit::AuditLog;
use super::coordination::coordinated::Coordinated;
use super::observer::Observer;
use crate::error::{Error, Result};
use crate::store::{DEFAULT_PARTIAL_EXPIRY, Fsync};
use remofile_protocol::key::PrivateKey;
use remofile_protocol::limits::DEFAULT_FILE_SIZE_LIMIT;
use remofile_protocol::path::NameRule;
use std::time::Duration;

/// Options of a server: limits, policies and timeouts.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Largest file that is stored, in bytes; at least 1, and without a limit by default. What is there already is sent whatever its size, but not over
    /// protocol 1.
    pub file_size_limit: u64,
    /// Sizes of chunks that clients may choose, in bytes: least and most, at least 1. What they do not choose is no
    /// matter of it: protocol 2 negotiates the size of messages by itself.
    pub chunk_size_range: (u32, u32),
    /// Private key, by which clients tell the server from impostors that know the token.
    pub private_key: Option<PrivateKey>,
    /// True if a client may ask for a session that is authenticated but not encrypted.
    pub allow_plain: bool,
    /// True if every session must be encrypted, those of protocol 1 included.
    pub require_encryption: bool,
    /// Permission bits of new files instead of those the umask leaves; never executable, always
    /// readable and writable by the user.
    pub file_mode: Option<u32>,
    /// Permission bits of new directories instead of those the umask leaves.
    pub directory_mode: Option<u32>,
    /// The rule for the names that are admitted.
    pub names: NameRule,
    /// The moment at which written files must be on the disk.
    pub fsync: Fsync,
    /// True if every change is refused.
    pub read_only: bool,
    /// Time for which the partials of interrupted uploads are kept.
    pub partial_expiry: Duration,
    /// Time after which a session that does nothing is ended if another client needs its place. A transfer of protocol
    /// 1 whose client says nothing for that time is ended in any case.
    pub idle_timeout: Duration,
    /// Longest time that an operation may have its lease without getting on, more than 0: nothing taken, nothing
    /// sent, and no other operation of its session begun or ended. Then it fails with `lease-expired`.
    pub max_hold: Duration,
    /// True if who changes anything has the whole root for itself, and who reads shares it with others who read. Otherwise
    /// operations are in each other's way only where their paths meet.
    pub exclusive: bool,
    /// Sessions at most, at least 1; fewer if the process may not open a third more files than that. Those that do
    /// nothing cost no thread.
    pub max_sessions: usize,
    /// Sessions of one address (of IPv6, of one network of 64 bits) at most, at least 1. `None`: three quarters of
    /// all.
    pub sessions_per_address: Option<usize>,
    /// Sessions of the clients with one token at most, at least 1, unless the token has a limit of its own. `None`: as
    /// many as there are.
    pub sessions_per_token: Option<usize>,
    /// Memory that one session may hold, in bytes, at least 4 MiB. A request that would need more fails with
    /// `out-of-resources`, or its client waits. Beside it each connection has buffers of some 3 MiB at most.
    pub session_memory: u64,
    /// Memory that all sessions together may hold, in bytes, at least [`ServerOptions::session_memory`].
    pub server_memory: u64,
    /// The log of what each client does. `None`: none is kept.
    pub audit: Option<AuditLog>,
    /// The observer that is told of what clients do. `None`: nobody is.
    pub observer: Option<Observer>,
    /// The coordinator of several servers of one store. `None`: this server is the only one that changes it.
    pub coordinator: Option<Coordinated>,
}

/// Default of [`ServerOptions::session_memory`], in bytes.
pub const DEFAULT_SESSION_MEMORY: u64 = 64 * 1024 * 1024;

/// Default of [`ServerOptions::server_memory`], in bytes.
pub const DEFAULT_SERVER_MEMORY: u64 = 1024 * 1024 * 1024;

/// The least that a session can work with, in bytes.
const LEAST_SESSION_MEMORY: u64 = 4 * 1024 * 1024;

/// Time after which a session that does nothing may be ended for others, unless otherwise asked for.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time without progress under a lease, unless otherwise asked for.
pub const DEFAULT_MAX_HOLD: Duration = Duration::from_secs(3600);

/// Sessions at most, unless otherwise asked for.
pub const DEFAULT_MAX_SESSIONS: usize = 65_536;

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            file_size_limit: DEFAULT_FILE_SIZE_LIMIT,
            chunk_size_range: (512, 8192),
            private_key: None,
            allow_plain: false,
            require_encryption: false,
            file_mode: None,
            directory_mode: None,
            names: NameRule::Portable,
            fsync: Fsync::End,
            read_only: false,
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            max_hold: DEFAULT_MAX_HOLD,
            exclusive: false,
            max_sessions: DEFAULT_MAX_SESSIONS,
            sessions_per_address: None,
            sessions_per_token: None,
            session_memory: DEFAULT_SESSION_MEMORY,
            server_memory: DEFAULT_SERVER_MEMORY,
            audit: None,
            observer: None,
            coordinator: None,
        }
    }
}

pub(super) fn check(options: &ServerOptions) -> Result<()> {
    let (least, most) = options.chunk_size_range;
    if options.file_size_limit == 0 {
        return Err(Error::Usage("the file size limit must be greater than 0"));
    }
    if options.session_memory < LEAST_SESSION_MEMORY {
        return Err(Error::Usage("the memory of a session must be at least 4 MiB"));
    }
    if options.server_memory < options.session_memory {
        return Err(Error::Usage("the memory of all sessions must be at least that of one"));
    }
    if least == 0 || most < least {
        return Err(Error::Usage("chunk sizes must be greater than 0, and the largest at least the smallest"));
    }
    if options.max_hold.is_zero() {
        return Err(Error::Usage("the longest time without progress must be greater than 0"));
    }
    let shares = [Some(options.max_sessions), options.sessions_per_address, options.sessions_per_token];
    if shares.contains(&Some(0)) {
        return Err(Error::Usage("a server has one session at least, and so have an address and a token"));
    }
    if options.allow_plain && (options.require_encryption || options.private_key.is_some()) {
        return Err(Error::Usage(
            "a server that requires encryption, or has a private key, cannot admit sessions without it",
        ));
    }
    Ok(())
}
