//! A file that lines are appended to, for years and beside programs that rotate it.

use super::system;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A file that is only appended to. It may be renamed or emptied by others meanwhile: what is appended goes to the end of
/// whatever it has then, and begins a line of its own: the last one of a full disk or a power failure may have no end.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: OwnedFd,
    /// True if the file had a line without an end when it was opened: what comes is no part of that.
    is_torn: bool,
    /// True if the last line that was appended has its end.
    ends_in_line: bool,
}

impl AppendFile {
    /// Opens a file to append to it. A missing one is created, with mode 600.
    ///
    /// # Errors
    /// If it cannot be opened, or if it is something that others may have put there: a symbolic link, a file of another
    /// user's (root's are fine), a file with a second name. Only regular files and devices are taken, since a pipe may
    /// keep its writer waiting for ever. Files of the system that take nothing, such as `/proc/version`, are told from others.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let file = open_checked(&path)?;
        Ok(Self { is_torn: is_torn(&file, &path), ends_in_line: true, file, path })
    }

    /// Returns the absolute path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reports whether it is a regular file, which can be rotated.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        fstat(&self.file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// Opens the path again: what has its name now is appended to from now on.
    ///
    /// # Errors
    /// As [`AppendFile::open`]. The file that is open stays open then.
    pub fn reopen(&mut self) -> io::Result<()> {
        let file = open_checked(&self.path)?;
        // A server that has confined itself may not read it, and knows of its own line without.
        self.is_torn =
            if are_same(&file, &self.file) { self.is_torn || !self.ends_in_line } else { is_torn(&file, &self.path) };
        (self.file, self.ends_in_line) = (file, true);
        Ok(())
    }

    /// Appends bytes, and returns how many of them: as with any file that may be all.
    ///
    /// # Errors
    /// Whatever the file system says, such as that the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_torn
            && fstat(&self.file).is_ok_and(|stat| stat.st_size > 0)
            && system::write(&self.file, b"\n")? == 0
        {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.is_torn = false;
        let count = system::write(&self.file, bytes)?;
        if let Some(last) = count.checked_sub(1).and_then(|last| bytes.get(last)) {
            self.ends_in_line = *last == b'\n';
        }
        Ok(count)
    }
}

fn are_same(one: &OwnedFd, other: &OwnedFd) -> bool {
    let place = |file| fstat(file).ok().map(|stat| (stat.st_dev, stat.st_ino));
    place(one).is_some_and(|place_of_one| place(other) == Some(place_of_one))
}

/// Reports whether a file ends in the middle of a line, as far as it may be read.
fn is_torn(file: &OwnedFd, path: &Path) -> bool {
    let Ok(stat) = fstat(file) else { return false };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return false;
    }
    let Some(last) = u64::try_from(stat.st_size).ok().and_then(|size| size.checked_sub(1)) else { return false };
    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(read) = system::openat(CWD, path, how, Mode::empty()) else { return false };
    let mut byte = [b'\n'];
    are_same(&read, file) && system::pread(&read, &mut byte, last).is_ok() && byte != [b'\n']
}

fn open_checked(path: &Path) -> io::Result<OwnedFd> {
    // Without NONBLOCK a named pipe without a reader would hold us up.
    let how = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::CLOEXEC
        | OFlags::NOCTTY;
    let file = system::openat(CWD, path, how, Mode::RUSR | Mode::WUSR).map_err(|error| match error {
        Errno::LOOP => io::Error::other("it is a symbolic link: name the file itself"),
        Errno::NXIO => io::Error::other("it is a pipe or a socket: name a regular file"),
        error => error.into(),
    })?;
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink > 1 => {
            return Err(io::Error::other("the file has a second name, a hard link: name another file"));
        }
        FileType::RegularFile | FileType::CharacterDevice => {}
        _ => return Err(io::Error::other("it is a pipe, a socket or a disk: name a regular file")),
    }
    if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
        let owner = stat.st_uid;
        return Err(io::Error::other(format!("the file belongs to another user (id {owner}): name another file")));
    }
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        // Root may open what nobody can write to.
        system::write(&file, &[]).map_err(|_| io::Error::other("nothing can be written to it: name another file"))?;
    }
    Ok(file)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mkfifoat};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_is_appended_goes_to_the_end_of_what_is_there_whoever_renames_or_empties_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("log"), directory.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let mut file = AppendFile::open(&path).unwrap();
        assert_eq!(file.append(b"one\n").unwrap(), 4);
        fs::rename(&path, &old).unwrap();
        file.append(b"two\n").unwrap();
        file.reopen().unwrap();
        file.append(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "before\none\ntwo\n");
        fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        file.append(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }

    #[test]
    fn what_is_appended_begins_a_line_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let append = |text: &str| AppendFile::open(&path).unwrap().append(text.as_bytes()).unwrap();
        fs::write(&path, "torn").unwrap();
        assert_eq!(append("one\n"), 4);
        append("two\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "torn\none\ntwo\n");
        // What was taken in part goes on where it ended, but for another file, or the same one anew.
        let mut file = AppendFile::open(&path).unwrap();
        file.append(b"th").unwrap();
        file.append(b"ree\nfo").unwrap();
        file.reopen().unwrap();
        file.append(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "torn\none\ntwo\nthree\nfo\nfour\n");
        file.append(b"fi").unwrap();
        fs::remove_file(&path).unwrap();
        file.reopen().unwrap();
        file.append(b"five\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "five\n");
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(AppendFile::open(&path).unwrap().is_regular());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn links_second_names_pipes_and_directories_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink(at("file"), at("link")).unwrap();
        assert!(AppendFile::open(&at("link")).unwrap_err().to_string().contains("symbolic link"));
        fs::hard_link(at("file"), at("second")).unwrap();
        assert!(AppendFile::open(&at("second")).unwrap_err().to_string().contains("second name"));
        mkfifoat(CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        assert!(AppendFile::open(&at("pipe")).unwrap_err().to_string().contains("pipe"));
        assert!(AppendFile::open(directory.path()).is_err());
        assert!(!AppendFile::open(Path::new("/dev/null")).unwrap().is_regular());
    }

    #[test]
    fn a_file_that_takes_nothing_is_refused_whoever_opens_it() {
        assert!(AppendFile::open(Path::new("/proc/version")).is_err());
    }

    #[test]
    fn what_cannot_be_opened_again_leaves_the_file_open_that_was() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("log"), directory.path().join("log.1"));
        let mut file = AppendFile::open(&path).unwrap();
        fs::rename(&path, &old).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(file.reopen().is_err());
        file.append(b"still\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "still\n");
    }
}
