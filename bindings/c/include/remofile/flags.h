#ifndef REMOFILE_FLAGS_H
#define REMOFILE_FLAGS_H

/* Made of bindings/c/src by a test: REMOFILE_UPDATE_HEADERS=1 cargo test -p remofile-c headers */

// remofile_list, remofile_remove, transfers and copies: directories with what is in them.
#define REMOFILE_RECURSIVE 1
// remofile_create_file, remofile_make_directory: what exists already is no failure.
#define REMOFILE_UPDATE (1 << 1)
// remofile_make_directory, copies: missing parents are made.
#define REMOFILE_PARENTS (1 << 2)
// remofile_move, remofile_make_link, remofile_write_file: a file in the way is replaced.
#define REMOFILE_REPLACE (1 << 3)
// Transfers and syncs: only find out what would be done.
#define REMOFILE_DRY_RUN (1 << 4)
// Transfers: count the total and report it before the first file.
#define REMOFILE_TOTAL (1 << 5)
// Transfers and syncs: move everything anew, whatever an earlier attempt moved.
#define REMOFILE_NO_RESUME (1 << 6)
// Transfers and syncs: keep permission bits.
#define REMOFILE_PRESERVE_MODE (1 << 7)
// Transfers and syncs: send holes as holes.
#define REMOFILE_SPARSE (1 << 8)
// Transfers, syncs and open files: fail with REMOFILE_SOURCE_CHANGED if a file is written to meanwhile.
#define REMOFILE_STRICT (1 << 9)
// Transfers and syncs: keep what an archive keeps: all permission bits, times of directories and links, links, holes and names.
#define REMOFILE_ARCHIVE (1 << 10)
// Transfers and syncs: keep owner and group.
#define REMOFILE_OWNER (1 << 11)
// Transfers and syncs: keep extended attributes.
#define REMOFILE_XATTRS (1 << 12)
// Transfers and syncs: a file with several names is sent once, and is at each of them.
#define REMOFILE_HARD_LINKS (1 << 13)
// Transfers and syncs: encode names that the other side does not admit.
#define REMOFILE_ENCODE_NAMES (1 << 14)
// Syncs: delete what only the destination has.
#define REMOFILE_DELETE (1 << 15)
// Syncs: compare files of one size by their contents.
#define REMOFILE_CHECKSUM (1 << 16)
// Syncs: files of one size count as the same.
#define REMOFILE_SIZE_ONLY (1 << 17)
// Syncs: leave files that are newer at the destination.
#define REMOFILE_SKIP_NEWER (1 << 18)
// Syncs: create nothing.
#define REMOFILE_EXISTING (1 << 19)
// Syncs: leave files that exist at the destination.
#define REMOFILE_IGNORE_EXISTING (1 << 20)
// Syncs: send no deltas.
#define REMOFILE_WHOLE_FILE (1 << 21)
// remofile_open: the file is read.
#define REMOFILE_READ (1 << 22)
// remofile_open: the file is written.
#define REMOFILE_WRITE (1 << 23)
// remofile_open: all writes go to the end of the file.
#define REMOFILE_APPEND (1 << 24)
// remofile_open: the file is written anew; others see it when it is closed.
#define REMOFILE_TRUNCATE (1 << 25)
// remofile_open: the file is created if there is none.
#define REMOFILE_CREATE (1 << 26)
// remofile_open: the file must be new.
#define REMOFILE_CREATE_NEW (1 << 27)
// remofile_open: reading waits for more at the end of the file.
#define REMOFILE_FOLLOW (1 << 28)
// Clients: protocol 1, which servers of the original speak.
#define REMOFILE_PROTOCOL_1 (1 << 29)
// Clients: a session that is authenticated but not encrypted.
#define REMOFILE_PLAIN (1 << 30)
// Servers: sessions that are not encrypted are admitted.
#define REMOFILE_SERVE_PLAIN 1
// Servers: every change is refused.
#define REMOFILE_SERVE_READ_ONLY (1 << 1)
// Servers: every session must be encrypted.
#define REMOFILE_SERVE_ENCRYPTED (1 << 2)
// Servers: who changes something has the whole root for itself.
#define REMOFILE_SERVE_EXCLUSIVE (1 << 3)
// Servers: admit every name that POSIX admits, not only those that every system has.
#define REMOFILE_SERVE_POSIX_NAMES (1 << 4)
// A regular file.
#define REMOFILE_FILE 0
// A directory.
#define REMOFILE_DIRECTORY 1
// A symbolic link.
#define REMOFILE_LINK 2
// A device, socket or pipe.
#define REMOFILE_SPECIAL 3
// Files in the way: change nothing at all if there is one.
#define REMOFILE_CONFLICT_ABORT 0
// Files in the way: replace them.
#define REMOFILE_CONFLICT_REPLACE 1
// Files in the way: leave them.
#define REMOFILE_CONFLICT_SKIP 2
// Files in the way: replace those that are older.
#define REMOFILE_CONFLICT_NEWER 3
// Files in the way: give the new one a free name: `name (1).txt`.
#define REMOFILE_CONFLICT_RENAME 4
// Links below sources: pass over them.
#define REMOFILE_LINKS_SKIP 0
// Links below sources: send what they lead to.
#define REMOFILE_LINKS_FOLLOW 1
// Links below sources: send them as links if they stay inside.
#define REMOFILE_LINKS_COPY 2
// Links below sources: send them as links, whatever they lead to.
#define REMOFILE_LINKS_KEEP 3
// Durability: what is complete is on the disk before the call succeeds. The default.
#define REMOFILE_FSYNC_END 0
// Durability: each file is on the disk before it is visible.
#define REMOFILE_FSYNC_EACH 1
// Durability: any time that the operating system likes.
#define REMOFILE_FSYNC_NONE 2
// Hashes: XXH3 with 128 bits, the quickest, for what nobody has forged.
#define REMOFILE_HASH_XXH3 0
// Hashes: BLAKE3 with 256 bits.
#define REMOFILE_HASH_BLAKE3 1
// Hashes: SHA-256.
#define REMOFILE_HASH_SHA256 2
// Hashes: SHA-512.
#define REMOFILE_HASH_SHA512 3
// Hashes: SHA-1, for old lists.
#define REMOFILE_HASH_SHA1 4
// Hashes: MD5, for old lists.
#define REMOFILE_HASH_MD5 5
// The call waits for others: `text` says for whom.
#define REMOFILE_EVENT_WAITING 1
// The connection was lost, and all is tried again: `text` says why, `count` is the number of the attempt.
#define REMOFILE_EVENT_RETRYING 2
// A sync, or a dry run, has made its plan: `count` steps.
#define REMOFILE_EVENT_PLANNED 3
// The total is known: `count` files, `bytes`.
#define REMOFILE_EVENT_TOTAL 4
// A file is at its destination already: `path`, `bytes`.
#define REMOFILE_EVENT_PRESENT 5
// A file begins: `path`, its `bytes`, `count` of which the receiver has.
#define REMOFILE_EVENT_STARTED 6
// Content moved: `bytes` since the last such event.
#define REMOFILE_EVENT_MOVED 7
// A file is complete: `path`.
#define REMOFILE_EVENT_FINISHED 8
// A file was left out: `path`, `code`, `text`.
#define REMOFILE_EVENT_SKIPPED 9
// A file failed, and the transfer goes on: `path`, `code`, `text`.
#define REMOFILE_EVENT_FAILED 10

#endif  /* REMOFILE_FLAGS_H */
