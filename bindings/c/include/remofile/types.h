#ifndef REMOFILE_TYPES_H
#define REMOFILE_TYPES_H

/* Made of bindings/c/src by a test: REMOFILE_UPDATE_HEADERS=1 cargo test -p remofile-c headers */

#include "flags.h"
#include <stddef.h>
#include <stdint.h>

/* A function that C calls back must not throw: since C++17 its type says so, and others do not compile. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define REMOFILE_NOEXCEPT noexcept
#else
#define REMOFILE_NOEXCEPT
#endif

/* A struct with nothing chosen but its size: remofile_error error = REMOFILE_INIT(remofile_error); */
#ifdef __cplusplus
#define REMOFILE_INIT(type) ([] { type made = type(); made.struct_size = sizeof(type); return made; }())
#else
#define REMOFILE_INIT(type) { .struct_size = sizeof(type) }
#endif


// Bytes of a path with its NUL: no path of Remofile is longer.
#define REMOFILE_PATH_BYTES 4097
// Bytes of an error's text with its NUL: what is longer is cut.
#define REMOFILE_MESSAGE_BYTES 1024
// Bytes of the name of a code with its NUL.
#define REMOFILE_NAME_BYTES 40
// Bytes of a token or of a key with its NUL, at most.
#define REMOFILE_SECRET_BYTES 64
// Bytes of a text that a server tells of itself, with its NUL.
#define REMOFILE_TEXT_BYTES 136
// Bytes of a hash in hexadecimal digits with its NUL, at most.
#define REMOFILE_HASH_BYTES 129
// The mode of what has no permission bits, or whose bits are not to be set.
#define REMOFILE_NO_MODE UINT32_MAX
// A number of bytes that is not known, or not limited.
#define REMOFILE_UNKNOWN UINT64_MAX
// For timeouts and waits: without end. 0 is the default.
#define REMOFILE_FOREVER UINT64_MAX
// For `wait_ms`: fail at once if others use the path. 0 is the default, a minute.
#define REMOFILE_NO_WAIT (UINT64_MAX - 1)
// For `retries`: no attempt after the first. 0 is the default, 5.
#define REMOFILE_NO_RETRIES UINT32_MAX
// A client of one server: an opaque handle. One call at a time; a clone makes others beside it.
typedef struct remofile_client remofile_client;

// An open remote file: an opaque handle. One call at a time. It outlives the client that opened it.
typedef struct remofile_file remofile_file;

// A server in this process: an opaque handle.
typedef struct remofile_server remofile_server;

// The reason why a call failed. It belongs to the caller, needs no release, and may be used again. A call that succeeds sets
// `code` alone.
typedef struct remofile_error {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // The result of the function: REMOFILE_OK or one of the codes in `remofile/codes.h`.
  int code;
  // The number (`errno`) that the operating system gave; 0 if there is none.
  int os_error;
  // 1 if the server failed the call, 0 if this side did; of a file that failed in a transfer, 1 whichever did.
  int is_remote;
  // The name of the code, for scripts: `not-found`.
  char name[REMOFILE_NAME_BYTES];
  // A sentence for people, in UTF-8.
  char message[REMOFILE_MESSAGE_BYTES];
  // The path that the error is about; empty if there is none.
  char path[REMOFILE_PATH_BYTES];
} remofile_error;

// The metadata of a file or directory.
typedef struct remofile_metadata {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // REMOFILE_FILE, REMOFILE_DIRECTORY, REMOFILE_LINK or REMOFILE_SPECIAL.
  uint32_t kind;
  // Permission bits, 0 to 0777; REMOFILE_NO_MODE where there are none.
  uint32_t mode;
  // Bytes of a regular file; 0 for everything else.
  uint64_t size;
  // Time of the last modification: seconds since 1970.
  int64_t modified_seconds;
  // Nanoseconds after that second.
  uint32_t modified_nanoseconds;
} remofile_metadata;

// An element of a listing. It and its texts are valid during the callback.
typedef struct remofile_entry {
  // The size of this struct.
  size_t struct_size;
  // The path at the server, in UTF-8.
  const char *path;
  // The target of a link where it can be told; otherwise NULL.
  const char *target;
  // REMOFILE_OK, or the reason why this path could not be listed; then `message` tells it, and nothing of `metadata` holds.
  int code;
  // A sentence for people if it could not be listed; otherwise NULL.
  const char *message;
  // Its metadata; links are not followed.
  struct remofile_metadata metadata;
} remofile_entry;

// A file that was hashed at the server. It and its texts are valid during the callback.
typedef struct remofile_hashed {
  // The size of this struct.
  size_t struct_size;
  // The path at the server, in UTF-8.
  const char *path;
  // The hash in hexadecimal digits; NULL if the file could not be hashed.
  const char *hash;
  // REMOFILE_OK, or the reason why it could not be hashed; then `message` tells it, and nothing of `metadata` holds.
  int code;
  // A sentence for people if it could not be hashed; otherwise NULL.
  const char *message;
  // Its metadata when it was opened.
  struct remofile_metadata metadata;
} remofile_hashed;

// A client that holds a lease: others whose paths meet its own wait for it. It and its texts are valid during the callback.
typedef struct remofile_holder {
  // The size of this struct.
  size_t struct_size;
  // User and host, as the client named itself: it is not proved, and may have any characters.
  const char *client;
  // The network address that the server sees; NULL where others must not know it.
  const char *address;
  // Name of its operation: `upload`, for example.
  const char *activity;
  // The path that it has, as the asking client sees it; NULL where there is none to tell.
  const char *path;
  // All of it in a line, which is harmless to show.
  const char *text;
  // Milliseconds for which it has held it.
  uint64_t held_ms;
} remofile_holder;

// An event of a transfer. It and its texts are valid during the callback.
typedef struct remofile_event {
  // The size of this struct.
  size_t struct_size;
  // The kind of event: one of the REMOFILE_EVENT_ constants, which tell what else is set. Pass over those that you
  // do not know.
  uint32_t kind;
  // The reason of a failure; otherwise REMOFILE_OK.
  int code;
  // The path below the destination; NULL for an event of no file.
  const char *path;
  // A text for people; NULL if there is none.
  const char *text;
  // Bytes: of the file, of the total, or that moved. REMOFILE_UNKNOWN if they are not known.
  uint64_t bytes;
  // Files of the total; bytes of the file that the receiver has already; the number of the attempt.
  uint64_t count;
} remofile_event;

// A piece of a file on its way, before it is sent or written. It is valid during the callback.
typedef struct remofile_chunk {
  // The size of this struct.
  size_t struct_size;
  // The bytes.
  const uint8_t *data;
  // Their number.
  size_t length;
  // Bytes of the file that are not processed yet, these included.
  uint64_t remaining_bytes;
  // Bytes of the whole file.
  uint64_t file_size;
  // The file's name: the last of its path.
  const char *file_name;
} remofile_chunk;

// A file that is in the way of another. It is valid during the callback.
typedef struct remofile_conflict {
  // The size of this struct.
  size_t struct_size;
  // The path below the destination.
  const char *path;
  // The file that is there.
  struct remofile_metadata existing;
  // The file that is to take its place.
  struct remofile_metadata replacement;
} remofile_conflict;

// Called with each element of a listing. Anything but 0 ends the call with REMOFILE_STOPPED.
typedef int (*remofile_on_entry)(void *user, const struct remofile_entry *entry) REMOFILE_NOEXCEPT;

// Called with each file that is hashed. Anything but 0 ends the call with REMOFILE_STOPPED.
typedef int (*remofile_on_hash)(void *user, const struct remofile_hashed *hashed) REMOFILE_NOEXCEPT;

// Called with each client that holds a lease. Anything but 0 ends the call with REMOFILE_STOPPED.
typedef int (*remofile_on_holder)(void *user, const struct remofile_holder *holder) REMOFILE_NOEXCEPT;

// Called with each event of a transfer. Anything but 0 ends the call with REMOFILE_STOPPED.
typedef int (*remofile_on_event)(void *user, const struct remofile_event *event) REMOFILE_NOEXCEPT;

// Called with each chunk of each file. Anything but 0 ends the call with REMOFILE_STOPPED.
typedef int (*remofile_on_chunk)(void *user, const struct remofile_chunk *chunk) REMOFILE_NOEXCEPT;

// Called with each file in the way; returns one of the REMOFILE_CONFLICT_ constants. Any other value ends the call.
typedef uint32_t (*remofile_on_conflict)(void *user, const struct remofile_conflict *conflict) REMOFILE_NOEXCEPT;

// Called when a call waits for others, with a text that says for whom.
typedef void (*remofile_on_waiting)(void *user, const char *holders) REMOFILE_NOEXCEPT;

// The callbacks of a transfer, each of which may be NULL. They are called on the thread that makes the call.
typedef struct remofile_monitor {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // The first argument of the callbacks.
  void *user;
  // Called with each event.
  remofile_on_event on_event;
  // Called with each chunk.
  remofile_on_chunk on_chunk;
  // Bytes of a chunk; 0 for 8192. Each is as long, but for the last of a file.
  uint32_t chunk_size;
  // Called with each file in the way, in place of what `on_conflict` of the options says.
  remofile_on_conflict on_conflict;
} remofile_monitor;

// The report of a transfer.
typedef struct remofile_report {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // Files that are complete at their destination.
  uint64_t files;
  // Directories that exist at their destination.
  uint64_t directories;
  // Bytes of content in those files.
  uint64_t bytes;
  // Files that were there already and were not sent.
  uint64_t present;
  // Bytes that an earlier attempt had moved and that were not sent again.
  uint64_t resumed_bytes;
  // Bytes that were sent over all connections.
  uint64_t sent_bytes;
  // Bytes that were received over all connections.
  uint64_t received_bytes;
  // Files and directories that a sync deleted, or would have.
  uint64_t deleted;
  // Files that were left out because the options say so.
  uint64_t skipped;
  // Files and directories that failed: the function returns the code of the first.
  uint64_t failures;
  // Attempts after the first.
  uint32_t retries;
} remofile_report;

// The state of a server.
typedef struct remofile_server_status {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // Milliseconds for which it has been serving.
  uint64_t uptime_ms;
  // Nanoseconds from the request to the answer.
  uint64_t round_trip_ns;
  // Clients that hold a lease, of those that the token is shown: with fewer rights than `all`, its own at most.
  uint64_t holders;
  // Operations that wait for one.
  uint64_t waiting;
  // Bytes that are used below the token's directory; REMOFILE_UNKNOWN if they are not counted.
  uint64_t used;
  // Bytes that may be used there; REMOFILE_UNKNOWN if there is no quota.
  uint64_t quota;
  // Name and version of the server's software.
  char agent[REMOFILE_TEXT_BYTES];
  // The protection of the session: `AES-256-GCM`, for example.
  char cipher[REMOFILE_TEXT_BYTES];
  // The address that answered.
  char address[REMOFILE_TEXT_BYTES];
  // The name of the client's token; empty if it has none.
  char token[REMOFILE_TEXT_BYTES];
  // 1 if holders and waiting have at most those who use the same token, since the token is shown no others.
  int hides_others;
} remofile_server_status;

// The room of a disk, or of the quota that a token has.
typedef struct remofile_space {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // Bytes that it has in all.
  uint64_t size;
  // Bytes that are used.
  uint64_t used;
  // Bytes that may still be written. With what is used they may be less than all: systems keep something back.
  uint64_t free;
  // Files and directories that it can have in all; REMOFILE_UNKNOWN where there is no such number.
  uint64_t files;
  // Files and directories that may still be made; REMOFILE_UNKNOWN as above.
  uint64_t free_files;
} remofile_space;

// The options of a client. Set hostname, port and token; 0 and NULL are the defaults of everything else.
typedef struct remofile_client_options {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // Host name or address of the server; or several separated by commas, each perhaps with a port, of servers of the same files.
  const char *hostname;
  // The token of the server.
  const char *token;
  // The server's public key, where it has one; otherwise NULL.
  const char *public_key;
  // TCP port.
  uint16_t port;
  // REMOFILE_PROTOCOL_1, REMOFILE_PLAIN.
  uint32_t flags;
  // Longest time for a whole call in milliseconds; 0 for no limit.
  uint64_t timeout_ms;
  // Longest time that a call may go without progress; 0 for no limit.
  uint64_t stall_timeout_ms;
  // The milliseconds that a call waits while others use its paths; 0 for a minute, REMOFILE_NO_WAIT,
  // REMOFILE_FOREVER.
  uint64_t wait_ms;
  // Called when a call waits that is no transfer and no sync (their monitor is told), on the thread that makes the call, which may be a clone's; may be NULL.
  remofile_on_waiting on_waiting;
  // The first argument of that function. It has to outlive the client, its clones and its files.
  void *user;
} remofile_client_options;

// The options of a transfer or of a sync. 0 and NULL are the defaults.
typedef struct remofile_transfer_options {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // Flags that say in `remofile/flags.h` that transfers or syncs take them. A sync is recursive in any case.
  uint32_t flags;
  // The treatment of files in the way: a REMOFILE_CONFLICT_ constant. Not for syncs.
  uint32_t on_conflict;
  // The treatment of links: a REMOFILE_LINKS_ constant.
  uint32_t links;
  // The durability of what a download writes: a REMOFILE_FSYNC_ constant.
  uint32_t fsync;
  // Connections at once, 1 to 16; 0 for 1.
  uint32_t transfers;
  // Attempts after a lost connection; 0 for 5, REMOFILE_NO_RETRIES.
  uint32_t retries;
  // zstd level to compress with, 1 to 19; 0 for none.
  uint32_t compress;
  // Bytes a second at most; 0 for no limit.
  uint64_t bytes_per_second;
  // Smallest file that is taken, in bytes.
  uint64_t min_size;
  // Largest file that is taken, in bytes; 0 for no limit.
  uint64_t max_size;
  // The rules of what is left out: lines in the notation of gitignore, separated by newlines; may be NULL.
  const char *exclude;
  // Remote directory of an earlier upload, whose files are linked instead of sent again; may be NULL.
  const char *link_dest;
  // Syncs: directory for what is replaced or deleted; may be NULL.
  const char *backup;
  // Syncs: most files and directories that may be deleted; 0 for no limit.
  uint64_t max_delete;
  // Syncs: largest difference of two times that count as the same, in milliseconds.
  uint64_t modify_window_ms;
} remofile_transfer_options;

// The options of a server. Set root and token; 0 and NULL are the defaults of everything else.
typedef struct remofile_server_options {
  // The size of this struct: REMOFILE_INIT sets it.
  size_t struct_size;
  // The directory that is served.
  const char *root;
  // The token by which clients may use it.
  const char *token;
  // The address to listen on; NULL for all. Use "127.0.0.1" for clients of this machine only.
  const char *address;
  // The private key of the server; NULL for none.
  const char *private_key;
  // TCP port; 0 for a free one: remofile_server_port tells which.
  uint16_t port;
  // REMOFILE_SERVE_ flags.
  uint32_t flags;
  // The durability of what is written: a REMOFILE_FSYNC_ constant.
  uint32_t fsync;
  // Sessions at most; 0 for 65536.
  uint32_t max_sessions;
  // Largest file that is stored, in bytes; 0 for no limit.
  uint64_t file_size_limit;
  // Milliseconds after which an idle session makes room for others; 0 for 30 s.
  uint64_t idle_timeout_ms;
} remofile_server_options;

#endif  /* REMOFILE_TYPES_H */
