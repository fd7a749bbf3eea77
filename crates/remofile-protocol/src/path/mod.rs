//! Names and paths in the root directory.
//!
//! A text from a user, a peer or a disk becomes a [`RemotePath`] or a [`FileName`] once, at the edge;
//! behind the edge nothing checks again, because an invalid one cannot be built.

mod encoded_name;
mod encoding;
mod name;
mod rule;

pub use encoded_name::{decode_name, to_encoded_name};
pub use encoding::{decode, encode_name, encode_pattern, encode_target};
pub use name::{FileName, InvalidName};
pub use rule::NameRule;

use crate::limits::MAX_PATH_BYTES;
use std::fmt;

/// An absolute path in the root directory: `/` or `/name/name`, without `.`, `..`, empty names,
/// trailing slash, NUL or control characters; at most [`MAX_PATH_BYTES`] bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RemotePath(String);

/// The reason a text is no remote path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// The text does not begin with a slash.
    #[error("{0:?} is not absolute: a remote path begins with '/'")]
    NotAbsolute(String),
    /// The text has more than [`MAX_PATH_BYTES`] bytes.
    #[error("the path has {0} bytes, more than {MAX_PATH_BYTES}")]
    TooLong(usize),
    /// One of its names is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A file was meant, but the path is the root directory.
    #[error("'/' is the root directory: name something inside it")]
    Root,
}

impl RemotePath {
    /// The root directory itself.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Parses an absolute path; one trailing slash is tolerated.
    ///
    /// # Errors
    /// [`InvalidPath`] if it is not absolute, too long, or holds a name that no file can have.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(InvalidPath::NotAbsolute(text.to_owned()));
        };
        if rest.is_empty() {
            return Ok(Self::root());
        }
        Self::root().join(rest.strip_suffix('/').unwrap_or(rest))
    }

    /// The path of `relative` (names separated by slashes) below this directory.
    ///
    /// # Errors
    /// [`InvalidPath`] if the result is too long or a name is not valid.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        for name in relative.split('/') {
            FileName::check(name, NameRule::Posix)?;
        }
        let mut joined = String::with_capacity(self.0.len() + 1 + relative.len());
        if !self.is_root() {
            joined.push_str(&self.0);
        }
        joined.push('/');
        joined.push_str(relative);
        if joined.len() > MAX_PATH_BYTES {
            return Err(InvalidPath::TooLong(joined.len()));
        }
        Ok(Self(joined))
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// [`InvalidPath::TooLong`] if the result exceeds [`MAX_PATH_BYTES`].
    pub fn child(&self, name: &FileName) -> Result<Self, InvalidPath> {
        let length = self.0.len() + 1 + name.as_str().len();
        if length > MAX_PATH_BYTES {
            return Err(InvalidPath::TooLong(length));
        }
        let mut path = String::with_capacity(length);
        if !self.is_root() {
            path.push_str(&self.0);
        }
        path.push('/');
        path.push_str(name.as_str());
        Ok(Self(path))
    }

    /// Reports whether this is the root directory.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The directory this path is in; `None` for the root directory.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        match self.0.rsplit_once('/') {
            Some(("", _)) | None => Some(Self::root()),
            Some((parent, _)) => Some(Self(parent.to_owned())),
        }
    }

    /// The last name; `None` for the root directory.
    #[must_use]
    pub fn file_name(&self) -> Option<FileName> {
        let name = self.0.rsplit('/').next().filter(|name| !name.is_empty())?;
        Some(FileName::known_valid(name))
    }

    /// The directory and the name in it.
    ///
    /// # Errors
    /// [`InvalidPath::Root`] for the root directory, which is in no directory.
    pub fn split(&self) -> Result<(Self, FileName), InvalidPath> {
        match (self.parent(), self.file_name()) {
            (Some(parent), Some(name)) => Ok((parent, name)),
            _ => Err(InvalidPath::Root),
        }
    }

    /// The names from the root down.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Reports whether `self` is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self.0 == ancestor.0
            || self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The part below `ancestor`, without a leading slash; empty where both are equal, `None` where
    /// this path is not within `ancestor`.
    #[must_use]
    pub fn relative_to(&self, ancestor: &Self) -> Option<&str> {
        if !self.is_within(ancestor) {
            return None;
        }
        let rest = if ancestor.is_root() { self.as_str() } else { self.0.strip_prefix(ancestor.as_str())? };
        Some(rest.strip_prefix('/').unwrap_or(rest))
    }

    /// The path as text, beginning with a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as text relative to the root directory, `.` for the root itself.
    #[must_use]
    pub fn as_relative(&self) -> &str {
        match self.0.strip_prefix('/') {
            Some("") | None => ".",
            Some(rest) => rest,
        }
    }

    /// Checks every name against a rule.
    ///
    /// # Errors
    /// [`InvalidName`] naming the first name that the rule forbids.
    pub fn check(&self, rule: NameRule) -> Result<(), InvalidName> {
        self.names().try_for_each(|name| FileName::check(name, rule))
    }
}

/// Orders by names from the root down, so that a directory is followed by everything inside it.
impl Ord for RemotePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.names().cmp(other.names())
    }
}

impl PartialOrd for RemotePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for RemotePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_ordinary_paths() {
        for (text, canonical) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b c/été", "/a/b c/été"),
            ("/...", "/..."),
            ("/.hidden", "/.hidden"),
        ] {
            assert_eq!(RemotePath::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn refuses_every_trick() {
        for text in [
            "",
            "a",
            "./a",
            "../a",
            "/..",
            "/a/..",
            "/a/../b",
            "/.",
            "/a/./b",
            "//",
            "//a",
            "/a//b",
            "/a\0b",
            "/a\nb",
            "/a\u{7f}",
            "/a\u{85}",
            "/a/\u{1b}[2J",
            "/a//",
        ] {
            assert!(RemotePath::parse(text).is_err(), "{text:?}");
        }
        assert!(RemotePath::parse(&format!("/{}", "x".repeat(256))).is_err());
        assert!(RemotePath::parse(&"/x".repeat(MAX_PATH_BYTES)).is_err());
    }

    #[test]
    fn splits_and_relates() {
        let path = RemotePath::parse("/a/b/c").unwrap();
        assert_eq!(path.parent().unwrap().as_str(), "/a/b");
        assert_eq!(path.file_name().unwrap().as_str(), "c");
        assert_eq!(path.relative_to(&RemotePath::root()), Some("a/b/c"));
        assert_eq!(path.relative_to(&"/a".parse().unwrap()), Some("b/c"));
        assert_eq!(path.relative_to(&"/a/bb".parse().unwrap()), None);
        assert_eq!(RemotePath::root().split(), Err(InvalidPath::Root));
        assert!(!RemotePath::parse("/ab").unwrap().is_within(&"/a".parse().unwrap()));
    }

    #[test]
    fn orders_a_directory_before_its_contents_and_those_before_its_next_sibling() {
        let mut paths: Vec<RemotePath> =
            ["/a-b", "/a/c", "/a", "/a/b/z"].iter().map(|text| text.parse().unwrap()).collect();
        paths.sort();
        let sorted: Vec<&str> = paths.iter().map(RemotePath::as_str).collect();
        assert_eq!(sorted, ["/a", "/a/b/z", "/a/c", "/a-b"]);
    }

    proptest! {
        #[test]
        fn whatever_parses_is_canonical_and_stays_inside(text in "[/.a\\\\:\u{0}-\u{2}é]{0,12}") {
            if let Ok(path) = RemotePath::parse(&text) {
                prop_assert_eq!(&RemotePath::parse(path.as_str()).unwrap(), &path);
                prop_assert!(path.names().all(|name| name != ".." && name != "." && !name.contains('\0')));
                prop_assert!(!path.as_relative().starts_with('/'));
            }
        }
    }
}
