//! Lines of lists of hashes, as `sha256sum`, `b3sum`, `xxhsum` and their relatives write and read them.

use remofile::protocol::hash::{HashAlgorithm, hex, of_hex};
use std::fmt;

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListLine {
    /// The algorithm, if the line names one.
    pub(super) algorithm: Option<HashAlgorithm>,
    pub(super) hash: Vec<u8>,
    pub(super) path: String,
}

/// Names of algorithms in lines of the BSD form.
const TAGS: [(&str, HashAlgorithm); 10] = [
    ("SHA256", HashAlgorithm::Sha256),
    ("SHA512", HashAlgorithm::Sha512),
    ("SHA1", HashAlgorithm::Sha1),
    ("MD5", HashAlgorithm::Md5),
    ("BLAKE3", HashAlgorithm::Blake3),
    ("XXH128", HashAlgorithm::Xxh3),
    ("XXH3", HashAlgorithm::Xxh3),
    ("SHA2-256", HashAlgorithm::Sha256),
    ("SHA2-512", HashAlgorithm::Sha512),
    ("SHA-1", HashAlgorithm::Sha1),
];

impl ListLine {
    /// Reads a line; `None` if it is none.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
        let (line, is_escaped) = line.strip_prefix('\\').map_or((line, false), |line| (line, true));
        let (algorithm, hash, path) = tagged(line).or_else(|| plain(line))?;
        let hash = of_hex(hash)?;
        let is_a_hash = |algorithm: HashAlgorithm| algorithm.hash_bytes() == hash.len();
        let path = if is_escaped { unescape(path)? } else { path.to_owned() };
        match algorithm {
            Some(algorithm) if !is_a_hash(algorithm) => None,
            None if !HashAlgorithm::EVERY.into_iter().any(is_a_hash) => None,
            _ if path.is_empty() => None,
            algorithm => Some(Self { algorithm, hash, path }),
        }
    }

    /// Reports whether a line says nothing: those of `sha256sum` may have comments between them.
    pub(super) fn is_empty(line: &str) -> bool {
        line.trim().is_empty() || line.starts_with('#')
    }
}

/// A line like `SHA256 (path) = hash`.
fn tagged(line: &str) -> Option<(Option<HashAlgorithm>, &str, &str)> {
    let (tag, rest) = line.split_once(" (").or_else(|| line.split_once('('))?;
    let (_, algorithm) = TAGS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(tag))?;
    let (path, hash) = rest.rsplit_once(')')?;
    let hash = hash.trim_start().strip_prefix('=')?;
    Some((Some(algorithm), hash.trim(), path))
}

/// A line like `hash  path`, with an asterisk before the path if it was read as binary.
fn plain(line: &str) -> Option<(Option<HashAlgorithm>, &str, &str)> {
    let (hash, path) = line.split_once(' ')?;
    Some((None, hash, path.strip_prefix([' ', '*']).unwrap_or(path)))
}

fn unescape(path: &str) -> Option<String> {
    let (mut plain, mut rest) = (String::with_capacity(path.len()), path.chars());
    while let Some(character) = rest.next() {
        plain.push(match character {
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            character => character,
        });
    }
    Some(plain)
}

impl fmt::Display for ListLine {
    /// Writes the line as `sha256sum` does: with a backslash in front, and before what is special in the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.path.replace('\\', r"\\").replace('\n', r"\n").replace('\r', r"\r");
        let (mark, hash) = (if escaped == self.path { "" } else { "\\" }, hex(&self.hash));
        let tag = self.algorithm.and_then(|algorithm| TAGS.into_iter().find(|(_, known)| *known == algorithm));
        match tag {
            Some((tag, _)) => write!(f, "{mark}{tag} ({escaped}) = {hash}"),
            None => write!(f, "{mark}{hash}  {escaped}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn line(algorithm: Option<HashAlgorithm>, path: &str) -> ListLine {
        ListLine { algorithm, hash: of_hex(MD5).unwrap(), path: path.to_owned() }
    }

    #[test]
    fn lines_of_every_form_are_read() {
        for (text, expected) in [
            (format!("{MD5}  a b"), line(None, "a b")),
            (format!("{MD5} *./a"), line(None, "./a")),
            (format!("{MD5}   a"), line(None, " a")),
            (format!("{MD5} a\r"), line(None, "a")),
            (format!("  {}  a", MD5.to_uppercase()), line(None, "a")),
            (format!("\\{MD5}  a\\\\b\\nc\\r"), line(None, "a\\b\nc\r")),
            (format!("MD5 (a (1).txt) = {MD5}"), line(Some(HashAlgorithm::Md5), "a (1).txt")),
            (format!("XXH128 (a) = {MD5}"), line(Some(HashAlgorithm::Xxh3), "a")),
            (format!("\\MD5 (a\\n) = {MD5}"), line(Some(HashAlgorithm::Md5), "a\n")),
        ] {
            assert_eq!(ListLine::parse(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_line_is_told_from_one() {
        for text in [
            "",
            "a",
            "900150983cd24fb0d6963f7d28e17f  a",
            "900150983cd24fb0d6963f7d28e17f7g  a",
            "900150983cd24fb0d6963f7d28e17f72  ",
            "SHA256 (a) = 900150983cd24fb0d6963f7d28e17f72",
            "CRC32 (a) = 900150983cd24fb0d6963f7d28e17f72",
            "\\900150983cd24fb0d6963f7d28e17f72  a\\x",
        ] {
            assert_eq!(ListLine::parse(text), None, "{text}");
        }
        assert!(ListLine::is_empty("# a comment") && ListLine::is_empty(" ") && !ListLine::is_empty("a"));
    }

    #[test]
    fn what_is_written_is_read() {
        for path in ["a", "a b", " a", "a\\b", "a\nb\r", "*a", "(a) = b"] {
            for algorithm in [None, Some(HashAlgorithm::Md5)] {
                let line = line(algorithm, path);
                assert_eq!(ListLine::parse(&line.to_string()), Some(line));
            }
        }
        assert_eq!(line(None, "a\\").to_string(), format!("\\{MD5}  a\\\\"));
    }
}
