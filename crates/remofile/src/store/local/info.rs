//! The companion of a partial, which names the file and version that its bytes belong to.

use super::discard::discard;
use super::names::PartialNames;
use super::resolve;
use crate::store::system;
use minicbor::{Decode, Decoder, Encode};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Timestamp;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Format of the companion. One of another format is treated as missing.
const FORMAT: u8 = 1;
/// Longest companion, in bytes. A longer one was not written by this store: the longest path has a quarter of this.
const MOST_BYTES: usize = 64 * 1024;

/// The description of a partial: the file and the version that its bytes belong to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Info {
    #[n(0)]
    format: u8,
    /// Path of the destination.
    #[n(1)]
    pub(super) path: RemotePath,
    /// The size of the whole file.
    #[n(2)]
    pub(super) size: u64,
    /// Time at which the source was last modified.
    #[n(3)]
    pub(super) modified: Timestamp,
    /// The owner, to whom alone it is shown; `None` for those who see all.
    #[n(4)]
    pub(super) owner: Option<String>,
}

impl Info {
    pub(super) fn new(path: RemotePath, size: u64, modified: Timestamp, owner: Option<&str>) -> Self {
        Self { format: FORMAT, path, size, modified, owner: owner.map(str::to_owned) }
    }

    /// Returns the names of the partial.
    pub(super) fn names(&self) -> PartialNames {
        PartialNames::of(&self.path, self.owner.as_deref())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(bytes);
        let info: Self = decoder.decode().ok()?;
        (info.format == FORMAT && decoder.position() == bytes.len()).then_some(info)
    }
}

/// Replaces the companion of a partial, which the caller has locked and emptied: bytes of one version are never
/// found with the companion of another.
pub(super) fn write(staging: BorrowedFd<'_>, names: &PartialNames, info: &Info) -> Result<(), Errno> {
    match system::unlinkat(staging, &names.info, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let bytes = minicbor::to_vec(info).map_err(|_| Errno::INVAL)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = system::openat(staging, &names.info, flags, Mode::RUSR | Mode::WUSR)?;
    let written = write_all(&file, &bytes);
    if written.is_err() {
        discard(staging, &names.info);
    }
    written
}

fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match system::write(file, bytes)? {
            0 => return Err(Errno::IO),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// Reads the companion of a partial; `None` if there is none that makes sense.
///
/// # Errors
/// The error of the system if the name is a regular file that cannot be read.
pub(super) fn read(staging: BorrowedFd<'_>, names: &PartialNames) -> Result<Option<Info>, Errno> {
    let Some(file) = open_regular(staging, &names.info)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match system::read(&file, &mut buffer)? {
            0 => break,
            count if bytes.len() + count > MOST_BYTES => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    // Another file's information under this name would have its bytes end up in the wrong place.
    Ok(Info::parse(&bytes).filter(|info| info.names().info == names.info))
}

/// Opens a regular file for reading, and nothing that only looks like one; changes nothing about it.
pub(super) fn open_regular(staging: BorrowedFd<'_>, name: &str) -> Result<Option<OwnedFd>, Errno> {
    let is_regular = |mode| FileType::from_raw_mode(mode) == FileType::RegularFile;
    // Looked at first: opening a device may do something.
    match system::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if is_regular(stat.st_mode) => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    match resolve::open_one(staging, name.as_bytes(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
        Ok(file) => {
            let stat = system::fstat(&file)?;
            Ok(Some(file).filter(|_| is_regular(stat.st_mode)))
        }
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_nothing() {
        let info = Info::new(RemotePath::parse("/a/b").unwrap(), 5, Timestamp::new(-1, 7), None);
        let bytes = minicbor::to_vec(&info).unwrap();
        assert_eq!(Info::parse(&bytes), Some(info.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(Info::parse(&bytes[..cut]), None);
        }
        assert_eq!(Info::parse(&[&bytes[..], b"\0"].concat()), None);
        assert_eq!(Info::parse(&minicbor::to_vec(Info { format: 2, ..info }).unwrap()), None);
        assert_eq!(Info::parse(&[0x9f; 10_000]), None);
    }
}
