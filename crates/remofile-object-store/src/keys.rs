//! Keys of objects, and the paths that they are.

use object_store::path::{Path, PathPart};
use remofile::protocol::path::{FileName, RemotePath};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::{STAGING_NAME, StoreResult};
use std::cmp::Ordering;

/// The keys of a store, which all begin alike.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Returns the key of a file.
    pub(crate) fn file(&self, path: &RemotePath) -> String {
        format!("{}{}", self.prefix, path.as_relative())
    }

    /// Returns what the keys of everything in a directory begin with; that alone is the key of its marker.
    pub(crate) fn directory(&self, path: &RemotePath) -> String {
        if path.is_root() { self.prefix.clone() } else { format!("{}{}/", self.prefix, path.as_relative()) }
    }

    /// Returns the key of something of the store's own.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{}{STAGING_NAME}/{name}", self.prefix)
    }

    /// Returns the part of a key that says where it is below the prefix.
    pub(crate) fn below<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix)
    }
}

/// Refuses the one name that is the store's own.
pub(crate) fn refuse_own(path: &RemotePath) -> StoreResult<()> {
    if path.names().next() == Some(STAGING_NAME) {
        return Err(
            Failure::new(ErrorCode::InvalidName).because(format!("the name '{STAGING_NAME}' is reserved for Remofile"))
        );
    }
    Ok(())
}

/// Reports whether something below the prefix is the store's own.
pub(crate) fn is_own(below: &str) -> bool {
    below.split('/').next() == Some(STAGING_NAME)
}

/// Returns the path of names, if all of them are ones of ours.
pub(crate) fn path_of(below: &str) -> StoreResult<RemotePath> {
    for name in below.split('/') {
        FileName::from_bytes(name.as_bytes())?;
    }
    Ok(RemotePath::parse(&format!("/{below}"))?)
}

/// Returns a key as the crate of object stores has it, byte for byte.
pub(crate) fn object_path(key: &str) -> StoreResult<Path> {
    let invalid = || Failure::new(ErrorCode::InvalidName).because("its key is one that cannot be asked for");
    let whole = key.strip_suffix('/').unwrap_or(key);
    // It would leave out a slash at either end without a word.
    if whole.is_empty() || whole.starts_with('/') || whole.ends_with('/') {
        return Err(invalid());
    }
    let path = Path::parse(whole).map_err(|_| invalid())?;
    Ok(if key.ends_with('/') { path.join(PathPart::default()) } else { path })
}

/// Compares as we do, for whom a directory and all that is in it comes before a name that goes on behind its own.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    one.bytes().map(rank).cmp(other.bytes().map(rank))
}

/// The place of a byte in our order: the slash is first, all others stay.
fn rank(byte: u8) -> u8 {
    match byte {
        b'/' => 0,
        byte if byte < b'/' => byte + 1,
        byte => byte,
    }
}

/// Text that says which names a key has, without the characters that a terminal would obey.
pub(crate) fn shown(below: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    format!("/{}", below.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_prefix_and_the_path() {
        let keys = Keys::new("p/q/");
        let path = |text: &str| text.parse().unwrap();
        assert_eq!(keys.file(&path("/a/b")), "p/q/a/b");
        assert_eq!(keys.directory(&path("/a/b")), "p/q/a/b/");
        assert_eq!(keys.directory(&path("/")), "p/q/");
        assert_eq!(keys.own("owner"), "p/q/.remofile/owner");
        assert_eq!(keys.below("p/q/a"), Some("a"));
        assert_eq!(Keys::new("").directory(&path("/")), "");
    }

    #[test]
    fn keys_are_asked_for_byte_for_byte() {
        for key in ["a", "a/b", "a/", "a/b/", "a b/ä#?%*~", "a%2Fb"] {
            assert_eq!(object_path(key).unwrap().as_ref(), key);
        }
        for key in ["/a", "a//", "a//b", "../x", "a/./b", "a\nb", "/"] {
            assert!(object_path(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_directory_comes_before_names_that_go_on_behind_its_own() {
        let mut keys = ["a.txt", "a/b", "a-b/x", "a", "b", "a/", "a b"];
        keys.sort_by(|one, other| compare(one, other));
        assert_eq!(keys, ["a", "a/", "a/b", "a b", "a-b/x", "a.txt", "b"]);
    }

    #[test]
    fn what_is_no_path_is_none() {
        for below in ["a//b", "../x", "a/..", "/a", "a\u{7}", ""] {
            assert!(path_of(below).is_err(), "{below:?}");
        }
        assert_eq!(path_of("a/b c").unwrap().as_str(), "/a/b c");
        assert_eq!(shown("a\nb"), "/a\\nb");
    }
}
