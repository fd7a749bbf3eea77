//! Bytes that a program is still working on: in memory while they are few, then in a private temporary file.

use super::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// Most bytes that are kept in memory.
const MOST_IN_MEMORY: u64 = 1024 * 1024;

/// Names tried for the private directory before it is given up.
const NAMES_TRIED: u32 = 16;

/// A file without a name that anybody else needs to know. It goes when it is dropped.
#[derive(Debug)]
pub struct Scratch(Kept);

#[derive(Debug)]
enum Kept {
    Memory(Vec<u8>),
    File(Private),
}

/// A file in a directory of its own, which only its owner may enter.
#[derive(Debug)]
struct Private {
    file: OwnedFd,
    path: PathBuf,
    stays: bool,
}

impl Default for Scratch {
    fn default() -> Self {
        Self(Kept::Memory(Vec::new()))
    }
}

impl Scratch {
    /// Creates a scratch that is a private file of this name from the beginning. The name must not be a path.
    ///
    /// # Errors
    /// `no-space`, `permission-denied`, ... of the directory for temporary files.
    pub fn named(name: &str) -> StoreResult<Self> {
        Private::new(name).map(|private| Self(Kept::File(private)))
    }

    /// Lets the file stay, and returns its path.
    ///
    /// # Errors
    /// As [`Scratch::named`].
    pub fn keep(mut self) -> StoreResult<PathBuf> {
        let private = self.spill()?;
        private.stays = true;
        Ok(private.path.clone())
    }

    /// Reports whether no other file was put beside it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the directory is this store's own")]
    pub fn is_alone(&self) -> bool {
        match &self.0 {
            Kept::Memory(_) => true,
            Kept::File(private) => {
                let names = private.path.parent().map(std::fs::read_dir);
                names.is_some_and(|names| names.is_ok_and(|names| names.count() <= 1))
            }
        }
    }

    /// Returns its size in bytes.
    ///
    /// # Errors
    /// `disk-failure`, ...
    pub fn size(&self) -> StoreResult<u64> {
        match &self.0 {
            Kept::Memory(bytes) => Ok(bytes.len() as u64),
            Kept::File(private) => {
                let stat = rustix::fs::fstat(&private.file).map_err(failure)?;
                Ok(u64::try_from(stat.st_size).unwrap_or(0))
            }
        }
    }

    /// Reads from an offset. Returns the number of bytes read, which is 0 at the end.
    ///
    /// # Errors
    /// `disk-failure`, ...
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        match &self.0 {
            Kept::Memory(bytes) => {
                let left = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let count = left.len().min(buffer.len());
                buffer[..count].copy_from_slice(&left[..count]);
                Ok(count)
            }
            Kept::File(private) if i64::try_from(offset).is_ok() => {
                again(|| rustix::io::pread(&private.file, &mut *buffer, offset))
            }
            Kept::File(_) => Ok(0),
        }
    }

    /// Writes all bytes at an offset; what is between the end and them is zero.
    ///
    /// # Errors
    /// `no-space`, `file-too-large`, ...
    pub fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or_else(|| Failure::new(ErrorCode::FileTooLarge))?;
        if bytes.is_empty() {
            return Ok(());
        }
        if end > MOST_IN_MEMORY {
            self.spill()?;
        }
        match &mut self.0 {
            Kept::Memory(kept) => {
                // Both are at most what is kept in memory.
                let (start, end) = (offset as usize, end as usize);
                if kept.len() < end {
                    kept.resize(end, 0);
                }
                kept[start..end].copy_from_slice(bytes);
                Ok(())
            }
            Kept::File(private) => private.write_at(bytes, offset),
        }
    }

    /// Cuts it, or makes it longer by zeros.
    ///
    /// # Errors
    /// As [`Scratch::write_at`].
    pub fn set_length(&mut self, length: u64) -> StoreResult<()> {
        if i64::try_from(length).is_err() {
            return Err(Failure::new(ErrorCode::FileTooLarge));
        }
        if length > MOST_IN_MEMORY {
            self.spill()?;
        }
        match &mut self.0 {
            Kept::Memory(kept) => {
                kept.resize(length as usize, 0);
                Ok(())
            }
            Kept::File(private) => again(|| rustix::fs::ftruncate(&private.file, length)),
        }
    }

    /// Returns the path of a file by which it can be opened, with these permission bits.
    ///
    /// # Errors
    /// `no-space`, `permission-denied`, ... of the directory for temporary files.
    pub fn place(&mut self, mode: Option<u32>) -> StoreResult<&Path> {
        let private = self.spill()?;
        if let Some(mode) = mode {
            // Only reading needs the mode: it goes by the name, writing by the descriptor.
            let mode = Mode::from_raw_mode((mode & 0o777 | 0o400) as _);
            rustix::fs::fchmod(&private.file, mode).map_err(failure)?;
        }
        Ok(&private.path)
    }

    fn spill(&mut self) -> StoreResult<&mut Private> {
        if let Kept::Memory(bytes) = &mut self.0 {
            let private = Private::new("content")?;
            private.write_at(bytes, 0)?;
            self.0 = Kept::File(private);
        }
        match &mut self.0 {
            Kept::File(private) => Ok(private),
            Kept::Memory(_) => Err(Failure::new(ErrorCode::Other)),
        }
    }
}

impl Private {
    fn new(name: &str) -> StoreResult<Self> {
        let mut tried = 0;
        let directory = loop {
            let private = format!("remofile-{:016x}", RandomState::new().hash_one(0));
            let directory = std::env::temp_dir().join(private);
            match rustix::fs::mkdir(&directory, Mode::RWXU) {
                Ok(()) => break directory,
                Err(Errno::EXIST) if tried < NAMES_TRIED => tried += 1,
                Err(errno) => return Err(failure(errno)),
            }
        };
        let path = directory.join(name);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Ok(Self { file, path, stays: false }),
            Err(errno) => {
                let _left_behind = rustix::fs::rmdir(&directory);
                Err(failure(errno))
            }
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let mut written = 0;
        while written < bytes.len() {
            match again(|| rustix::io::pwrite(&self.file, &bytes[written..], offset + written as u64))? {
                0 => return Err(failure(Errno::IO)),
                count => written += count,
            }
        }
        Ok(())
    }
}

impl Drop for Private {
    #[expect(clippy::disallowed_methods, reason = "the directory is this store's own, and follows no links")]
    fn drop(&mut self) {
        if !self.stays
            && let Some(directory) = self.path.parent()
        {
            // With what others put beside it, such as an editor's backup. What cannot be removed is in the directory
            // for temporary files.
            let _left_behind = std::fs::remove_dir_all(directory);
        }
    }
}

fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> StoreResult<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(failure),
        }
    }
}

fn failure(errno: Errno) -> Failure {
    let code = match errno {
        Errno::NOSPC | Errno::DQUOT => ErrorCode::NoSpace,
        Errno::FBIG => ErrorCode::FileTooLarge,
        Errno::ACCESS | Errno::PERM => ErrorCode::PermissionDenied,
        Errno::ROFS => ErrorCode::ReadOnly,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => ErrorCode::OutOfResources,
        _ => ErrorCode::Other,
    };
    Failure::new(code).because(format!("a temporary file: {}", io::Error::from(errno)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_file_wherever_it_is_kept() {
        for far in [10, MOST_IN_MEMORY + 10] {
            let mut scratch = Scratch::default();
            scratch.write_at(b"abc", 2).unwrap();
            scratch.write_at(b"z", far).unwrap();
            let mut buffer = [9; 8];
            assert_eq!(scratch.read_at(&mut buffer, 0).unwrap(), 8);
            assert_eq!(&buffer, b"\0\0abc\0\0\0");
            assert_eq!(scratch.size().unwrap(), far + 1);
            scratch.set_length(3).unwrap();
            assert_eq!(scratch.read_at(&mut buffer, 1).unwrap(), 2);
            assert_eq!(scratch.read_at(&mut buffer, 100).unwrap(), 0);
            assert_eq!(scratch.write_at(b"x", u64::MAX).unwrap_err().code, ErrorCode::FileTooLarge);
        }
    }

    #[test]
    fn its_place_is_private_and_goes_with_it() {
        use std::os::unix::fs::PermissionsExt;
        let mut scratch = Scratch::default();
        scratch.write_at(b"abc", 0).unwrap();
        let path = scratch.place(Some(0o755)).unwrap().to_owned();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o755, 0o700));
        drop(scratch);
        assert!(!path.parent().unwrap().exists());
    }
}
