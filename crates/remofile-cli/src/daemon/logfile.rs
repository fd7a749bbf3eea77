//! The log file of a server in the background. It is opened with the caller's rights, perhaps root's, in a
//! directory that others may write to: what they planted there is not written to.

use crate::failed::{Failed, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fcntl_setfl, fstat, open, statat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Opens a log file to append to it. A missing one is created, with mode 600.
///
/// # Errors
/// If it cannot be opened, or is a link or a file of another user's (root's are fine), or has a second name.
pub(super) fn open_log(path: &Path) -> Result<OwnedFd> {
    let failed = |error: io::Error| Failed::file(path, error);
    // Without NONBLOCK a named pipe without a reader would hold us up.
    let how = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mode = Mode::RUSR | Mode::WUSR;
    let log = match open(path, how | OFlags::NOFOLLOW, mode) {
        Err(Errno::LOOP) => {
            let link = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed(error.into()))?;
            check_owner(&link, "the link").map_err(failed)?;
            open(path, how, mode)
        }
        opened => opened,
    };
    let log = log.map_err(|error| match error {
        Errno::NXIO => failed(io::Error::other("nobody reads from it (start its reader first)")),
        error => failed(error.into()),
    })?;
    let stat = fstat(&log).map_err(|error| failed(error.into()))?;
    check_owner(&stat, "the file").and_then(|()| check_names(&stat)).map_err(failed)?;
    check_room(&log, &stat).map_err(failed)?;
    fcntl_setfl(&log, OFlags::APPEND).map_err(|error| failed(error.into()))?;
    Ok(log)
}

fn check_owner(stat: &Stat, what: &str) -> io::Result<()> {
    if stat.st_uid == 0 || stat.st_uid == geteuid().as_raw() {
        return Ok(());
    }
    let owner = stat.st_uid;
    Err(io::Error::other(format!("{what} belongs to another user (id {owner}): name another log file")))
}

/// A second name may be what somebody else has given a file of ours, to have us write to it.
fn check_names(stat: &Stat) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink > 1 {
        return Err(io::Error::other("the file has a second name, a hard link: name another log file"));
    }
    Ok(())
}

/// Files of the system such as `/proc/version` can be opened by root, and take nothing.
fn check_room(log: &OwnedFd, stat: &Stat) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && rustix::io::write(log, &[]).is_err() {
        return Err(io::Error::other("nothing can be written to it: name another log file"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mkfifoat;
    use std::os::unix::fs::symlink;

    #[test]
    fn own_files_links_and_devices_are_logs() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("log"), directory.path().join("link"));
        open_log(&file).unwrap();
        symlink(&file, &link).unwrap();
        open_log(&link).unwrap();
        open_log(Path::new("/dev/null")).unwrap();
    }

    #[test]
    fn a_file_of_ours_under_a_second_name_is_no_log() {
        let directory = tempfile::tempdir().unwrap();
        let (file, second) = (directory.path().join("ours"), directory.path().join("log"));
        open_log(&file).unwrap();
        std::fs::hard_link(&file, &second).unwrap();
        assert!(open_log(&second).unwrap_err().message().contains("second name"));
    }

    #[test]
    fn a_file_that_takes_nothing_is_no_log() {
        assert!(open_log(Path::new("/proc/version")).is_err());
    }

    #[test]
    fn links_and_files_of_others_are_no_logs() {
        let mut stat = fstat(tempfile::tempfile().unwrap()).unwrap();
        for (owner, is_fine) in [(0, true), (geteuid().as_raw(), true), (geteuid().as_raw() + 1, false)] {
            stat.st_uid = owner;
            assert_eq!(check_owner(&stat, "the link").is_ok(), is_fine, "{owner}");
        }
    }

    #[test]
    fn a_planted_pipe_does_not_hold_the_server_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("log");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(open_log(&pipe).unwrap_err().message().contains("nobody reads from it"));
    }
}
