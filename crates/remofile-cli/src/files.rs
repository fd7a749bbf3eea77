//! The few files that the command itself reads: secrets, the configuration, rules and lists.

use rustix::fs::{Dir, DirEntry, FileType, Mode, OFlags, fstat, open, openat};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes read of any of them but a list.
const MAX_BYTES: u64 = 256 * 1024;

/// Most bytes read of a list: some millions of paths.
const MAX_LIST_BYTES: u64 = 256 * 1024 * 1024;

/// A text file, wiped when dropped.
pub(crate) struct TextFile {
    /// The content.
    pub(crate) text: Zeroizing<String>,
    /// True if others than its owner may read or write it.
    pub(crate) open_to_others: bool,
}

/// Reads a text file of moderate size.
pub(crate) fn read(path: &Path) -> io::Result<TextFile> {
    let descriptor = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&descriptor)?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let text = read_text(File::from(descriptor))?;
    Ok(TextFile { text, open_to_others: is_file && stat.st_mode & 0o066 != 0 })
}

/// Reads rules, a text of moderate size; `-` is standard input.
pub(crate) fn read_rules(path: &Path) -> io::Result<Zeroizing<String>> {
    if path == Path::new("-") { read_text(io::stdin().lock()) } else { read(path).map(|file| file.text) }
}

fn read_text(file: impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => io::Error::other("it is not UTF-8"),
        _ => error,
    })?;
    if length as u64 > MAX_BYTES { Err(too_large()) } else { Ok(text) }
}

/// Reads a list, which may be long; `-` is standard input.
pub(crate) fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = if path == Path::new("-") {
        io::stdin().lock().take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?
    } else {
        let descriptor = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        File::from(descriptor).take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?
    };
    if length as u64 > MAX_LIST_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// Reports whether a directory has so few entries at most, and no directory among them.
pub(crate) fn are_few(directory: &Path, most: usize) -> bool {
    let opened = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let Ok(mut entries) = opened.and_then(Dir::new) else { return false };
    let is_own = |name: &CStr| matches!(name.to_bytes(), b"." | b"..");
    let is_file = |entry: &DirEntry| matches!(entry.file_type(), FileType::RegularFile | FileType::Symlink);
    let others = entries.by_ref().filter_map(Result::ok).filter(|entry| !is_own(entry.file_name()));
    let (mut count, mut is_plain) = (0, true);
    for entry in others.take(most + 1) {
        (count, is_plain) = (count + 1, is_plain && is_file(&entry));
    }
    is_plain && count <= most
}

/// Opens a file to read it.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    Ok(File::from(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
}

/// Opens a file that is there, to write to it.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    Ok(File::from(open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?))
}

/// Writes a file that anybody may read, in place of what has its path.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    File::from(open(path, flags, Mode::from_raw_mode(0o666))?).write_all(text.as_bytes())
}

/// Opens a file in a directory that is open, to read it.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "directories of /proc are read so"))]
pub(crate) fn open_to_read_at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<File> {
    Ok(File::from(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "it is too large for what it should be")
}
