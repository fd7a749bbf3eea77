//! Requests with one answer.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::{asking, with};
use crate::edge::call;
use crate::entries::remote;
use crate::fault::Fault;
use crate::flags::{self, check};
use crate::pointers::{Bytes, In, Out, Text};
use crate::reports::tell_report;
use crate::texts::copy_text;
use crate::types::{self, Client, ErrorDetails, Metadata, Report};
use remofile::CopyOptions;
use remofile::protocol::wire::Timestamp;
use std::ffi::{c_char, c_int};

/// Tells what a path names. Links that stay inside the root directory are followed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_stat(
    client: *mut Client,
    path: *const c_char,
    metadata: *mut Metadata,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, out, error) = unsafe { (Text::of(path, "path"), Out::of(metadata), Out::of(error)) };
    call(error, || {
        let (told, path) = (out.get()?, remote(path.get()?)?);
        *told = crate::entries::metadata(&asking(client, |client| client.stat(&path))?);
        Ok(())
    })
}

/// Tells what a path names itself: a link is not followed.
/// @param target Room for the target of a link, REMOFILE_PATH_BYTES bytes; may be NULL. Empty for anything but a link, and where
/// the target cannot be told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_lstat(
    client: *mut Client,
    path: *const c_char,
    metadata: *mut Metadata,
    target: *mut [c_char; types::REMOFILE_PATH_BYTES],
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, out, target, error) =
        unsafe { (Text::of(path, "path"), Out::of(metadata), Out::of(target), Out::of(error)) };
    call(error, || {
        let (told, path) = (out.get()?, remote(path.get()?)?);
        let looked = asking(client, |client| client.lstat(&path))?;
        *told = crate::entries::metadata(&looked.entry);
        let mut text = [0; types::REMOFILE_PATH_BYTES];
        copy_text(&mut text, looked.target.as_deref().unwrap_or_default());
        target.put(text);
        Ok(())
    })
}

/// Creates an empty file.
/// @param flags REMOFILE_UPDATE: an existing file is no failure, and its time is set to now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_create_file(
    client: *mut Client,
    path: *const c_char,
    flags: u32,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, error) = unsafe { (Text::of(path, "path"), Out::of(error)) };
    call(error, || {
        let (path, flags) = (remote(path.get()?)?, check(flags, flags::REMOFILE_UPDATE)?);
        with(client, |client, _| Ok(client.create_file(&path, flags.has(flags::REMOFILE_UPDATE))?))
    })
}

/// Creates a directory.
/// @param flags REMOFILE_UPDATE: an existing one is no failure. REMOFILE_PARENTS: missing parents are made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_make_directory(
    client: *mut Client,
    path: *const c_char,
    flags: u32,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, error) = unsafe { (Text::of(path, "path"), Out::of(error)) };
    call(error, || {
        let path = remote(path.get()?)?;
        let flags = check(flags, flags::REMOFILE_UPDATE | flags::REMOFILE_PARENTS)?;
        let (update, parents) = (flags.has(flags::REMOFILE_UPDATE), flags.has(flags::REMOFILE_PARENTS));
        with(client, |client, _| Ok(client.make_directory(&path, update, parents)?))
    })
}

/// Makes a symbolic link at a path.
/// @param flags REMOFILE_REPLACE: a file in the way is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_make_link(
    client: *mut Client,
    path: *const c_char,
    target: *const c_char,
    flags: u32,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, target, error) = unsafe { (Text::of(path, "path"), Text::of(target, "target"), Out::of(error)) };
    call(error, || {
        let (path, target) = (remote(path.get()?)?, target.get()?);
        let flags = check(flags, flags::REMOFILE_REPLACE)?;
        with(client, |client, _| Ok(client.make_link(&path, target, flags.has(flags::REMOFILE_REPLACE))?))
    })
}

/// Sets permission bits and time of a file or directory.
/// @param mode Permission bits, of which those beyond 0777 (set-user-ID and the like) are not set; REMOFILE_NO_MODE leaves them.
/// @param modified Its modified_seconds and modified_nanoseconds are set; NULL leaves the time.
/// @return REMOFILE_BAD_ARGUMENT for a mode above 07777, and for nanoseconds that are a second or more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_set_attributes(
    client: *mut Client,
    path: *const c_char,
    mode: u32,
    modified: *const Metadata,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, modified, error) = unsafe { (Text::of(path, "path"), In::of(modified), Out::of(error)) };
    call(error, || {
        let path = remote(path.get()?)?;
        let mode = Some(mode).filter(|mode| *mode != types::REMOFILE_NO_MODE).map(permissions).transpose()?;
        let modified = modified.optional()?.map(time).transpose()?;
        with(client, |client, _| Ok(client.set_attributes(&path, mode, modified)?))
    })
}

/// The mode of `struct stat` has the type of the file as well: who passes all of it may mean something else.
fn permissions(mode: u32) -> Result<u32, Fault> {
    let wrong = || Fault::argument(format!("a mode is permission bits, 0 to 07777, not 0{mode:o}"));
    (mode <= 0o7777).then_some(mode).ok_or_else(wrong)
}

fn time(given: &Metadata) -> Result<Timestamp, Fault> {
    let (seconds, nanoseconds) = (given.modified_seconds, given.modified_nanoseconds);
    let wrong = || Fault::argument(format!("nanoseconds of a time are 0 to 999999999, not {nanoseconds}"));
    (nanoseconds < 1_000_000_000).then(|| Timestamp::new(seconds, nanoseconds)).ok_or_else(wrong)
}

/// Removes a file, a link or a directory.
/// @param flags REMOFILE_RECURSIVE: a directory with what is in it.
/// @param files Receives how many files, links and special files were removed; may be NULL.
/// @param directories Receives how many directories were removed; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_remove(
    client: *mut Client,
    path: *const c_char,
    flags: u32,
    files: *mut u64,
    directories: *mut u64,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, files, directories, error) =
        unsafe { (Text::of(path, "path"), Out::of(files), Out::of(directories), Out::of(error)) };
    call(error, || {
        let (path, flags) = (remote(path.get()?)?, check(flags, flags::REMOFILE_RECURSIVE)?);
        let removed = with(client, |client, _| Ok(client.remove(&path, flags.has(flags::REMOFILE_RECURSIVE))?))?;
        files.put(removed.files);
        directories.put(removed.directories);
        Ok(())
    })
}

/// Renames a file or directory at the server.
/// @param flags REMOFILE_REPLACE: a file in the way is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_move(
    client: *mut Client,
    source: *const c_char,
    destination: *const c_char,
    flags: u32,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (source, destination, error) =
        unsafe { (Text::of(source, "source"), Text::of(destination, "destination"), Out::of(error)) };
    call(error, || {
        let (source, destination) = (remote(source.get()?)?, remote(destination.get()?)?);
        let flags = check(flags, flags::REMOFILE_REPLACE)?;
        with(client, |client, _| Ok(client.rename(&source, &destination, flags.has(flags::REMOFILE_REPLACE))?))
    })
}

/// Copies a file or directory at the server, without sending its content.
/// @param flags REMOFILE_RECURSIVE, REMOFILE_PARENTS.
/// @param on_conflict A REMOFILE_CONFLICT_ constant.
/// @param report Receives what was copied; may be NULL.
/// @return The code of the first file that could not be copied; the others are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_copy(
    client: *mut Client,
    source: *const c_char,
    destination: *const c_char,
    flags: u32,
    on_conflict: u32,
    report: *mut Report,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (source, destination, report, error) =
        unsafe { (Text::of(source, "source"), Text::of(destination, "destination"), Out::of(report), Out::of(error)) };
    call(error, || {
        let report = report.optional()?;
        let (source, destination) = (remote(source.get()?)?, remote(destination.get()?)?);
        let flags = check(flags, flags::REMOFILE_RECURSIVE | flags::REMOFILE_PARENTS)?;
        let options = CopyOptions {
            recursive: flags.has(flags::REMOFILE_RECURSIVE),
            on_conflict: flags::on_conflict(on_conflict)?,
            parents: flags.has(flags::REMOFILE_PARENTS),
            ..CopyOptions::default()
        };
        let copied = with(client, |client, _| Ok(client.copy(&source, &destination, options)?))?;
        tell_report(report, copied, 0)
    })
}

/// Makes a file of some content, at once and whole.
/// @param data Its bytes; NULL if length is 0.
/// @param flags REMOFILE_REPLACE: a file that is there is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_write_file(
    client: *mut Client,
    path: *const c_char,
    data: *const u8,
    length: usize,
    flags: u32,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, data, error) = unsafe { (Text::of(path, "path"), Bytes::of(data, length), Out::of(error)) };
    call(error, || {
        let (path, data, flags) = (remote(path.get()?)?, data.get()?, check(flags, flags::REMOFILE_REPLACE)?);
        with(client, |client, _| Ok(client.write_file(&path, data, flags.has(flags::REMOFILE_REPLACE))?))
    })
}
