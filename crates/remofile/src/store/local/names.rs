//! The names in a directory, kept compactly, and the names that are the store's own.

use crate::store::{StoreResult, system};
use remofile_protocol::digest::digest;
use remofile_protocol::path::{NameRule, RemotePath, encode_name};
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::BorrowedFd;
use rustix::fs::{Dir, FileType};
use rustix::io::Errno;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::errors;

/// Prefix of the name of a file that had to be staged beside its destination.
const BESIDE_PREFIX: &[u8] = b".remofile-";
/// Suffix of the names of files that live only as long as one upload.
const TEMPORARY_SUFFIX: &str = ".temporary";
/// Suffix of the names of partials.
const PARTIAL_SUFFIX: &str = ".partial";
/// Suffix of the names of companions, which describe partials.
const INFO_SUFFIX: &str = ".info";
/// Suffix of the names of records, which tell that files wait for a flush.
const RECORD_SUFFIX: &str = ".record";
/// Prefix of the names that directories have while the tree they are in is removed.
const LIFTED_PREFIX: &str = "remofile-removal-";
/// Hexadecimal digits in a name that the store made.
const DIGITS: usize = 32;

/// All names in a directory, sorted by their bytes; some 10 bytes a name beside the name itself.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Clone, Copy)]
struct Item {
    start: u32,
    length: u16,
    is_directory: Option<bool>,
}

impl Names {
    /// Reads a directory to its end. `.` and `..` are left out.
    pub(super) fn read(directory: BorrowedFd<'_>) -> StoreResult<Self> {
        Self::read_all(system::open_names(directory).map_err(errors::failure)?)
    }

    /// Reads a directory that was just opened, from where its descriptor stands. It is not opened a second time, since
    /// Landlock goes up all levels above it each time.
    pub(super) fn read_opened(directory: BorrowedFd<'_>) -> StoreResult<Self> {
        let same = system::duplicate(directory).map_err(errors::failure)?;
        Self::read_all(Dir::new(same).map_err(errors::failure)?)
    }

    fn read_all(mut reader: Dir) -> StoreResult<Self> {
        let mut names = Self::default();
        loop {
            match system::next_name(&mut reader) {
                Ok(Some(item)) => {
                    let name = item.file_name().to_bytes();
                    if name != b"." && name != b".." {
                        names.push(name, item.file_type())?;
                    }
                }
                Ok(None) => break,
                Err(Errno::INTR) => {
                    reader.rewind();
                    names = Self::default();
                }
                Err(errno) => return Err(errors::failure(errno)),
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.items.capacity() * size_of::<Item>()
    }

    fn push(&mut self, name: &[u8], file_type: FileType) -> StoreResult<()> {
        let (Ok(start), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) else {
            return Err(Failure::new(ErrorCode::OutOfResources).because("the directory has too many names"));
        };
        let is_directory = match file_type {
            FileType::Directory => Some(true),
            FileType::Unknown => None,
            _ => Some(false),
        };
        self.bytes.extend_from_slice(name);
        self.items.push(Item { start, length, is_directory });
        Ok(())
    }

    fn sort(&mut self) {
        let Self { bytes, items } = self;
        items.sort_unstable_by(|left, right| text(bytes, *left).cmp(text(bytes, *right)));
    }

    /// Sorts them by what they encode to, as paths are sorted.
    pub(super) fn sort_encoded(&mut self, rule: NameRule) {
        let Self { bytes, items } = self;
        let is_other = |item: &Item| matches!(encode_name(text(bytes, *item), rule), Cow::Owned(_));
        if items.iter().any(is_other) {
            items.sort_by_cached_key(|item| encode_name(text(bytes, *item), rule).into_owned());
        }
    }

    /// Reports whether a directory may be among them.
    pub(super) fn may_have_directories(&self) -> bool {
        self.items.iter().any(|item| item.is_directory != Some(false))
    }

    /// Returns the name at an index, and whether it is a directory if the file system told.
    pub(super) fn at(&self, index: usize) -> Option<(&[u8], Option<bool>)> {
        let item = *self.items.get(index)?;
        Some((text(&self.bytes, item), item.is_directory))
    }
}

fn text(bytes: &[u8], item: Item) -> &[u8] {
    let start = item.start as usize;
    &bytes[start..start + usize::from(item.length)]
}

/// The names of a partial in the staging directory: every destination has one of each owner.
pub(super) struct PartialNames {
    /// Of the file with the bytes.
    pub(super) bytes: String,
    /// Of the companion that says which file the bytes belong to.
    pub(super) info: String,
}

impl PartialNames {
    /// Those of the partial of a path, of an owner if it has one.
    pub(super) fn of(path: &RemotePath, owner: Option<&str>) -> Self {
        match owner {
            None => Self::with(&hexadecimal(path.as_str().as_bytes())),
            // No path has a zero byte in it.
            Some(owner) => Self::with(&hexadecimal(format!("{path}\0{owner}").as_bytes())),
        }
    }

    /// Returns the names of a partial, from that of its bytes.
    pub(super) fn from_bytes(name: &[u8]) -> Option<Self> {
        digits_before(name, PARTIAL_SUFFIX).map(Self::with)
    }

    /// Returns the names of a partial, from that of its companion.
    pub(super) fn from_info(name: &[u8]) -> Option<Self> {
        digits_before(name, INFO_SUFFIX).map(Self::with)
    }

    fn with(digits: &str) -> Self {
        Self { bytes: format!("{digits}{PARTIAL_SUFFIX}"), info: format!("{digits}{INFO_SUFFIX}") }
    }
}

fn digits_before<'name>(name: &'name [u8], suffix: &str) -> Option<&'name str> {
    let digits = std::str::from_utf8(name.strip_suffix(suffix.as_bytes())?).ok()?;
    let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_ours.then_some(digits)
}

/// Returns a name that no other file in the staging directory has.
pub(super) fn temporary_name() -> String {
    format!("{}{TEMPORARY_SUFFIX}", unused_digits())
}

/// Reports whether a name was made by [`temporary_name`].
pub(super) fn is_temporary(name: &str) -> bool {
    digits_before(name.as_bytes(), TEMPORARY_SUFFIX).is_some()
}

/// Returns a name that no other record of unflushed files has.
pub(super) fn record_name() -> String {
    format!("{}{RECORD_SUFFIX}", unused_digits())
}

/// Reports whether a name was made by [`record_name`].
pub(super) fn is_record(name: &str) -> bool {
    digits_before(name.as_bytes(), RECORD_SUFFIX).is_some()
}

fn unused_digits() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = format!("{} {number} {}", std::process::id(), now.as_nanos());
    hexadecimal(seed.as_bytes())
}

/// Returns a name that no other file has, for a file that cannot be staged in the staging directory.
pub(super) fn temporary_name_beside() -> String {
    format!("{}{}", String::from_utf8_lossy(BESIDE_PREFIX), temporary_name())
}

/// Returns a name that nothing else has, for a directory that is moved while the tree it is in is removed. Users see
/// it if the removal does not come to its end, and can remove it as they do theirs.
pub(super) fn lifted_name() -> String {
    format!("{LIFTED_PREFIX}{}", unused_digits())
}

/// Reports whether a file was staged beside its destination. Upper and lower case are the same here, since some
/// file systems do not tell them apart.
pub(super) fn is_temporary_beside(name: &[u8]) -> bool {
    let (prefix, suffix) = (BESIDE_PREFIX.len(), TEMPORARY_SUFFIX.len());
    name.len() == prefix + DIGITS + suffix
        && name[..prefix].eq_ignore_ascii_case(BESIDE_PREFIX)
        && name[prefix + DIGITS..].eq_ignore_ascii_case(TEMPORARY_SUFFIX.as_bytes())
        && name[prefix..prefix + DIGITS].iter().all(u8::is_ascii_hexdigit)
}

fn hexadecimal(bytes: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_store_makes_are_unique_and_known_again() {
        let (first, second) = (temporary_name_beside(), temporary_name_beside());
        assert_ne!(first, second);
        assert!(is_temporary_beside(first.as_bytes()));
        assert!(is_temporary_beside(first.to_uppercase().as_bytes()));
        assert!(!is_temporary_beside(b".remofile-notes.temporary"));
        assert_ne!(lifted_name(), lifted_name());
        assert!(!is_temporary_beside(lifted_name().as_bytes()), "users could neither see nor remove it");
    }

    #[test]
    fn the_names_of_a_partial_are_known_again() {
        let names = PartialNames::of(&RemotePath::root(), None);
        assert_eq!(names.bytes.len(), "0123456789abcdef0123456789abcdef.partial".len());
        for found in [PartialNames::from_bytes(names.bytes.as_bytes()), PartialNames::from_info(names.info.as_bytes())]
        {
            let found = found.unwrap();
            assert_eq!((&found.bytes, &found.info), (&names.bytes, &names.info));
        }
        for other in ["x.partial", ".partial", &names.info, &names.bytes.to_uppercase(), &format!("0{}", names.bytes)] {
            assert!(PartialNames::from_bytes(other.as_bytes()).is_none(), "{other}");
        }
    }
}
