#ifndef REMOFILE_H
#define REMOFILE_H

/* Made of bindings/c/src by a test: REMOFILE_UPDATE_HEADERS=1 cargo test -p remofile-c headers */

#include "remofile/codes.h"
#include "remofile/types.h"

/* Remofile from C: see docs/c.md.
 *
 * Texts are UTF-8 and end with a NUL; only paths of this machine may have any bytes. What is passed stays the caller's and is used
 * during the call alone. What a callback gets is valid during the callback. Handles are closed by their functions; a closed or
 * foreign one is an error. All functions may be called from any thread, one at a time for each handle, and none from a signal
 * handler. A callback must return: no longjmp, no exception. */


#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library, as `0.1.0`. It is never released.
const char *remofile_version(void);

// Returns the number of handles of the process that are open, for tests that look for leaks.
size_t remofile_open_handles(void);

// Tells name and meaning of a code.
// @param name Receives the name, as `not-found`; may be NULL. Empty if there is no such code.
// @param meaning Receives the meaning in words; may be NULL.
int remofile_describe_code(int code,
                           char (*name)[REMOFILE_NAME_BYTES],
                           char (*meaning)[REMOFILE_MESSAGE_BYTES],
                           remofile_error *error);

// Makes a token that nobody guesses.
// @param token Receives it, a secret: wipe it when it is not needed any more.
int remofile_generate_token(char (*token)[REMOFILE_SECRET_BYTES], remofile_error *error);

// Makes the keys of a server.
// @param public_key Receives the key that clients use.
// @param private_key Receives the key of the server, a secret: wipe it when it is not needed any more.
int remofile_generate_keys(char (*public_key)[REMOFILE_SECRET_BYTES],
                           char (*private_key)[REMOFILE_SECRET_BYTES],
                           remofile_error *error);

// Connects a client to a server and proves its token.
// @param options Hostname, port, token and more; copied.
// @param client Receives the handle, to be closed with remofile_client_close; set to NULL if that fails.
// @param error Receives the reason of a failure; may be NULL. So it is of every function.
// @return REMOFILE_OK, or a code of `remofile/codes.h`. So it is of every function that returns an int.
int remofile_connect(const remofile_client_options *options, remofile_client **client, remofile_error *error);

// Makes another client of the same server, for calls at the same time, on another thread or in a callback. The two share idle
// connections. Each is closed for itself.
// @param clone Receives the handle; set to NULL if that fails.
int remofile_client_clone(remofile_client *client,
                          remofile_client **clone,
                          remofile_error *error);

// Sets the limits of later calls of a client, as the options of the same names do.
int remofile_client_set_limits(remofile_client *client,
                               uint64_t timeout_ms,
                               uint64_t stall_timeout_ms,
                               uint64_t wait_ms,
                               remofile_error *error);

// Ends the call that runs with a client, from any thread or from a callback: it returns REMOFILE_INTERRUPTED. Later calls are
// made as usual. It is not for signal handlers.
// @return REMOFILE_NOT_RUNNING if there is no such call.
int remofile_client_cancel(remofile_client *client,
                           remofile_error *error);

// Ends the session and closes a client. Open files go on.
// @return REMOFILE_IN_USE and REMOFILE_IN_CALLBACK if a call is running: then it stays open.
int remofile_client_close(remofile_client *client, remofile_error *error);

// Asks for the server's state, which it answers whatever others do.
int remofile_status(remofile_client *client, remofile_server_status *status, remofile_error *error);

// Tells which clients hold a lease, so that others may have to wait for them.
// @param on_holder Called with each of them.
// @param user What that function gets as its first argument.
int remofile_holders(remofile_client *client, remofile_on_holder on_holder, void *user, remofile_error *error);

// Tells the room of the disk that a path is on. To a token with a quota, its quota is the disk.
// @return REMOFILE_UNSUPPORTED by a server that cannot.
int remofile_disk_space(remofile_client *client, const char *path, remofile_space *space, remofile_error *error);

// Tells what a path names. Links that stay inside the root directory are followed.
int remofile_stat(remofile_client *client, const char *path, remofile_metadata *metadata, remofile_error *error);

// Tells what a path names itself: a link is not followed.
// @param target Room for the target of a link, REMOFILE_PATH_BYTES bytes; may be NULL. Empty for anything but a link, and where
// the target cannot be told.
int remofile_lstat(remofile_client *client,
                   const char *path,
                   remofile_metadata *metadata,
                   char (*target)[REMOFILE_PATH_BYTES],
                   remofile_error *error);

// Creates an empty file.
// @param flags REMOFILE_UPDATE: an existing file is no failure, and its time is set to now.
int remofile_create_file(remofile_client *client, const char *path, uint32_t flags, remofile_error *error);

// Creates a directory.
// @param flags REMOFILE_UPDATE: an existing one is no failure. REMOFILE_PARENTS: missing parents are made.
int remofile_make_directory(remofile_client *client, const char *path, uint32_t flags, remofile_error *error);

// Makes a symbolic link at a path.
// @param flags REMOFILE_REPLACE: a file in the way is replaced.
int remofile_make_link(remofile_client *client,
                       const char *path,
                       const char *target,
                       uint32_t flags,
                       remofile_error *error);

// Sets permission bits and time of a file or directory.
// @param mode Permission bits, of which those beyond 0777 (set-user-ID and the like) are not set; REMOFILE_NO_MODE leaves them.
// @param modified Its modified_seconds and modified_nanoseconds are set; NULL leaves the time.
// @return REMOFILE_BAD_ARGUMENT for a mode above 07777, and for nanoseconds that are a second or more.
int remofile_set_attributes(remofile_client *client,
                            const char *path,
                            uint32_t mode,
                            const remofile_metadata *modified,
                            remofile_error *error);

// Removes a file, a link or a directory.
// @param flags REMOFILE_RECURSIVE: a directory with what is in it.
// @param files Receives how many files, links and special files were removed; may be NULL.
// @param directories Receives how many directories were removed; may be NULL.
int remofile_remove(remofile_client *client,
                    const char *path,
                    uint32_t flags,
                    uint64_t *files,
                    uint64_t *directories,
                    remofile_error *error);

// Renames a file or directory at the server.
// @param flags REMOFILE_REPLACE: a file in the way is replaced.
int remofile_move(remofile_client *client,
                  const char *source,
                  const char *destination,
                  uint32_t flags,
                  remofile_error *error);

// Copies a file or directory at the server, without sending its content.
// @param flags REMOFILE_RECURSIVE, REMOFILE_PARENTS.
// @param on_conflict A REMOFILE_CONFLICT_ constant.
// @param report Receives what was copied; may be NULL.
// @return The code of the first file that could not be copied; the others are.
int remofile_copy(remofile_client *client,
                  const char *source,
                  const char *destination,
                  uint32_t flags,
                  uint32_t on_conflict,
                  remofile_report *report,
                  remofile_error *error);

// Makes a file of some content, at once and whole.
// @param data Its bytes; NULL if length is 0.
// @param flags REMOFILE_REPLACE: a file that is there is replaced.
int remofile_write_file(remofile_client *client,
                        const char *path,
                        const uint8_t *data,
                        size_t length,
                        uint32_t flags,
                        remofile_error *error);

// Lists a directory, an element at a time, sorted by name.
// @param flags REMOFILE_RECURSIVE: every directory is followed by what is in it.
// @param on_entry Called with each element, and with what could not be listed.
// @param user What that function gets as its first argument.
int remofile_list(remofile_client *client,
                  const char *path,
                  uint32_t flags,
                  remofile_on_entry on_entry,
                  void *user,
                  remofile_error *error);

// Has the server hash a file.
// @param algorithm A REMOFILE_HASH_ constant.
// @param hash Receives the hash in hexadecimal digits.
// @return REMOFILE_UNSUPPORTED by a server that cannot.
int remofile_hash(remofile_client *client,
                  const char *path,
                  uint32_t algorithm,
                  char (*hash)[REMOFILE_HASH_BYTES],
                  remofile_error *error);

// Has the server hash a file, or all files below a directory, one after the other as they are sorted in a listing.
// @param algorithm A REMOFILE_HASH_ constant.
// @param on_hash Called with each file, and with what could not be hashed.
// @param user What that function gets as its first argument.
// @return The code of what ended the call, or of the first file that could not be hashed; the others are.
int remofile_hashes(remofile_client *client,
                    const char *path,
                    uint32_t algorithm,
                    remofile_on_hash on_hash,
                    void *user,
                    remofile_error *error);

// Uploads files and directories into an existing remote directory, each under its own name. What cannot be uploaded does not
// keep the others from it.
// @param sources Paths of this machine, or shell patterns of such.
// @param count Number of the sources.
// @param destination The remote directory.
// @param options May be NULL.
// @param monitor The callbacks; may be NULL.
// @param report Receives what was moved, also if something failed; may be NULL.
// @return The code of what ended the upload, or of the first file that failed.
int remofile_upload(remofile_client *client,
                    const char *const *sources,
                    size_t count,
                    const char *destination,
                    const remofile_transfer_options *options,
                    const remofile_monitor *monitor,
                    remofile_report *report,
                    remofile_error *error);

// Downloads files and directories into an existing local directory, each under its own name. What cannot be downloaded does
// not keep the others from it.
// @param sources Remote paths, or shell patterns of such.
// @param count Number of the sources.
// @param destination The directory of this machine.
// @param options May be NULL.
// @param monitor The callbacks; may be NULL.
// @param report Receives what was moved, also if something failed; may be NULL.
// @return The code of what ended the download, or of the first file that failed.
int remofile_download(remofile_client *client,
                      const char *const *sources,
                      size_t count,
                      const char *destination,
                      const remofile_transfer_options *options,
                      const remofile_monitor *monitor,
                      remofile_report *report,
                      remofile_error *error);

// Makes a remote directory like a local one. It is created if its parent exists.
// @param source The directory of this machine.
// @param destination The remote directory.
// @param options May be NULL: then nothing is deleted.
// @param monitor The callbacks; may be NULL.
// @param report Receives what was moved, also if something failed; may be NULL.
// @return The code of what ended the sync, or of the first file that failed.
int remofile_sync_upload(remofile_client *client,
                         const char *source,
                         const char *destination,
                         const remofile_transfer_options *options,
                         const remofile_monitor *monitor,
                         remofile_report *report,
                         remofile_error *error);

// Makes a local directory like a remote one. It is created if its parent exists.
// @param source The remote directory.
// @param destination The directory of this machine.
// @param options May be NULL: then nothing is deleted.
// @param monitor The callbacks; may be NULL.
// @param report Receives what was moved, also if something failed; may be NULL.
// @return The code of what ended the sync, or of the first file that failed.
int remofile_sync_download(remofile_client *client,
                           const char *source,
                           const char *destination,
                           const remofile_transfer_options *options,
                           const remofile_monitor *monitor,
                           remofile_report *report,
                           remofile_error *error);

// Opens a remote file. It goes on when the client is closed, has its limits, and is closed for itself.
// @param flags REMOFILE_READ, REMOFILE_WRITE, REMOFILE_APPEND, REMOFILE_TRUNCATE, REMOFILE_CREATE, REMOFILE_CREATE_NEW,
// REMOFILE_FOLLOW, REMOFILE_STRICT.
// @param file Receives the handle, to be closed with remofile_close or remofile_abort; set to NULL if that fails.
int remofile_open(remofile_client *client,
                  const char *path,
                  uint32_t flags,
                  remofile_file **file,
                  remofile_error *error);

// Reads from the position, which moves.
// @param buffer Room for `length` bytes.
// @param count Receives how many bytes were read: fewer than `length` only at the end of the file, 0 if it is reached. A file
// that is followed gives what there is, and waits if that is nothing.
int remofile_read(remofile_file *file,
                  uint8_t *buffer,
                  size_t length,
                  size_t *count,
                  remofile_error *error);

// Reads from an offset; the position stays.
// @param offset Bytes before the first that is read.
// @param buffer Room for `length` bytes.
// @param count Receives how many bytes were read: fewer than `length` only at the end of the file. A file that is followed
// gives what there is, and waits if that is nothing.
int remofile_read_at(remofile_file *file,
                     uint64_t offset,
                     uint8_t *buffer,
                     size_t length,
                     size_t *count,
                     remofile_error *error);

// Writes at the position, which moves, or at the end of a file that is appended to. What is written is sent when there is enough
// of it, and with remofile_flush and remofile_close: a later call may return the error.
// @param count Receives how many bytes were taken, which is less than `length` only if that fails; may be NULL.
int remofile_write(remofile_file *file,
                   const uint8_t *data,
                   size_t length,
                   size_t *count,
                   remofile_error *error);

// Writes at an offset; the position stays.
// @param offset Bytes before the first that is written. A file that is appended to takes none.
// @param count Receives how many bytes were taken, which is less than `length` only if that fails; may be NULL.
int remofile_write_at(remofile_file *file,
                      uint64_t offset,
                      const uint8_t *data,
                      size_t length,
                      size_t *count,
                      remofile_error *error);

// Moves the position.
// @param whence SEEK_SET, SEEK_CUR or SEEK_END of stdio.h.
// @param position Receives the new position in bytes; may be NULL.
int remofile_seek(remofile_file *file, int64_t offset, int whence, uint64_t *position, remofile_error *error);

// Tells the size of a file in bytes, with what was written and not sent yet.
int remofile_size(remofile_file *file, uint64_t *size, remofile_error *error);

// Cuts a file, or makes it longer by zeros. The position stays.
int remofile_truncate(remofile_file *file, uint64_t size, remofile_error *error);

// Sends the bytes that wait. Nobody sees those of a file that is written anew before it is closed.
int remofile_flush(remofile_file *file, remofile_error *error);

// Sends the bytes that wait and closes a file; one that was written anew becomes visible.
// @return If it fails, the file stays open: try again, or remofile_abort.
int remofile_close(remofile_file *file, remofile_error *error);

// Closes a file without the bytes that wait. Nothing remains of one that is written anew.
int remofile_abort(remofile_file *file, remofile_error *error);

// Ends the call that runs with a file, from any thread: it returns REMOFILE_INTERRUPTED. It is not for signal handlers.
// @return REMOFILE_NOT_RUNNING if there is no such call.
int remofile_file_cancel(remofile_file *file, remofile_error *error);

// Starts a server on a thread of its own. Clients may connect when this returns.
// @param options Root, token and more; copied.
// @param server Receives the handle, to be closed with remofile_server_stop; set to NULL if that fails.
int remofile_server_start(const remofile_server_options *options, remofile_server **server, remofile_error *error);

// Tells the port that a server listens on.
int remofile_server_port(remofile_server *server, uint16_t *port, remofile_error *error);

// Stops a server, waits for its end and closes it. Its clients get a reason.
// @return What ended it if that was an error; it is closed all the same.
int remofile_server_stop(remofile_server *server, remofile_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REMOFILE_H */
