//! A second wall around the root directory: whatever the store's own jail might overlook, the kernel
//! still refuses. Only in our own server command, because it cannot be undone.

use ::landlock::{ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus};
use std::error::Error;
use std::path::Path;

/// The newest rules this was written for; an older kernel enforces those it knows.
const RULES: ABI = ABI::V5;

/// The outcome of confining the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// In every respect.
    Full,
    /// As far as this kernel knows how.
    Partial,
    /// This kernel has no Landlock, or it is switched off.
    None,
}

/// Confines the calling thread, and those it starts from now on, to what lies beneath `root`, and to removing files
/// beneath `removable`, if that is given. Files that are open stay open. A server needs nothing else: it resolves no
/// name, its log is in UTC, and what it has to know of the machine it reads before.
pub(crate) fn confine(root: &Path, removable: Option<&Path>) -> Result<Confinement, Box<dyn Error>> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(root)?, AccessFs::from_all(RULES)))?;
    if let Some(removable) = removable {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(removable)?, AccessFs::RemoveFile))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

#[cfg(test)]
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
        std::fs::write(&pidfile, "1").unwrap();
        symlink(outside.path(), root.path().join("leak")).unwrap();
        let (inner, outer) = (root.path().to_owned(), outside.path().to_owned());
        thread::spawn(move || {
            if confine(&inner, Some(pidfiles.path())).unwrap() == Confinement::None {
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
