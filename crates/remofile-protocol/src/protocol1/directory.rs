//! Directories, as the prototype writes them.

use super::BadMessage;
use crate::pickle::Value;
use std::fmt;

/// A directory that a client named: the text that Python's `PurePosixPath` has for it.
///
/// Names are separated by single slashes; `.` and a trailing slash are gone, `..` stays. It may be
/// relative, may begin with exactly two slashes, and may hold any character: the server checks it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Directory(String);

impl Directory {
    /// The directory of a text. An empty text is `.`, as it is to Python.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // POSIX lets two slashes mean something else than one, but not three.
        let root = match text.len() - text.trim_start_matches('/').len() {
            0 => "",
            2 => "//",
            _ => "/",
        };
        let mut path = String::with_capacity(text.len());
        path.push_str(root);
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if path.len() > root.len() {
                path.push('/');
            }
            path.push_str(name);
        }
        if path.is_empty() {
            path.push('.');
        }
        Self(path)
    }

    /// The directory as text; never empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prototype sends texts in one request and path objects in the others.
    pub(super) fn read(value: &Value<'_>) -> Result<Self, BadMessage> {
        match value {
            Value::Text(text) => Ok(Self::new(text)),
            Value::Path(path) => Ok(Self::new(path)),
            _ => Err(BadMessage::Shape),
        }
    }

    /// A text is what the protocol is documented with, and needs no class on the other side.
    pub(super) fn to_value(&self) -> Value<'_> {
        Value::Text(&self.0)
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_reads_as_python_writes_it() {
        for (text, canonical) in [
            ("/", "/"),
            ("", "."),
            (".", "."),
            ("./", "."),
            ("/foo/bar", "/foo/bar"),
            ("/foo//bar/./", "/foo/bar"),
            ("/foo/../bar", "/foo/../bar"),
            ("foo/", "foo"),
            ("//foo", "//foo"),
            ("//", "//"),
            ("///foo", "/foo"),
            ("./foo", "foo"),
            ("/.", "/"),
        ] {
            assert_eq!(Directory::new(text).as_str(), canonical, "{text:?}");
            assert_eq!(Directory::new(canonical).as_str(), canonical);
        }
    }
}
