//! A second wall around the root directory: whatever the store's own jail might overlook, the kernel
//! still refuses. Only in our own server command, because it cannot be undone.

use ::landlock::{ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus};
use std::error::Error;
use std::path::Path;

/// The newest rules this was written for; an older kernel enforces those it knows.
const RULES: ABI = ABI::V5;

/// What may be read besides the root directory: descriptors by their number, and system configuration.
const READABLE: [&str; 2] = ["/proc/self/fd", "/etc"];

/// Whether the wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// In every respect.
    Full,
    /// As far as this kernel knows how.
    Partial,
    /// This kernel has no Landlock, or it is switched off.
    None,
}

/// Confines the calling thread, and those it starts from now on, to what lies beneath `root`. Files
/// that are open stay open.
pub(crate) fn confine(root: &Path) -> Result<Confinement, Box<dyn Error>> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(root)?, AccessFs::from_all(RULES)))?;
    for path in READABLE {
        if let Ok(directory) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(directory, AccessFs::ReadFile | AccessFs::ReadDir))?;
        }
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
    use std::os::unix::fs::symlink;
    use std::thread;

    #[expect(clippy::disallowed_methods, reason = "the test tries what the kernel must refuse")]
    #[test]
    fn a_confined_thread_reaches_its_root_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.path().join("leak")).unwrap();
        let (inner, outer) = (root.path().to_owned(), outside.path().to_owned());
        thread::spawn(move || {
            if confine(&inner).unwrap() == Confinement::None {
                return;
            }
            std::fs::write(inner.join("file"), "x").unwrap();
            std::fs::create_dir(inner.join("directory")).unwrap();
            std::fs::rename(inner.join("file"), inner.join("directory/file")).unwrap();
            assert!(std::fs::write(outer.join("file"), "x").is_err());
            assert!(std::fs::write(inner.join("leak/file"), "x").is_err());
            assert!(std::fs::read_dir(&outer).is_err());
        })
        .join()
        .unwrap();
    }
}
