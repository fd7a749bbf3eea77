//! The check of files against a list of hashes.

use super::files::{Hashed, HashedFiles};
use super::list_line::ListLine;
use crate::args::Hash;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::files::read_list;
use crate::output::json::Object;
use crate::output::{Data, Presentation, note, warn};
use remofile::HashOptions;
use remofile::protocol::hash::{HashAlgorithm, hex};
use serde_json::json;
use std::path::Path;

/// Checks the files of a list, whose relative paths are in a directory.
pub(super) fn check(hash: &Hash, list: &Path, directory: Option<&String>, files: &mut dyn HashedFiles) -> Result<Exit> {
    let bytes = read_list(list).map_err(|error| Failed::file(list, error))?;
    let Lines { lines, malformed } = Lines::read(&bytes, Algorithms::of(hash.algorithm, list));
    if lines.is_empty() {
        let why = "there is no line in it like 'HASH  PATH' or 'SHA256 (PATH) = HASH'";
        return Err(Failed::file(list, std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
    }
    let mut checking =
        Checking { hash, data: Data::in_background()?, counts: Counts { malformed, ..Counts::default() } };
    // Lists of several algorithms are rare, but those of the BSD form may be mixed.
    for same in lines.chunk_by(|one, other| one.0 == other.0) {
        checking.check(same, directory, files)?;
    }
    checking.data.finish()?;
    Ok(checking.counts.tell(hash.algorithm.is_none() && lines.iter().all(|(_, line)| line.algorithm.is_none())))
}

/// A line with the algorithm that it is of.
type Meant = (HashAlgorithm, ListLine);

struct Lines {
    lines: Vec<Meant>,
    malformed: u64,
}

impl Lines {
    fn read(bytes: &[u8], algorithms: Algorithms) -> Self {
        let (mut lines, mut malformed) = (Vec::new(), 0);
        for line in bytes.split(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            let meant = ListLine::parse(&text).and_then(|line| Some((algorithms.of_line(&line)?, line)));
            match meant {
                Some(meant) => lines.push(meant),
                None => malformed += u64::from(!ListLine::is_empty(&text)),
            }
        }
        Self { lines, malformed }
    }
}

/// The algorithms that lines without a name may be of.
#[derive(Debug, Clone, Copy)]
struct Algorithms {
    /// The one that was asked for.
    asked: Option<HashAlgorithm>,
    /// The one that the name of the list tells.
    named: Option<HashAlgorithm>,
}

impl Algorithms {
    fn of(asked: Option<HashAlgorithm>, list: &Path) -> Self {
        let name = list.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let of_name = |algorithm: &HashAlgorithm| name.contains(algorithm.name());
        let named = HashAlgorithm::EVERY.into_iter().find(of_name);
        // The usual name of lists that b3sum makes.
        Self { asked, named: named.or(name.contains("b3sum").then_some(HashAlgorithm::Blake3)) }
    }

    /// Returns the algorithm of a line; `None` if it is of another than was asked for.
    fn of_line(self, line: &ListLine) -> Option<HashAlgorithm> {
        let fits = |algorithm: &HashAlgorithm| algorithm.hash_bytes() == line.hash.len();
        match (line.algorithm, self.asked) {
            (Some(tagged), Some(asked)) => (tagged == asked).then_some(asked),
            (Some(tagged), None) => Some(tagged),
            (None, Some(asked)) => Some(asked).filter(fits),
            // Of those with equally many bytes the one that is met most.
            (None, None) => self.named.filter(fits).or_else(|| {
                [HashAlgorithm::Xxh3, HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha512]
                    .into_iter()
                    .find(fits)
            }),
        }
    }
}

struct Checking<'a> {
    hash: &'a Hash,
    data: Data,
    counts: Counts,
}

impl Checking<'_> {
    fn check(&mut self, lines: &[Meant], directory: Option<&String>, files: &mut dyn HashedFiles) -> Result<()> {
        let Some((algorithm, _)) = lines.first() else { return Ok(()) };
        let sources: Vec<String> = lines.iter().map(|(_, line)| files.join(directory, &line.path)).collect();
        let options = HashOptions { algorithm: *algorithm, recursive: false };
        files.hash(&sources, options, &mut |hashed| match lines.get(hashed.source) {
            Some((_, line)) => self.compare(*algorithm, line, &hashed),
            None => Ok(()),
        })
    }

    fn compare(&mut self, algorithm: HashAlgorithm, line: &ListLine, hashed: &Hashed) -> Result<()> {
        let word = match &hashed.outcome {
            Ok(content) if content.hash == line.hash => {
                self.counts.right += 1;
                "OK"
            }
            Ok(_) => {
                self.counts.wrong += 1;
                "FAILED"
            }
            Err(failure) => {
                self.counts.unread += 1;
                Presentation { json: self.hash.connection.json }.show_file(failure);
                "FAILED open or read"
            }
        };
        if self.hash.quiet && word == "OK" {
            return Ok(());
        }
        let (path, ok) = (&line.path, word == "OK");
        if self.hash.connection.json {
            let found = hashed.outcome.as_ref().ok().map(|content| hex(&content.hash));
            let (algorithm, hash) = (algorithm.name(), hex(&line.hash));
            let object = json!({ "path": path, "ok": ok, "algorithm": algorithm, "hash": hash, "found": found });
            self.data.object(&Object::from(&object))?;
        } else {
            let shown = path.replace('\\', r"\\").replace('\n', r"\n").replace('\r', r"\r");
            let mark = if shown == *path { "" } else { "\\" };
            self.data.line(&format!("{mark}{shown}: {word}"))?;
        }
        if self.data.is_terminal() { self.data.flush() } else { Ok(()) }
    }
}

#[derive(Default)]
struct Counts {
    right: u64,
    wrong: u64,
    unread: u64,
    malformed: u64,
}

impl Counts {
    /// Warns of what was not right, as `sha256sum` does, and says what it might be.
    fn tell(&self, is_guess: bool) -> Exit {
        let warn_of = |count: u64, one: &str, many: &str| match count {
            0 => {}
            1 => warn(&format!("1 {one}")),
            count => warn(&format!("{count} {many}")),
        };
        warn_of(self.malformed, "line is improperly formatted", "lines are improperly formatted");
        warn_of(self.unread, "listed file could not be read", "listed files could not be read");
        warn_of(self.wrong, "computed hash did NOT match", "computed hashes did NOT match");
        if self.right == 0 && self.wrong > 0 && is_guess {
            note(
                "no file matches: if the list is of another algorithm of as many digits, name it with '--algorithm' (md5, blake3)",
            );
        }
        if self.wrong + self.unread > 0 { Exit::Failure } else { Exit::Success }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_is_asked_for_named_or_told_by_the_length() {
        let line = |bytes: usize, algorithm| ListLine { algorithm, hash: vec![0; bytes], path: "a".to_owned() };
        let told = |asked, list: &str, line: &ListLine| Algorithms::of(asked, Path::new(list)).of_line(line);
        for (list, bytes, expected) in [
            ("SUMS", 16, HashAlgorithm::Xxh3),
            ("SUMS", 32, HashAlgorithm::Sha256),
            ("MD5SUMS", 16, HashAlgorithm::Md5),
            ("x/photos.md5", 16, HashAlgorithm::Md5),
            ("list.blake3", 32, HashAlgorithm::Blake3),
            ("B3SUMS", 32, HashAlgorithm::Blake3),
            ("B3SUMS", 20, HashAlgorithm::Sha1),
            ("-", 64, HashAlgorithm::Sha512),
        ] {
            assert_eq!(told(None, list, &line(bytes, None)), Some(expected), "{list} {bytes}");
        }
        assert_eq!(told(Some(HashAlgorithm::Blake3), "-", &line(32, None)), Some(HashAlgorithm::Blake3));
        assert_eq!(told(Some(HashAlgorithm::Blake3), "-", &line(20, None)), None);
        assert_eq!(told(Some(HashAlgorithm::Sha1), "-", &line(16, Some(HashAlgorithm::Md5))), None);
        assert_eq!(told(None, "-", &line(16, Some(HashAlgorithm::Md5))), Some(HashAlgorithm::Md5));
    }
}
