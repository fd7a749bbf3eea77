//! The names in a remote directory, in little memory.

use crate::store::StoreResult;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::protocol1::ListedFile;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Timestamp};

/// The files in a directory, sorted by name: 32 bytes for each, and its name.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    start: u32,
    length: u32,
    size: u64,
    modified: f64,
    is_directory: bool,
}

/// A file as it was listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    name: &'a str,
    item: Item,
}

impl Names {
    /// Sorts the files of a listing.
    ///
    /// # Errors
    /// `out-of-resources` if they are more than any response holds.
    pub(super) fn new(mut files: Vec<ListedFile>) -> StoreResult<Self> {
        // Sorted, so that names are found by bisection and walks keep the order of paths.
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let mut names = Self {
            text: String::with_capacity(files.iter().map(|file| file.name.len()).sum()),
            items: Vec::with_capacity(files.len()),
        };
        for ListedFile { name, is_directory, size, modified } in files {
            let (Ok(start), Ok(length)) = (u32::try_from(names.text.len()), u32::try_from(name.len())) else {
                return Err(Failure::new(ErrorCode::OutOfResources).because("the directory has too many names"));
            };
            names.text.push_str(&name);
            names.items.push(Item { start, length, size, modified, is_directory });
        }
        Ok(names)
    }

    /// Returns the memory that the names hold, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.text.capacity() + self.items.capacity() * size_of::<Item>()) as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn at(&self, index: usize) -> Option<Named<'_>> {
        self.items.get(index).map(|item| self.named(*item))
    }

    pub(super) fn find(&self, name: &str) -> Option<Named<'_>> {
        let found = self.items.binary_search_by(|item| self.named(*item).name.cmp(name));
        found.ok().and_then(|index| self.at(index))
    }

    fn named(&self, item: Item) -> Named<'_> {
        let start = item.start as usize;
        Named { name: &self.text[start..start + item.length as usize], item }
    }
}

impl Named<'_> {
    pub(super) fn kind(&self) -> Kind {
        if self.item.is_directory { Kind::Directory } else { Kind::File }
    }

    /// Returns the file as an entry of a directory.
    ///
    /// # Errors
    /// `invalid-name` with the directory if no path has such a name.
    pub(super) fn entry(&self, directory: &RemotePath) -> StoreResult<Entry> {
        let name =
            FileName::parse(self.name, NameRule::Posix).map_err(|invalid| Failure::from(invalid).at(directory))?;
        let path = directory.child(&name).map_err(|invalid| Failure::from(invalid).at(directory))?;
        let modified = time(self.item.modified);
        Ok(Entry { path, kind: self.kind(), size: self.item.size, modified, mode: None, unflushed: false })
    }
}

/// Returns the time of a number of seconds, as exact as a float is, which is some 200 ns.
fn time(seconds: f64) -> Timestamp {
    let whole = seconds.floor();
    // Beyond 64 bits a float is cut to what fits; the fraction is at least 0 and less than 1.
    Timestamp::new(whole as i64, ((seconds - whole) * 1e9) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found_again() {
        let file = |name: &str, size| ListedFile { name: name.to_owned(), is_directory: false, size, modified: 1.5 };
        let names = Names::new(vec![file("é", 1), file("", 2), file("a", 3), file("a/b", 4)]).unwrap();
        let sizes: Vec<u64> = (0..4).map(|index| names.at(index).unwrap().item.size).collect();
        assert_eq!((sizes, names.at(4).is_none()), (vec![2, 3, 4, 1], true));
        assert_eq!(names.find("é").unwrap().item.size, 1);
        assert!(names.find("b").is_none());
        let entry = names.find("a").unwrap().entry(&RemotePath::root()).unwrap();
        assert_eq!((entry.path.as_str(), entry.modified), ("/a", Timestamp::new(1, 500_000_000)));
        assert!(names.find("a/b").unwrap().entry(&RemotePath::root()).is_err());
        assert_eq!(names.memory_bytes(), (4 * size_of::<Item>() + "éaa/b".len()) as u64);
    }
}
