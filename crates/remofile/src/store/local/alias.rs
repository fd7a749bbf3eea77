//! The staging directory, by whatever name it is reached.
//!
//! A file system may take other names for the same: of other case, with characters that it folds or ignores
//! (`.remoﬁle`), or short ones that it made itself (`REMOFI~1`). No list of such names is complete, so what a
//! name leads to is compared with the staging directory itself. The names that can be no other are told first,
//! without a look at the disk.

use super::discard::discard_staging;
use crate::store::STAGING_NAME;
use crate::store::system;
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

/// Reports whether a name in the root leads to the staging directory.
pub(super) fn is_staging(root: BorrowedFd<'_>, name: &[u8]) -> bool {
    name == STAGING_NAME.as_bytes() || (may_be_alias(name) && leads_to_staging(root, name))
}

/// Reports whether a name in the root would lead to the staging directory if there were one. To find out, the
/// directory is made for a moment.
pub(super) fn would_be_staging(root: BorrowedFd<'_>, name: &[u8]) -> bool {
    if is_staging(root, name) {
        return true;
    }
    if !may_be_alias(name) || system::mkdirat(root, STAGING_NAME, Mode::RWXU).is_err() {
        // If there is one already the name was compared; if there can be none there is nothing to protect.
        return false;
    }
    let is_alias = leads_to_staging(root, name);
    // If another process uses it by now it is not empty, and stays.
    discard_staging(root);
    is_alias
}

fn leads_to_staging(root: BorrowedFd<'_>, name: &[u8]) -> bool {
    let identity = |name: &[u8]| -> Result<_, Errno> {
        let stat = system::statat(root, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((stat.st_dev, stat.st_ino))
    };
    identity(STAGING_NAME.as_bytes()).is_ok_and(|staging| identity(name) == Ok(staging))
}

/// Reports whether some file system might take the name for that of the staging directory. ASCII letters are never
/// ignored, and are folded to nothing but each other.
fn may_be_alias(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return true };
    if name.contains('~') {
        return true; // A short name.
    }
    // Some ignore what follows a colon, and dots and spaces at the end.
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    if name.is_ascii() {
        return name.eq_ignore_ascii_case(STAGING_NAME);
    }
    let mut letters = STAGING_NAME.chars();
    name.chars().filter(char::is_ascii).all(|own| letters.any(|letter| letter == own.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_lead_to_the_staging_directory_is_compared_with_it() {
        for name in [
            ".REMOFILE",
            ".Remofile",
            ".remofile.",
            ".remofile. .",
            ".remofile::$INDEX_ALLOCATION",
            ".remo\u{fb01}le",
            ".remo\u{200c}file",
            ".rem\u{ff4f}file",
            "\u{ff0e}\u{ff52}\u{ff45}\u{ff4d}\u{ff4f}\u{ff46}\u{ff49}\u{ff4c}\u{ff45}",
            "REMOFI~1",
        ] {
            assert!(may_be_alias(name.as_bytes()), "{name}");
        }
        for name in ["remofile", ".remofiles", ".remofil", "a", ".git", "photos", "été", "notes.txt"] {
            assert!(!may_be_alias(name.as_bytes()), "{name}");
        }
    }
}
