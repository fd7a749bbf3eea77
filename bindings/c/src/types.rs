//! Types that C sees.

use crate::pointers::{Grown, Versioned};
use std::ffi::{c_char, c_int, c_void};

/// A client of one server: an opaque handle. One call at a time; a clone makes others beside it.
pub struct Client;

/// An open remote file: an opaque handle. One call at a time. It outlives the client that opened it.
pub struct File;

/// A server in this process: an opaque handle.
pub struct Server;

/// Bytes of a path with its NUL: no path of Remofile is longer.
pub const REMOFILE_PATH_BYTES: usize = 4097;
/// Bytes of an error's text with its NUL: what is longer is cut.
pub const REMOFILE_MESSAGE_BYTES: usize = 1024;
/// Bytes of the name of a code with its NUL.
pub const REMOFILE_NAME_BYTES: usize = 40;
/// Bytes of a token or of a key with its NUL, at most.
pub const REMOFILE_SECRET_BYTES: usize = 64;
/// Bytes of a text that a server tells of itself, with its NUL.
pub const REMOFILE_TEXT_BYTES: usize = 136;
/// Bytes of a hash in hexadecimal digits with its NUL, at most.
pub const REMOFILE_HASH_BYTES: usize = 129;
/// The mode of what has no permission bits, or whose bits are not to be set.
pub const REMOFILE_NO_MODE: u32 = u32::MAX;
/// A number of bytes that is not known, or not limited.
pub const REMOFILE_UNKNOWN: u64 = u64::MAX;
/// For timeouts and waits: without end. 0 is the default.
pub const REMOFILE_FOREVER: u64 = u64::MAX;
/// For `wait_ms`: fail at once if others use the path. 0 is the default, a minute.
pub const REMOFILE_NO_WAIT: u64 = u64::MAX - 1;
/// For `retries`: no attempt after the first. 0 is the default, 5.
pub const REMOFILE_NO_RETRIES: u32 = u32::MAX;

/// The reason why a call failed. It belongs to the caller, needs no release, and may be used again. A call that succeeds sets
/// `code` alone.
#[repr(C)]
pub struct ErrorDetails {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// The result of the function: REMOFILE_OK or one of the codes in `remofile/codes.h`.
    pub code: c_int,
    /// The number (`errno`) that the operating system gave; 0 if there is none.
    pub os_error: c_int,
    /// 1 if the server failed the call, 0 if this side did; of a file that failed in a transfer, 1 whichever did.
    pub is_remote: c_int,
    /// The name of the code, for scripts: `not-found`.
    pub name: [c_char; REMOFILE_NAME_BYTES],
    /// A sentence for people, in UTF-8.
    pub message: [c_char; REMOFILE_MESSAGE_BYTES],
    /// The path that the error is about; empty if there is none.
    pub path: [c_char; REMOFILE_PATH_BYTES],
}

/// The metadata of a file or directory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Metadata {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// REMOFILE_FILE, REMOFILE_DIRECTORY, REMOFILE_LINK or REMOFILE_SPECIAL.
    pub kind: u32,
    /// Permission bits, 0 to 0777; REMOFILE_NO_MODE where there are none.
    pub mode: u32,
    /// Bytes of a regular file; 0 for everything else.
    pub size: u64,
    /// Time of the last modification: seconds since 1970.
    pub modified_seconds: i64,
    /// Nanoseconds after that second.
    pub modified_nanoseconds: u32,
}

/// An element of a listing. It and its texts are valid during the callback.
#[repr(C)]
pub struct Entry {
    /// The size of this struct.
    pub struct_size: usize,
    /// The path at the server, in UTF-8.
    pub path: *const c_char,
    /// The target of a link where it can be told; otherwise NULL.
    pub target: *const c_char,
    /// REMOFILE_OK, or the reason why this path could not be listed; then `message` tells it, and nothing of `metadata` holds.
    pub code: c_int,
    /// A sentence for people if it could not be listed; otherwise NULL.
    pub message: *const c_char,
    /// Its metadata; links are not followed.
    pub metadata: Metadata,
}

/// Called with each element of a listing. Anything but 0 ends the call with REMOFILE_STOPPED.
pub type OnEntry = Option<unsafe extern "C-unwind" fn(user: *mut c_void, entry: *const Entry) -> c_int>;

/// A file that was hashed at the server. It and its texts are valid during the callback.
#[repr(C)]
pub struct Hashed {
    /// The size of this struct.
    pub struct_size: usize,
    /// The path at the server, in UTF-8.
    pub path: *const c_char,
    /// The hash in hexadecimal digits; NULL if the file could not be hashed.
    pub hash: *const c_char,
    /// REMOFILE_OK, or the reason why it could not be hashed; then `message` tells it, and nothing of `metadata` holds.
    pub code: c_int,
    /// A sentence for people if it could not be hashed; otherwise NULL.
    pub message: *const c_char,
    /// Its metadata when it was opened.
    pub metadata: Metadata,
}

/// Called with each file that is hashed. Anything but 0 ends the call with REMOFILE_STOPPED.
pub type OnHash = Option<unsafe extern "C-unwind" fn(user: *mut c_void, hashed: *const Hashed) -> c_int>;

/// A client that holds a lease: others whose paths meet its own wait for it. It and its texts are valid during the callback.
#[repr(C)]
pub struct Holder {
    /// The size of this struct.
    pub struct_size: usize,
    /// User and host, as the client named itself: it is not proved, and may have any characters.
    pub client: *const c_char,
    /// The network address that the server sees; NULL where others must not know it.
    pub address: *const c_char,
    /// Name of its operation: `upload`, for example.
    pub activity: *const c_char,
    /// The path that it has, as the asking client sees it; NULL where there is none to tell.
    pub path: *const c_char,
    /// All of it in a line, which is harmless to show.
    pub text: *const c_char,
    /// Milliseconds for which it has held it.
    pub held_ms: u64,
}

/// Called with each client that holds a lease. Anything but 0 ends the call with REMOFILE_STOPPED.
pub type OnHolder = Option<unsafe extern "C-unwind" fn(user: *mut c_void, holder: *const Holder) -> c_int>;

/// An event of a transfer. It and its texts are valid during the callback.
#[repr(C)]
pub struct Event {
    /// The size of this struct.
    pub struct_size: usize,
    /// The kind of event: one of the REMOFILE_EVENT_ constants, which tell what else is set. Pass over those that you
    /// do not know.
    pub kind: u32,
    /// The reason of a failure; otherwise REMOFILE_OK.
    pub code: c_int,
    /// The path below the destination; NULL for an event of no file.
    pub path: *const c_char,
    /// A text for people; NULL if there is none.
    pub text: *const c_char,
    /// Bytes: of the file, of the total, or that moved. REMOFILE_UNKNOWN if they are not known.
    pub bytes: u64,
    /// Files of the total; bytes of the file that the receiver has already; the number of the attempt.
    pub count: u64,
}

/// A piece of a file on its way, before it is sent or written. It is valid during the callback.
#[repr(C)]
pub struct Chunk {
    /// The size of this struct.
    pub struct_size: usize,
    /// The bytes.
    pub data: *const u8,
    /// Their number.
    pub length: usize,
    /// Bytes of the file that are not processed yet, these included.
    pub remaining_bytes: u64,
    /// Bytes of the whole file.
    pub file_size: u64,
    /// The file's name: the last of its path.
    pub file_name: *const c_char,
}

/// A file that is in the way of another. It is valid during the callback.
#[repr(C)]
pub struct Conflict {
    /// The size of this struct.
    pub struct_size: usize,
    /// The path below the destination.
    pub path: *const c_char,
    /// The file that is there.
    pub existing: Metadata,
    /// The file that is to take its place.
    pub replacement: Metadata,
}

/// Called with each event of a transfer. Anything but 0 ends the call with REMOFILE_STOPPED.
pub type OnEvent = Option<unsafe extern "C-unwind" fn(user: *mut c_void, event: *const Event) -> c_int>;
/// Called with each chunk of each file. Anything but 0 ends the call with REMOFILE_STOPPED.
pub type OnChunk = Option<unsafe extern "C-unwind" fn(user: *mut c_void, chunk: *const Chunk) -> c_int>;
/// Called with each file in the way; returns one of the REMOFILE_CONFLICT_ constants. Any other value ends the call.
pub type OnConflict = Option<unsafe extern "C-unwind" fn(user: *mut c_void, conflict: *const Conflict) -> u32>;
/// Called when a call waits for others, with a text that says for whom.
pub type OnWaiting = Option<unsafe extern "C-unwind" fn(user: *mut c_void, holders: *const c_char)>;

/// The callbacks of a transfer, each of which may be NULL. They are called on the thread that makes the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Monitor {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// The first argument of the callbacks.
    pub user: *mut c_void,
    /// Called with each event.
    pub on_event: OnEvent,
    /// Called with each chunk.
    pub on_chunk: OnChunk,
    /// Bytes of a chunk; 0 for 8192. Each is as long, but for the last of a file.
    pub chunk_size: u32,
    /// Called with each file in the way, in place of what `on_conflict` of the options says.
    pub on_conflict: OnConflict,
}

/// The report of a transfer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Report {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// Files that are complete at their destination.
    pub files: u64,
    /// Directories that exist at their destination.
    pub directories: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
    /// Files that were there already and were not sent.
    pub present: u64,
    /// Bytes that an earlier attempt had moved and that were not sent again.
    pub resumed_bytes: u64,
    /// Bytes that were sent over all connections.
    pub sent_bytes: u64,
    /// Bytes that were received over all connections.
    pub received_bytes: u64,
    /// Files and directories that a sync deleted, or would have.
    pub deleted: u64,
    /// Files that were left out because the options say so.
    pub skipped: u64,
    /// Files and directories that failed: the function returns the code of the first.
    pub failures: u64,
    /// Attempts after the first.
    pub retries: u32,
}

/// The state of a server.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ServerStatus {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// Milliseconds for which it has been serving.
    pub uptime_ms: u64,
    /// Nanoseconds from the request to the answer.
    pub round_trip_ns: u64,
    /// Clients that hold a lease, of those that the token is shown: with fewer rights than `all`, its own at most.
    pub holders: u64,
    /// Operations that wait for one.
    pub waiting: u64,
    /// Bytes that are used below the token's directory; REMOFILE_UNKNOWN if they are not counted.
    pub used: u64,
    /// Bytes that may be used there; REMOFILE_UNKNOWN if there is no quota.
    pub quota: u64,
    /// Name and version of the server's software.
    pub agent: [c_char; REMOFILE_TEXT_BYTES],
    /// The protection of the session: `AES-256-GCM`, for example.
    pub cipher: [c_char; REMOFILE_TEXT_BYTES],
    /// The address that answered.
    pub address: [c_char; REMOFILE_TEXT_BYTES],
    /// The name of the client's token; empty if it has none.
    pub token: [c_char; REMOFILE_TEXT_BYTES],
    /// 1 if holders and waiting have at most those who use the same token, since the token is shown no others.
    pub hides_others: c_int,
}

/// The room of a disk, or of the quota that a token has.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DiskSpace {
    /// The size of this struct: REMOFILE_INIT sets it.
    pub struct_size: usize,
    /// Bytes that it has in all.
    pub size: u64,
    /// Bytes that are used.
    pub used: u64,
    /// Bytes that may still be written. With what is used they may be less than all: systems keep something back.
    pub free: u64,
    /// Files and directories that it can have in all; REMOFILE_UNKNOWN where there is no such number.
    pub files: u64,
    /// Files and directories that may still be made; REMOFILE_UNKNOWN as above.
    pub free_files: u64,
}

impl Versioned for ErrorDetails {
    const NAME: &'static str = "remofile_error";
}

impl Versioned for Metadata {
    const NAME: &'static str = "remofile_metadata";
}

impl Versioned for Monitor {
    const NAME: &'static str = "remofile_monitor";
}

impl Versioned for Report {
    const NAME: &'static str = "remofile_report";
}

impl Versioned for ServerStatus {
    const NAME: &'static str = "remofile_server_status";
}

impl Grown for ServerStatus {
    const EARLIER: &'static [usize] = &[std::mem::offset_of!(Self, hides_others)];
}

impl Versioned for DiskSpace {
    const NAME: &'static str = "remofile_space";
}

#[cfg(test)]
impl ErrorDetails {
    /// Details as REMOFILE_INIT makes them.
    pub(crate) fn empty() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            code: 0,
            os_error: 0,
            is_remote: 0,
            name: [0; REMOFILE_NAME_BYTES],
            message: [0; REMOFILE_MESSAGE_BYTES],
            path: [0; REMOFILE_PATH_BYTES],
        }
    }
}
