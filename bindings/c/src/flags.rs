//! Flags and choices that C passes, and what they are to the library. Bits and numbers without meaning are refused.

use crate::fault::Fault;
use remofile::protocol::hash::HashAlgorithm;
use remofile::protocol::path::NameRule;
use remofile::protocol::wire::{Kind, Links, OnConflict};
use remofile::store::Fsync;

/// remofile_list, remofile_remove, transfers and copies: directories with what is in them.
pub const REMOFILE_RECURSIVE: u32 = 1;
/// remofile_create_file, remofile_make_directory: what exists already is no failure.
pub const REMOFILE_UPDATE: u32 = 1 << 1;
/// remofile_make_directory, copies: missing parents are made.
pub const REMOFILE_PARENTS: u32 = 1 << 2;
/// remofile_move, remofile_make_link, remofile_write_file: a file in the way is replaced.
pub const REMOFILE_REPLACE: u32 = 1 << 3;
/// Transfers and syncs: only find out what would be done.
pub const REMOFILE_DRY_RUN: u32 = 1 << 4;
/// Transfers: count the total and report it before the first file.
pub const REMOFILE_TOTAL: u32 = 1 << 5;
/// Transfers and syncs: move everything anew, whatever an earlier attempt moved.
pub const REMOFILE_NO_RESUME: u32 = 1 << 6;
/// Transfers and syncs: keep permission bits.
pub const REMOFILE_PRESERVE_MODE: u32 = 1 << 7;
/// Transfers and syncs: send holes as holes.
pub const REMOFILE_SPARSE: u32 = 1 << 8;
/// Transfers, syncs and open files: fail with REMOFILE_SOURCE_CHANGED if a file is written to meanwhile.
pub const REMOFILE_STRICT: u32 = 1 << 9;
/// Transfers and syncs: keep what an archive keeps: all permission bits, times of directories and links, links, holes and names.
pub const REMOFILE_ARCHIVE: u32 = 1 << 10;
/// Transfers and syncs: keep owner and group.
pub const REMOFILE_OWNER: u32 = 1 << 11;
/// Transfers and syncs: keep extended attributes.
pub const REMOFILE_XATTRS: u32 = 1 << 12;
/// Transfers and syncs: a file with several names is sent once, and is at each of them.
pub const REMOFILE_HARD_LINKS: u32 = 1 << 13;
/// Transfers and syncs: encode names that the other side does not admit.
pub const REMOFILE_ENCODE_NAMES: u32 = 1 << 14;
/// Syncs: delete what only the destination has.
pub const REMOFILE_DELETE: u32 = 1 << 15;
/// Syncs: compare files of one size by their contents.
pub const REMOFILE_CHECKSUM: u32 = 1 << 16;
/// Syncs: files of one size count as the same.
pub const REMOFILE_SIZE_ONLY: u32 = 1 << 17;
/// Syncs: leave files that are newer at the destination.
pub const REMOFILE_SKIP_NEWER: u32 = 1 << 18;
/// Syncs: create nothing.
pub const REMOFILE_EXISTING: u32 = 1 << 19;
/// Syncs: leave files that exist at the destination.
pub const REMOFILE_IGNORE_EXISTING: u32 = 1 << 20;
/// Syncs: send no deltas.
pub const REMOFILE_WHOLE_FILE: u32 = 1 << 21;

/// remofile_open: the file is read.
pub const REMOFILE_READ: u32 = 1 << 22;
/// remofile_open: the file is written.
pub const REMOFILE_WRITE: u32 = 1 << 23;
/// remofile_open: all writes go to the end of the file.
pub const REMOFILE_APPEND: u32 = 1 << 24;
/// remofile_open: the file is written anew; others see it when it is closed.
pub const REMOFILE_TRUNCATE: u32 = 1 << 25;
/// remofile_open: the file is created if there is none.
pub const REMOFILE_CREATE: u32 = 1 << 26;
/// remofile_open: the file must be new.
pub const REMOFILE_CREATE_NEW: u32 = 1 << 27;
/// remofile_open: reading waits for more at the end of the file.
pub const REMOFILE_FOLLOW: u32 = 1 << 28;

/// Clients: protocol 1, which servers of the original speak.
pub const REMOFILE_PROTOCOL_1: u32 = 1 << 29;
/// Clients: a session that is authenticated but not encrypted.
pub const REMOFILE_PLAIN: u32 = 1 << 30;

/// Servers: sessions that are not encrypted are admitted.
pub const REMOFILE_SERVE_PLAIN: u32 = 1;
/// Servers: every change is refused.
pub const REMOFILE_SERVE_READ_ONLY: u32 = 1 << 1;
/// Servers: every session must be encrypted.
pub const REMOFILE_SERVE_ENCRYPTED: u32 = 1 << 2;
/// Servers: who changes something has the whole root for itself.
pub const REMOFILE_SERVE_EXCLUSIVE: u32 = 1 << 3;
/// Servers: admit every name that POSIX admits, not only those that every system has.
pub const REMOFILE_SERVE_POSIX_NAMES: u32 = 1 << 4;

/// A regular file.
pub const REMOFILE_FILE: u32 = 0;
/// A directory.
pub const REMOFILE_DIRECTORY: u32 = 1;
/// A symbolic link.
pub const REMOFILE_LINK: u32 = 2;
/// A device, socket or pipe.
pub const REMOFILE_SPECIAL: u32 = 3;

/// Files in the way: change nothing at all if there is one.
pub const REMOFILE_CONFLICT_ABORT: u32 = 0;
/// Files in the way: replace them.
pub const REMOFILE_CONFLICT_REPLACE: u32 = 1;
/// Files in the way: leave them.
pub const REMOFILE_CONFLICT_SKIP: u32 = 2;
/// Files in the way: replace those that are older.
pub const REMOFILE_CONFLICT_NEWER: u32 = 3;
/// Files in the way: give the new one a free name: `name (1).txt`.
pub const REMOFILE_CONFLICT_RENAME: u32 = 4;

/// Links below sources: pass over them.
pub const REMOFILE_LINKS_SKIP: u32 = 0;
/// Links below sources: send what they lead to.
pub const REMOFILE_LINKS_FOLLOW: u32 = 1;
/// Links below sources: send them as links if they stay inside.
pub const REMOFILE_LINKS_COPY: u32 = 2;
/// Links below sources: send them as links, whatever they lead to.
pub const REMOFILE_LINKS_KEEP: u32 = 3;

/// Durability: what is complete is on the disk before the call succeeds. The default.
pub const REMOFILE_FSYNC_END: u32 = 0;
/// Durability: each file is on the disk before it is visible.
pub const REMOFILE_FSYNC_EACH: u32 = 1;
/// Durability: any time that the operating system likes.
pub const REMOFILE_FSYNC_NONE: u32 = 2;

/// Hashes: XXH3 with 128 bits, the quickest, for what nobody has forged.
pub const REMOFILE_HASH_XXH3: u32 = 0;
/// Hashes: BLAKE3 with 256 bits.
pub const REMOFILE_HASH_BLAKE3: u32 = 1;
/// Hashes: SHA-256.
pub const REMOFILE_HASH_SHA256: u32 = 2;
/// Hashes: SHA-512.
pub const REMOFILE_HASH_SHA512: u32 = 3;
/// Hashes: SHA-1, for old lists.
pub const REMOFILE_HASH_SHA1: u32 = 4;
/// Hashes: MD5, for old lists.
pub const REMOFILE_HASH_MD5: u32 = 5;

/// The call waits for others: `text` says for whom.
pub const REMOFILE_EVENT_WAITING: u32 = 1;
/// The connection was lost, and all is tried again: `text` says why, `count` is the number of the attempt.
pub const REMOFILE_EVENT_RETRYING: u32 = 2;
/// A sync, or a dry run, has made its plan: `count` steps.
pub const REMOFILE_EVENT_PLANNED: u32 = 3;
/// The total is known: `count` files, `bytes`.
pub const REMOFILE_EVENT_TOTAL: u32 = 4;
/// A file is at its destination already: `path`, `bytes`.
pub const REMOFILE_EVENT_PRESENT: u32 = 5;
/// A file begins: `path`, its `bytes`, `count` of which the receiver has.
pub const REMOFILE_EVENT_STARTED: u32 = 6;
/// Content moved: `bytes` since the last such event.
pub const REMOFILE_EVENT_MOVED: u32 = 7;
/// A file is complete: `path`.
pub const REMOFILE_EVENT_FINISHED: u32 = 8;
/// A file was left out: `path`, `code`, `text`.
pub const REMOFILE_EVENT_SKIPPED: u32 = 9;
/// A file failed, and the transfer goes on: `path`, `code`, `text`.
pub const REMOFILE_EVENT_FAILED: u32 = 10;

/// Refuses bits that a function does not take.
pub(crate) fn check(flags: u32, taken: u32) -> Result<Flags, Fault> {
    match flags & !taken {
        0 => Ok(Flags(flags)),
        others => Err(Fault::argument(format!("the flags have bits without a meaning here: {others:#x}"))),
    }
}

/// Flags that were checked.
#[derive(Clone, Copy)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// Returns the number of a kind.
pub(crate) fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::File => REMOFILE_FILE,
        Kind::Directory => REMOFILE_DIRECTORY,
        Kind::Link => REMOFILE_LINK,
        Kind::Special => REMOFILE_SPECIAL,
    }
}

pub(crate) fn on_conflict(number: u32) -> Result<OnConflict, Fault> {
    Ok(match number {
        REMOFILE_CONFLICT_ABORT => OnConflict::Abort,
        REMOFILE_CONFLICT_REPLACE => OnConflict::Replace,
        REMOFILE_CONFLICT_SKIP => OnConflict::Skip,
        REMOFILE_CONFLICT_NEWER => OnConflict::Newer,
        REMOFILE_CONFLICT_RENAME => OnConflict::Rename,
        _ => return Err(Fault::argument(format!("{number} is no REMOFILE_CONFLICT_ constant"))),
    })
}

pub(crate) fn links(number: u32) -> Result<Links, Fault> {
    Ok(match number {
        REMOFILE_LINKS_SKIP => Links::Skip,
        REMOFILE_LINKS_FOLLOW => Links::Follow,
        REMOFILE_LINKS_COPY => Links::Copy,
        REMOFILE_LINKS_KEEP => Links::Keep,
        _ => return Err(Fault::argument(format!("{number} is no REMOFILE_LINKS_ constant"))),
    })
}

pub(crate) fn fsync(number: u32) -> Result<Fsync, Fault> {
    Ok(match number {
        REMOFILE_FSYNC_END => Fsync::End,
        REMOFILE_FSYNC_EACH => Fsync::Each,
        REMOFILE_FSYNC_NONE => Fsync::None,
        _ => return Err(Fault::argument(format!("{number} is no REMOFILE_FSYNC_ constant"))),
    })
}

pub(crate) fn hash_algorithm(number: u32) -> Result<HashAlgorithm, Fault> {
    Ok(match number {
        REMOFILE_HASH_XXH3 => HashAlgorithm::Xxh3,
        REMOFILE_HASH_BLAKE3 => HashAlgorithm::Blake3,
        REMOFILE_HASH_SHA256 => HashAlgorithm::Sha256,
        REMOFILE_HASH_SHA512 => HashAlgorithm::Sha512,
        REMOFILE_HASH_SHA1 => HashAlgorithm::Sha1,
        REMOFILE_HASH_MD5 => HashAlgorithm::Md5,
        _ => return Err(Fault::argument(format!("{number} is no REMOFILE_HASH_ constant"))),
    })
}

pub(crate) fn names(flags: Flags) -> NameRule {
    if flags.has(REMOFILE_SERVE_POSIX_NAMES) { NameRule::Posix } else { NameRule::Portable }
}
