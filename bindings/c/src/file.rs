//! Open remote files.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::{Limits, with};
use crate::edge::call;
use crate::entries::remote;
use crate::fault::Fault;
use crate::flags::{self, Flags, check};
use crate::handles::{self, Handle};
use crate::place::{Place, Turn};
use crate::pointers::{Buffer, Bytes, Out, Text};
use crate::types::{Client, ErrorDetails, File};
use remofile::{OpenOptions, RemoteFile};
use std::ffi::{c_char, c_int};
use std::io::{Read, Seek, SeekFrom, Write};

/// The place of an open file.
pub(crate) struct FilePlace {
    place: Place<RemoteFile>,
    limits: Limits,
    /// True if reading waits at its end.
    is_followed: bool,
    appends: bool,
}

impl Handle for File {
    type Place = FilePlace;
    const NAME: &'static str = "remofile_file";
}

impl FilePlace {
    /// Takes the file for a call, within its limits.
    fn take(&self) -> Result<Turn<'_, RemoteFile>, Fault> {
        let mut turn = self.place.take()?;
        let interrupt = turn.interrupt();
        turn.object()?.set_limits(self.limits.timeout, self.limits.wait, interrupt);
        Ok(turn)
    }
}

/// Makes a call of a file.
fn with_file<T>(
    handle: *const File,
    body: impl FnOnce(&mut RemoteFile, &FilePlace) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let place = handles::get(handle)?;
    let mut turn = place.take()?;
    body(turn.object()?, &place)
}

/// Opens a remote file. It goes on when the client is closed, has its limits, and is closed for itself.
/// @param flags REMOFILE_READ, REMOFILE_WRITE, REMOFILE_APPEND, REMOFILE_TRUNCATE, REMOFILE_CREATE, REMOFILE_CREATE_NEW,
/// REMOFILE_FOLLOW, REMOFILE_STRICT.
/// @param file Receives the handle, to be closed with remofile_close or remofile_abort; set to NULL if that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_open(
    client: *mut Client,
    path: *const c_char,
    flags: u32,
    file: *mut *mut File,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, out, error) = unsafe { (Text::of(path, "path"), Out::of(file), Out::of(error)) };
    call(error, || {
        let out = out.required("file")?;
        out.put(std::ptr::null_mut());
        let path = remote(path.get()?)?;
        let flags = check(flags, OPEN_FLAGS)?;
        let limits = handles::get(client)?.limits();
        let file = with(client, |client, _| Ok(client.open(&path, options(flags))?))?;
        out.put(handles::open::<File>(FilePlace {
            place: Place::new(file),
            limits,
            is_followed: flags.has(flags::REMOFILE_FOLLOW),
            appends: flags.has(flags::REMOFILE_APPEND),
        })?);
        Ok(())
    })
}

const OPEN_FLAGS: u32 = flags::REMOFILE_READ
    | flags::REMOFILE_WRITE
    | flags::REMOFILE_APPEND
    | flags::REMOFILE_TRUNCATE
    | flags::REMOFILE_CREATE
    | flags::REMOFILE_CREATE_NEW
    | flags::REMOFILE_FOLLOW
    | flags::REMOFILE_STRICT;

fn options(flags: Flags) -> OpenOptions {
    OpenOptions::new()
        .read(flags.has(flags::REMOFILE_READ))
        .write(flags.has(flags::REMOFILE_WRITE))
        .append(flags.has(flags::REMOFILE_APPEND))
        .truncate(flags.has(flags::REMOFILE_TRUNCATE))
        .create(flags.has(flags::REMOFILE_CREATE))
        .create_new(flags.has(flags::REMOFILE_CREATE_NEW))
        .follow(flags.has(flags::REMOFILE_FOLLOW))
        .strict(flags.has(flags::REMOFILE_STRICT))
}

/// Reads from the position, which moves.
/// @param buffer Room for `length` bytes.
/// @param count Receives how many bytes were read: fewer than `length` only at the end of the file, 0 if it is reached. A file
/// that is followed gives what there is, and waits if that is nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_read(
    file: *mut File,
    buffer: *mut u8,
    length: usize,
    count: *mut usize,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (buffer, count, error) = unsafe { (Buffer::of(buffer, length), Out::of(count), Out::of(error)) };
    call(error, || {
        let count = count.required("count")?;
        count.put(0);
        let buffer = buffer.get()?;
        with_file(file, |file, place| read(file, buffer, place.is_followed, &count))
    })
}

/// Reads from an offset; the position stays.
/// @param offset Bytes before the first that is read.
/// @param buffer Room for `length` bytes.
/// @param count Receives how many bytes were read: fewer than `length` only at the end of the file. A file that is followed
/// gives what there is, and waits if that is nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_read_at(
    file: *mut File,
    offset: u64,
    buffer: *mut u8,
    length: usize,
    count: *mut usize,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (buffer, count, error) = unsafe { (Buffer::of(buffer, length), Out::of(count), Out::of(error)) };
    call(error, || {
        let count = count.required("count")?;
        count.put(0);
        let buffer = buffer.get()?;
        with_file(file, |file, place| at(file, offset, |file| read(file, buffer, place.is_followed, &count)))
    })
}

/// Fills a buffer, as far as the file goes. What was read before an error is told.
fn read(file: &mut RemoteFile, buffer: &mut [u8], is_followed: bool, count: &Out<'_, usize>) -> Result<(), Fault> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        let more = file.read(room)?;
        filled += more;
        count.put(filled);
        if more == 0 || is_followed {
            break;
        }
    }
    Ok(())
}

/// Does something at an offset; the position stays.
fn at<T>(
    file: &mut RemoteFile,
    offset: u64,
    body: impl FnOnce(&mut RemoteFile) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let before = file.position();
    file.seek(SeekFrom::Start(offset))?;
    let done = body(file);
    file.seek(SeekFrom::Start(before))?;
    done
}

/// Writes at the position, which moves, or at the end of a file that is appended to. What is written is sent when there is enough
/// of it, and with remofile_flush and remofile_close: a later call may return the error.
/// @param count Receives how many bytes were taken, which is less than `length` only if that fails; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_write(
    file: *mut File,
    data: *const u8,
    length: usize,
    count: *mut usize,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (data, count, error) = unsafe { (Bytes::of(data, length), Out::of(count), Out::of(error)) };
    call(error, || {
        count.put(0);
        let data = data.get()?;
        with_file(file, |file, _| write(file, data, &count))
    })
}

/// Writes at an offset; the position stays.
/// @param offset Bytes before the first that is written. A file that is appended to takes none.
/// @param count Receives how many bytes were taken, which is less than `length` only if that fails; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_write_at(
    file: *mut File,
    offset: u64,
    data: *const u8,
    length: usize,
    count: *mut usize,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (data, count, error) = unsafe { (Bytes::of(data, length), Out::of(count), Out::of(error)) };
    call(error, || {
        count.put(0);
        let data = data.get()?;
        with_file(file, |file, place| match place.appends {
            true => Err(Fault::argument("a file that is appended to is written at its end alone")),
            false => at(file, offset, |file| write(file, data, &count)),
        })
    })
}

fn write(file: &mut RemoteFile, data: &[u8], count: &Out<'_, usize>) -> Result<(), Fault> {
    let mut taken = 0;
    while let Some(rest) = data.get(taken..).filter(|rest| !rest.is_empty()) {
        let more = file.write(rest)?;
        if more == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into());
        }
        taken += more;
        count.put(taken);
    }
    Ok(())
}

/// Moves the position.
/// @param whence SEEK_SET, SEEK_CUR or SEEK_END of stdio.h.
/// @param position Receives the new position in bytes; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_seek(
    file: *mut File,
    offset: i64,
    whence: c_int,
    position: *mut u64,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (position, error) = unsafe { (Out::of(position), Out::of(error)) };
    call(error, || {
        let to = match (whence, u64::try_from(offset)) {
            (0, Ok(offset)) => SeekFrom::Start(offset),
            (1, _) => SeekFrom::Current(offset),
            (2, _) => SeekFrom::End(offset),
            _ => {
                return Err(Fault::argument(
                    "whence must be SEEK_SET with an offset of 0 or more, SEEK_CUR or SEEK_END",
                ));
            }
        };
        position.put(with_file(file, |file, _| Ok(file.seek(to)?))?);
        Ok(())
    })
}

/// Tells the size of a file in bytes, with what was written and not sent yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_size(file: *mut File, size: *mut u64, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (size, error) = unsafe { (Out::of(size), Out::of(error)) };
    call(error, || {
        let size = size.required("size")?;
        size.put(with_file(file, |file, _| Ok(file.size()?))?);
        Ok(())
    })
}

/// Cuts a file, or makes it longer by zeros. The position stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_truncate(file: *mut File, size: u64, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || with_file(file, |file, _| Ok(file.set_len(size)?)))
}

/// Sends the bytes that wait. Nobody sees those of a file that is written anew before it is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_flush(file: *mut File, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || with_file(file, |file, _| Ok(file.flush()?)))
}

/// Sends the bytes that wait and closes a file; one that was written anew becomes visible.
/// @return If it fails, the file stays open: try again, or remofile_abort.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_close(file: *mut File, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let place = handles::get(file)?;
        if !place.place.is_broken() {
            let mut turn = place.take()?;
            turn.object()?.try_close()?;
            drop(turn.remove());
        }
        handles::close(file)
    })
}

/// Closes a file without the bytes that wait. Nothing remains of one that is written anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_abort(file: *mut File, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let place = handles::get(file)?;
        if !place.place.is_broken()
            && let Some(file) = place.place.take()?.remove()
        {
            file.abort();
        }
        handles::close(file)
    })
}

/// Ends the call that runs with a file, from any thread: it returns REMOFILE_INTERRUPTED. It is not for signal handlers.
/// @return REMOFILE_NOT_RUNNING if there is no such call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_file_cancel(file: *mut File, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || handles::get(file)?.place.cancel())
}
