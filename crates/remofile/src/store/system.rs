//! The system calls of the store. Each is made again when a signal interrupts it.
//!
//! In tests any single one of them can be made to fail, see [`super::system_faults`].

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, Dir, DirEntry, FlockOperation, Gid, Mode, OFlags, RenameFlags, SeekFrom, Stat, Timestamps, Uid,
};
use rustix::io::Errno;
use rustix::path::Arg;

type Result<T> = std::result::Result<T, Errno>;

pub(super) fn openat(directory: impl AsFd, name: impl Arg + Copy, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    call("openat", || rustix::fs::openat(&directory, name, flags, mode))
}

#[cfg(target_os = "linux")]
pub(super) fn openat2(
    directory: impl AsFd,
    path: impl Arg + Copy,
    flags: OFlags,
    mode: Mode,
    resolve: rustix::fs::ResolveFlags,
) -> Result<OwnedFd> {
    call("openat2", || rustix::fs::openat2(&directory, path, flags, mode, resolve))
}

pub(super) fn fstat(file: impl AsFd) -> Result<Stat> {
    call("fstat", || rustix::fs::fstat(&file))
}

pub(super) fn statat(directory: impl AsFd, name: impl Arg + Copy, flags: AtFlags) -> Result<Stat> {
    call("statat", || rustix::fs::statat(&directory, name, flags))
}

pub(super) fn readlinkat(directory: impl AsFd, name: impl Arg + Copy) -> Result<std::ffi::CString> {
    call("readlinkat", || rustix::fs::readlinkat(&directory, name, Vec::new()))
}

pub(super) fn mkdirat(directory: impl AsFd, name: impl Arg + Copy, mode: Mode) -> Result<()> {
    call("mkdirat", || rustix::fs::mkdirat(&directory, name, mode))
}

pub(super) fn symlinkat(target: impl Arg + Copy, directory: impl AsFd, name: impl Arg + Copy) -> Result<()> {
    call("symlinkat", || rustix::fs::symlinkat(target, &directory, name))
}

/// Makes a special file, where the system knows such.
#[cfg(target_os = "linux")]
pub(super) fn mknodat(
    directory: impl AsFd,
    name: impl Arg + Copy,
    kind: rustix::fs::FileType,
    mode: Mode,
    (major, minor): (u32, u32),
) -> Result<()> {
    let device = rustix::fs::makedev(major, minor);
    call("mknodat", || rustix::fs::mknodat(&directory, name, kind, mode, device))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn mknodat(
    _directory: impl AsFd,
    _name: impl Arg + Copy,
    _kind: rustix::fs::FileType,
    _mode: Mode,
    _device: (u32, u32),
) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

pub(super) fn linkat(
    from: impl AsFd,
    old: impl Arg + Copy,
    to: impl AsFd,
    new: impl Arg + Copy,
    flags: AtFlags,
) -> Result<()> {
    call("linkat", || rustix::fs::linkat(&from, old, &to, new, flags))
}

pub(super) fn renameat(from: impl AsFd, old: impl Arg + Copy, to: impl AsFd, new: impl Arg + Copy) -> Result<()> {
    call("renameat", || rustix::fs::renameat(&from, old, &to, new))
}

pub(super) fn renameat_with(
    from: impl AsFd,
    old: impl Arg + Copy,
    to: impl AsFd,
    new: impl Arg + Copy,
    flags: RenameFlags,
) -> Result<()> {
    call("renameat_with", || rustix::fs::renameat_with(&from, old, &to, new, flags))
}

pub(super) fn unlinkat(directory: impl AsFd, name: impl Arg + Copy, flags: AtFlags) -> Result<()> {
    call("unlinkat", || rustix::fs::unlinkat(&directory, name, flags))
}

pub(super) fn fchmod(file: impl AsFd, mode: Mode) -> Result<()> {
    call("fchmod", || rustix::fs::fchmod(&file, mode))
}

pub(super) fn chmodat(directory: impl AsFd, name: impl Arg + Copy, mode: Mode, flags: AtFlags) -> Result<()> {
    call("chmodat", || rustix::fs::chmodat(&directory, name, mode, flags))
}

pub(super) fn futimens(file: impl AsFd, times: &Timestamps) -> Result<()> {
    call("futimens", || rustix::fs::futimens(&file, times))
}

pub(super) fn utimensat(directory: impl AsFd, name: impl Arg + Copy, times: &Timestamps, flags: AtFlags) -> Result<()> {
    call("utimensat", || rustix::fs::utimensat(&directory, name, times, flags))
}

pub(super) fn ftruncate(file: impl AsFd, length: u64) -> Result<()> {
    call("ftruncate", || rustix::fs::ftruncate(&file, length))
}

pub(super) fn seek(file: impl AsFd, to: SeekFrom) -> Result<u64> {
    call("seek", || rustix::fs::seek(&file, to))
}

pub(super) fn flock(file: impl AsFd, operation: FlockOperation) -> Result<()> {
    call("flock", || rustix::fs::flock(&file, operation))
}

#[cfg(not(target_vendor = "apple"))]
pub(super) fn fsync(file: impl AsFd) -> Result<()> {
    call("fsync", || rustix::fs::fsync(&file))
}

#[cfg(not(target_vendor = "apple"))]
pub(super) fn fdatasync(file: impl AsFd) -> Result<()> {
    call("fdatasync", || rustix::fs::fdatasync(&file))
}

/// On Apple's systems `fsync` leaves data in the cache of the disk.
#[cfg(target_vendor = "apple")]
pub(super) fn fsync(file: impl AsFd) -> Result<()> {
    call("fsync", || rustix::fs::fcntl_fullfsync(&file))
}

#[cfg(target_vendor = "apple")]
pub(super) fn fdatasync(file: impl AsFd) -> Result<()> {
    fsync(file)
}

#[cfg(target_os = "linux")]
pub(super) fn syncfs(file: impl AsFd) -> Result<()> {
    call("syncfs", || rustix::fs::syncfs(&file))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync() {
    rustix::fs::sync();
}

#[cfg(target_os = "linux")]
pub(super) fn fadvise(
    file: impl AsFd,
    offset: u64,
    length: Option<std::num::NonZeroU64>,
    advice: rustix::fs::Advice,
) -> Result<()> {
    call("fadvise", || rustix::fs::fadvise(&file, offset, length, advice))
}

pub(super) fn fstatvfs(file: impl AsFd) -> Result<rustix::fs::StatVfs> {
    call("fstatvfs", || rustix::fs::fstatvfs(&file))
}

#[cfg(target_os = "linux")]
pub(super) fn fstatfs(file: impl AsFd) -> Result<rustix::fs::StatFs> {
    call("fstatfs", || rustix::fs::fstatfs(&file))
}

#[cfg(target_os = "linux")]
pub(super) fn statx(
    directory: impl AsFd,
    name: impl Arg + Copy,
    flags: AtFlags,
    wanted: rustix::fs::StatxFlags,
) -> Result<rustix::fs::Statx> {
    call("statx", || rustix::fs::statx(&directory, name, flags, wanted))
}

pub(super) fn fcntl_getfl(file: impl AsFd) -> Result<OFlags> {
    call("fcntl", || rustix::fs::fcntl_getfl(&file))
}

pub(super) fn fcntl_setfl(file: impl AsFd, flags: OFlags) -> Result<()> {
    call("fcntl", || rustix::fs::fcntl_setfl(&file, flags))
}

pub(super) fn duplicate(file: impl AsFd) -> Result<OwnedFd> {
    call("fcntl", || rustix::io::fcntl_dupfd_cloexec(&file, 0))
}

/// Opens a directory once more, to read the names in it.
pub(super) fn open_names(directory: impl AsFd) -> Result<Dir> {
    call("opendir", || Dir::read_from(&directory))
}

/// Returns the next name in a directory. The one call that is not made again by itself: a `Dir` that failed tells
/// of no more names from then on, as if they had come to an end. It has to be rewound.
pub(super) fn next_name(directory: &mut Dir) -> Result<Option<DirEntry>> {
    #[cfg(test)]
    super::system_faults::pass("readdir", 0)?;
    directory.read().transpose()
}

/// Reads some bytes; mostly as many as there is room for, if there are as many.
pub(super) fn read(file: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    let most = buffer.len();
    call_some("read", most, |count| rustix::io::read(&file, &mut buffer[..count]))
}

/// Reads some bytes at an offset, as [`read`] does.
pub(super) fn pread(file: impl AsFd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let most = buffer.len();
    call_some("pread", most, |count| rustix::io::pread(&file, &mut buffer[..count], offset))
}

/// Writes some bytes, mostly all of them.
pub(super) fn write(file: impl AsFd, bytes: &[u8]) -> Result<usize> {
    call_some("write", bytes.len(), |count| rustix::io::write(&file, &bytes[..count]))
}

/// Writes some bytes at an offset, as [`write`] does.
pub(super) fn pwrite(file: impl AsFd, bytes: &[u8], offset: u64) -> Result<usize> {
    call_some("pwrite", bytes.len(), |count| rustix::io::pwrite(&file, &bytes[..count], offset))
}

pub(super) fn fchown(file: impl AsFd, owner: Option<Uid>, group: Option<Gid>) -> Result<()> {
    call("fchown", || rustix::fs::fchown(&file, owner, group))
}

pub(super) fn chownat(
    directory: impl AsFd,
    name: impl Arg + Copy,
    owner: Option<Uid>,
    group: Option<Gid>,
    flags: AtFlags,
) -> Result<()> {
    call("chownat", || rustix::fs::chownat(&directory, name, owner, group, flags))
}

/// Reads the names of a file's extended attributes, each with a NUL behind it.
#[cfg(target_os = "linux")]
pub(super) fn flistxattr(file: impl AsFd, names: &mut [u8]) -> Result<usize> {
    call("flistxattr", || rustix::fs::flistxattr(&file, &mut *names))
}

#[cfg(target_os = "linux")]
pub(super) fn fgetxattr(file: impl AsFd, name: &str, value: &mut [u8]) -> Result<usize> {
    call("fgetxattr", || rustix::fs::fgetxattr(&file, name, &mut *value))
}

#[cfg(target_os = "linux")]
pub(super) fn fsetxattr(file: impl AsFd, name: &str, value: &[u8]) -> Result<()> {
    call("fsetxattr", || rustix::fs::fsetxattr(&file, name, value, rustix::fs::XattrFlags::empty()))
}

#[cfg(target_os = "linux")]
pub(super) fn fremovexattr(file: impl AsFd, name: &str) -> Result<()> {
    call("fremovexattr", || rustix::fs::fremovexattr(&file, name))
}

/// Makes a file that shares its room on the disk with another one.
#[cfg(target_os = "linux")]
pub(super) fn clone_file(file: impl AsFd, source: impl AsFd) -> Result<()> {
    call("ficlone", || rustix::fs::ioctl_ficlone(&file, &source))
}

/// Appends some bytes of another file, as [`write`] does, without moving them through this process.
#[cfg(target_os = "linux")]
pub(super) fn copy_range(file: impl AsFd, source: impl AsFd, offset: u64, length: usize) -> Result<usize> {
    call_some("copy_file_range", length, |count| {
        let mut offset = offset;
        rustix::fs::copy_file_range(&source, Some(&mut offset), &file, None, count)
    })
}

fn call<T>(name: &'static str, mut make: impl FnMut() -> Result<T>) -> Result<T> {
    call_some(name, 0, |_| make())
}

/// Makes a call about some bytes, `most` at most, again and again as long as signals interrupt it.
#[cfg_attr(not(test), expect(unused_variables, reason = "only tests tell calls apart"))]
fn call_some<T>(name: &'static str, most: usize, mut make: impl FnMut(usize) -> Result<T>) -> Result<T> {
    loop {
        #[cfg(test)]
        let made = super::system_faults::pass(name, most).and_then(&mut make);
        #[cfg(not(test))]
        let made = make(most);
        match made {
            Err(Errno::INTR) => {}
            made => return made,
        }
    }
}
