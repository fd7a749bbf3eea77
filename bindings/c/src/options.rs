//! Options of clients, transfers and servers, as C passes them. In each, 0 and NULL stand for the default.

use crate::codes::Own;
use crate::entries::remote;
use crate::fault::Fault;
use crate::flags::{self, Flags};
use crate::pointers::{Text, Versioned};
use crate::types::{self, OnWaiting};
use remofile::protocol::key::{PrivateKey, PublicKey};
use remofile::protocol::token::Token;
use remofile::protocol::wire::Links;
use remofile::{AttributeSet, Delta, Protocol, RetryOptions, SyncOptions, Wait};
use std::ffi::{c_char, c_void};
use std::time::Duration;

/// The options of a client. Set hostname, port and token; 0 and NULL are the defaults of everything else.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ClientOptions {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// Host name or address of the server; or several separated by commas, each perhaps with a port, of servers of the same files.
    pub hostname: *const c_char,
    /// The token of the server.
    pub token: *const c_char,
    /// The server's public key, where it has one; otherwise NULL.
    pub public_key: *const c_char,
    /// TCP port.
    pub port: u16,
    /// REMOFILE_PROTOCOL_1, REMOFILE_PLAIN.
    pub flags: u32,
    /// Longest time for a whole call in milliseconds; 0 for no limit.
    pub timeout_ms: u64,
    /// Longest time that a call may go without progress; 0 for no limit.
    pub stall_timeout_ms: u64,
    /// The milliseconds that a call waits while others use its paths; 0 for a minute, REMOFILE_NO_WAIT,
    /// REMOFILE_FOREVER.
    pub wait_ms: u64,
    /// Called when a call waits that is no transfer and no sync (their monitor is told), on the thread that makes the call, which may be a clone's; may be NULL.
    pub on_waiting: OnWaiting,
    /// The first argument of that function. It has to outlive the client, its clones and its files.
    pub user: *mut c_void,
}

/// The options of a transfer or of a sync. 0 and NULL are the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TransferOptions {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// Flags that say in `remofile/flags.h` that transfers or syncs take them. A sync is recursive in any case.
    pub flags: u32,
    /// The treatment of files in the way: a REMOFILE_CONFLICT_ constant. Not for syncs.
    pub on_conflict: u32,
    /// The treatment of links: a REMOFILE_LINKS_ constant.
    pub links: u32,
    /// The durability of what a download writes: a REMOFILE_FSYNC_ constant.
    pub fsync: u32,
    /// Connections at once, 1 to 16; 0 for 1.
    pub transfers: u32,
    /// Attempts after a lost connection; 0 for 5, REMOFILE_NO_RETRIES.
    pub retries: u32,
    /// zstd level to compress with, 1 to 19; 0 for none.
    pub compress: u32,
    /// Bytes a second at most; 0 for no limit.
    pub bytes_per_second: u64,
    /// Smallest file that is taken, in bytes.
    pub min_size: u64,
    /// Largest file that is taken, in bytes; 0 for no limit.
    pub max_size: u64,
    /// The rules of what is left out: lines in the notation of gitignore, separated by newlines; may be NULL.
    pub exclude: *const c_char,
    /// Remote directory of an earlier upload, whose files are linked instead of sent again; may be NULL.
    pub link_dest: *const c_char,
    /// Syncs: directory for what is replaced or deleted; may be NULL.
    pub backup: *const c_char,
    /// Syncs: most files and directories that may be deleted; 0 for no limit.
    pub max_delete: u64,
    /// Syncs: largest difference of two times that count as the same, in milliseconds.
    pub modify_window_ms: u64,
}

/// The options of a server. Set root and token; 0 and NULL are the defaults of everything else.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ServerOptions {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// The directory that is served.
    pub root: *const c_char,
    /// The token by which clients may use it.
    pub token: *const c_char,
    /// The address to listen on; NULL for all. Use "127.0.0.1" for clients of this machine only.
    pub address: *const c_char,
    /// The private key of the server; NULL for none.
    pub private_key: *const c_char,
    /// TCP port; 0 for a free one: remofile_server_port tells which.
    pub port: u16,
    /// REMOFILE_SERVE_ flags.
    pub flags: u32,
    /// The durability of what is written: a REMOFILE_FSYNC_ constant.
    pub fsync: u32,
    /// Sessions at most; 0 for 65536.
    pub max_sessions: u32,
    /// Largest file that is stored, in bytes; 0 for no limit.
    pub file_size_limit: u64,
    /// Milliseconds after which an idle session makes room for others; 0 for 30 s.
    pub idle_timeout_ms: u64,
}

impl Versioned for ClientOptions {
    const NAME: &'static str = "remofile_client_options";
}

impl Versioned for TransferOptions {
    const NAME: &'static str = "remofile_transfer_options";
}

impl Versioned for ServerOptions {
    const NAME: &'static str = "remofile_server_options";
}

pub(crate) fn token(text: Text<'_>) -> Result<Token, Fault> {
    Token::parse(text.get()?).map_err(|invalid| Fault::wrong(Own::BadToken, invalid.to_string()))
}

pub(crate) fn public_key(text: Text<'_>) -> Result<Option<PublicKey>, Fault> {
    let parse = |text| PublicKey::parse(text).map_err(|invalid| Fault::wrong(Own::BadToken, invalid.to_string()));
    text.optional()?.map(parse).transpose()
}

pub(crate) fn private_key(text: Text<'_>) -> Result<Option<PrivateKey>, Fault> {
    let parse = |text| PrivateKey::parse(text).map_err(|invalid| Fault::wrong(Own::BadToken, invalid.to_string()));
    text.optional()?.map(parse).transpose()
}

/// A time of milliseconds; `None` for 0 and without end.
pub(crate) fn time_limit(milliseconds: u64) -> Option<Duration> {
    let is_limit = milliseconds != 0 && milliseconds != types::REMOFILE_FOREVER;
    is_limit.then(|| Duration::from_millis(milliseconds))
}

pub(crate) fn wait(milliseconds: u64) -> Wait {
    match milliseconds {
        0 => Wait::default(),
        types::REMOFILE_NO_WAIT => Wait::No,
        types::REMOFILE_FOREVER => Wait::Forever,
        milliseconds => Wait::For(Duration::from_millis(milliseconds)),
    }
}

/// Flags that a transfer and a sync take, those that only a transfer takes, and those that only a sync takes.
const OF_BOTH: u32 = flags::REMOFILE_DRY_RUN
    | flags::REMOFILE_NO_RESUME
    | flags::REMOFILE_PRESERVE_MODE
    | flags::REMOFILE_SPARSE
    | flags::REMOFILE_STRICT
    | flags::REMOFILE_ARCHIVE
    | flags::REMOFILE_OWNER
    | flags::REMOFILE_XATTRS
    | flags::REMOFILE_HARD_LINKS
    | flags::REMOFILE_ENCODE_NAMES
    | flags::REMOFILE_RECURSIVE;
const OF_TRANSFERS: u32 = flags::REMOFILE_TOTAL;
const OF_SYNCS: u32 = flags::REMOFILE_DELETE
    | flags::REMOFILE_CHECKSUM
    | flags::REMOFILE_SIZE_ONLY
    | flags::REMOFILE_SKIP_NEWER
    | flags::REMOFILE_EXISTING
    | flags::REMOFILE_IGNORE_EXISTING
    | flags::REMOFILE_WHOLE_FILE;

/// The texts of the options of a transfer: see [`crate::pointers`].
pub(crate) struct TransferTexts<'a> {
    pub(crate) exclude: Text<'a>,
    pub(crate) link_dest: Text<'a>,
    pub(crate) backup: Text<'a>,
}

impl TransferOptions {
    /// The options of a transfer.
    pub(crate) fn transfer(&self, texts: &TransferTexts<'_>) -> Result<remofile::TransferOptions, Fault> {
        let flags = flags::check(self.flags, OF_BOTH | OF_TRANSFERS)?;
        if texts.backup.optional()?.is_some() || self.max_delete > 0 || self.modify_window_ms > 0 {
            return Err(Fault::argument("backup, max_delete and modify_window_ms are options of a sync"));
        }
        self.common(flags, texts)
    }

    fn common(&self, flags: Flags, texts: &TransferTexts<'_>) -> Result<remofile::TransferOptions, Fault> {
        let mut options = remofile::TransferOptions {
            recursive: flags.has(flags::REMOFILE_RECURSIVE),
            on_conflict: flags::on_conflict(self.on_conflict)?,
            total: flags.has(flags::REMOFILE_TOTAL),
            dry_run: flags.has(flags::REMOFILE_DRY_RUN),
            retry: retries(self.retries),
            transfers: transfers(self.transfers)?,
            resume: !flags.has(flags::REMOFILE_NO_RESUME),
            encode_names: flags.has(flags::REMOFILE_ENCODE_NAMES),
            link_dest: texts.link_dest.optional()?.map(remote).transpose()?,
            ..remofile::TransferOptions::default()
        };
        options.receive.fsync = flags::fsync(self.fsync)?;
        let selection = &mut options.selection;
        selection.rules = texts.exclude.optional()?.map(rules).unwrap_or_default();
        selection.min_size = Some(self.min_size).filter(|size| *size > 0);
        selection.max_size = Some(self.max_size).filter(|size| *size > 0);
        selection.links = flags::links(self.links)?;
        let send = &mut options.send;
        send.preserve_mode = flags.has(flags::REMOFILE_PRESERVE_MODE);
        send.sparse = flags.has(flags::REMOFILE_SPARSE);
        send.strict = flags.has(flags::REMOFILE_STRICT);
        send.hard_links = flags.has(flags::REMOFILE_HARD_LINKS);
        send.compress_level = compress(self.compress)?;
        send.bytes_per_second = Some(self.bytes_per_second).filter(|rate| *rate > 0);
        if flags.has(flags::REMOFILE_ARCHIVE) {
            archive(&mut options);
        }
        for (flag, set) in
            [(flags::REMOFILE_OWNER, AttributeSet::OWNER), (flags::REMOFILE_XATTRS, AttributeSet::EXTENDED)]
        {
            if flags.has(flag) {
                options.send.attributes = options.send.attributes.and(set);
            }
        }
        Ok(options)
    }

    /// The options of a sync.
    pub(crate) fn sync(&self, texts: &TransferTexts<'_>) -> Result<SyncOptions, Fault> {
        let flags = flags::check(self.flags, OF_BOTH | OF_SYNCS)?;
        if self.on_conflict != flags::REMOFILE_CONFLICT_ABORT {
            return Err(Fault::argument("on_conflict is no option of a sync"));
        }
        let common = self.common(flags, texts)?;
        Ok(SyncOptions {
            dry_run: common.dry_run,
            delete: flags.has(flags::REMOFILE_DELETE),
            max_delete: Some(self.max_delete).filter(|most| *most > 0),
            checksum: flags.has(flags::REMOFILE_CHECKSUM),
            size_only: flags.has(flags::REMOFILE_SIZE_ONLY),
            update: flags.has(flags::REMOFILE_SKIP_NEWER),
            existing: flags.has(flags::REMOFILE_EXISTING),
            ignore_existing: flags.has(flags::REMOFILE_IGNORE_EXISTING),
            modify_window: Duration::from_millis(self.modify_window_ms),
            backup: texts.backup.optional()?.map(ToOwned::to_owned),
            delta: if flags.has(flags::REMOFILE_WHOLE_FILE) { Delta::Never } else { Delta::Measured },
            selection: common.selection,
            transfers: common.transfers,
            resume: common.resume,
            send: common.send,
            retry: common.retry,
            receive: common.receive,
            encode_names: common.encode_names,
            link_dest: common.link_dest,
            ..SyncOptions::default()
        })
    }
}

fn rules(text: &str) -> Vec<String> {
    text.lines().map(ToOwned::to_owned).collect()
}

fn retries(times: u32) -> RetryOptions {
    match times {
        0 => RetryOptions::default(),
        types::REMOFILE_NO_RETRIES => RetryOptions::NEVER,
        times => RetryOptions { times, ..RetryOptions::default() },
    }
}

fn transfers(count: u32) -> Result<u8, Fault> {
    match u8::try_from(count) {
        Ok(count @ 0..=16) => Ok(count.max(1)),
        _ => Err(Fault::argument(format!("transfers must be 0 to 16, not {count}"))),
    }
}

fn compress(level: u32) -> Result<Option<u8>, Fault> {
    match u8::try_from(level) {
        Ok(0) => Ok(None),
        Ok(level @ 1..=19) => Ok(Some(level)),
        _ => Err(Fault::argument(format!("compress must be 0 to 19, not {level}"))),
    }
}

/// Keeps what an archive keeps.
fn archive(options: &mut remofile::TransferOptions) {
    options.send.attributes = options.send.attributes.and(AttributeSet::TIMES_AND_MODES);
    (options.send.preserve_mode, options.send.sparse, options.encode_names) = (true, true, true);
    if options.selection.links == Links::Skip {
        options.selection.links = Links::Keep;
    }
}

pub(crate) fn protocol(flags: Flags) -> Protocol {
    if flags.has(flags::REMOFILE_PROTOCOL_1) { Protocol::One } else { Protocol::Two }
}
