//! A second wall around the root directory: whatever the store's own jail might overlook, the kernel
//! still refuses. Only in our own server command, because it cannot be undone.

use std::error::Error;
use std::path::{Path, PathBuf};

/// The outcome of confining the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// In every respect.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system has Landlock"))]
    Full,
    /// As far as this kernel knows how.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system has Landlock"))]
    Partial,
    /// This kernel has no Landlock, or it is switched off.
    None,
}

/// The directories beyond the root that a server has to do with.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system has Landlock"))]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beyond<'a> {
    /// The directory of its pidfile: files in it are removed.
    pub(crate) removable: Option<&'a Path>,
    /// The directories of its logs: files in these are made and written, not read, emptied, renamed or removed.
    pub(crate) appendable: &'a [PathBuf],
    /// The places of its tokens file and its options: these files, or files in these directories, are read, not listed
    /// or changed.
    pub(crate) readable: &'a [PathBuf],
    /// The directories of its tokens file, if other servers change the tokens as well: files in these are made,
    /// written, renamed and removed.
    pub(crate) replaceable: &'a [PathBuf],
}

/// Confines the calling thread, and those it starts from now on, to what lies beneath `root`, and to what is said of the
/// directories beyond. Files that are open stay open. A server needs nothing else: it resolves no
/// name, its log is in UTC, and what it has to know of the machine it reads before.
#[cfg(target_os = "linux")]
pub(crate) fn confine(root: &Path, beyond: &Beyond<'_>) -> Result<Confinement, Box<dyn Error>> {
    use ::landlock::{
        ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    };
    /// The newest rules this was written for; an older kernel enforces those it knows.
    const RULES: ABI = ABI::V5;

    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(root)?, AccessFs::from_all(RULES)))?;
    if let Some(removable) = beyond.removable {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(removable)?, AccessFs::RemoveFile))?;
    }
    for appendable in beyond.appendable {
        // No narrower rule lets a rotated log be opened again: it is a new file then.
        let access = AccessFs::WriteFile | AccessFs::MakeReg;
        rules = rules.add_rule(PathBeneath::new(PathFd::new(appendable)?, access))?;
    }
    for readable in beyond.readable {
        // No narrower rule lets a file be read that was replaced: it is a new one then.
        rules = rules.add_rule(PathBeneath::new(PathFd::new(readable)?, AccessFs::ReadFile))?;
    }
    for replaceable in beyond.replaceable {
        // The new file gets its name when it is complete, under a lock of the directory.
        let access = AccessFs::ReadFile
            | AccessFs::ReadDir
            | AccessFs::WriteFile
            | AccessFs::MakeReg
            | AccessFs::RemoveFile
            | AccessFs::Truncate;
        rules = rules.add_rule(PathBeneath::new(PathFd::new(replaceable)?, access))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

/// Confines nothing: only Linux has Landlock.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_root: &Path, _beyond: &Beyond<'_>) -> Result<Confinement, Box<dyn Error>> {
    Ok(Confinement::None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::thread;

    #[expect(clippy::disallowed_methods, reason = "the test tries what the kernel must refuse")]
    #[test]
    fn a_confined_thread_reaches_its_root_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let pidfiles = tempfile::tempdir().unwrap();
        let pidfile = pidfiles.path().join("daemon.pid");
        let logs = tempfile::tempdir().unwrap();
        let (log, log_directories) = (logs.path().join("log"), [logs.path().to_owned()]);
        std::fs::write(&log, "1").unwrap();
        std::fs::write(&pidfile, "1").unwrap();
        let tokens = tempfile::tempdir().unwrap();
        let (file, token_directories) = (tokens.path().join("tokens.toml"), [tokens.path().to_owned()]);
        std::fs::write(&file, "1").unwrap();
        symlink(outside.path(), root.path().join("leak")).unwrap();
        let (inner, outer) = (root.path().to_owned(), outside.path().to_owned());
        thread::spawn(move || {
            let beyond = Beyond {
                removable: Some(pidfiles.path()),
                appendable: &log_directories,
                readable: &token_directories,
                replaceable: &[],
            };
            if confine(&inner, &beyond).unwrap() == Confinement::None {
                // Not captured, so that it is seen.
                writeln!(std::io::stderr(), "skipped: this kernel has no Landlock").unwrap();
                return;
            }
            std::fs::write(inner.join("file"), "x").unwrap();
            std::fs::create_dir(inner.join("directory")).unwrap();
            std::fs::rename(inner.join("file"), inner.join("directory/file")).unwrap();
            assert!(std::fs::write(outer.join("file"), "x").is_err());
            assert!(std::fs::write(inner.join("leak/file"), "x").is_err());
            assert!(std::fs::read_dir(&outer).is_err());
            assert!(std::fs::read(&pidfile).is_err() && std::fs::write(pidfiles.path().join("new"), "x").is_err());
            std::fs::remove_file(&pidfile).unwrap();
            let append = || std::fs::File::options().append(true).create(true).open(&log).unwrap();
            append().write_all(b"2").unwrap();
            assert!(std::fs::read(&log).is_err() && std::fs::read_dir(logs.path()).is_err());
            assert!(std::fs::remove_file(&log).is_err() && std::fs::rename(&log, logs.path().join("log.1")).is_err());
            assert!(symlink("/etc", logs.path().join("link")).is_err());
            assert!(std::fs::create_dir(logs.path().join("directory")).is_err());
            assert_eq!(std::fs::read(&file).unwrap(), b"1");
            assert!(std::fs::write(&file, "2").is_err() && std::fs::remove_file(&file).is_err());
            assert!(
                std::fs::write(tokens.path().join("new"), "x").is_err() && std::fs::read_dir(tokens.path()).is_err()
            );
            for system in ["/etc/passwd", "/etc/hosts", "/proc/self/status", "/proc/self/environ", "/usr/bin/env"] {
                let kind = std::fs::read(system).err().map(|error| error.kind());
                assert_eq!(kind, Some(std::io::ErrorKind::PermissionDenied), "{system}");
            }
            assert!(std::fs::read_dir("/etc").is_err() && std::fs::read_dir("/").is_err());
        })
        .join()
        .unwrap();
    }
}
