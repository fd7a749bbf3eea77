//! The lines of `--files-from`: paths below a source. A line that cannot be one fails alone.

use crate::failed::{Failed, Result};
use crate::files;
use remofile::protocol::path::{NameRule, RemotePath, encode_name};
use remofile::protocol::wire::{ErrorCode, Failure};
use rustix::fs::stat;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The lines of a list.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FileList {
    /// Paths that can be taken, each once.
    pub(super) files: Vec<ListedFile>,
    /// A failure for each line that is no path below the source.
    pub(super) failures: Vec<Failure>,
}

/// A file or directory on a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ListedFile {
    /// Path that it has below the source: relative, without dots.
    pub(super) path: PathBuf,
    /// The same as text, encoded if names are, which it has below the destination.
    pub(super) name: String,
    /// True if it is below the root directory, whatever the source is.
    pub(super) is_from_root: bool,
}

/// The directory that the paths of a list are in.
pub(super) enum Source {
    /// A local directory. One that nobody has chosen does not keep absolute paths from leading elsewhere.
    /// With `encodes` its names may be any, and are encoded.
    Local { directory: PathBuf, is_chosen: bool, encodes: bool },
    /// A remote directory.
    Remote(RemotePath),
}

impl FileList {
    /// Reads a list; `-` is standard input.
    ///
    /// # Errors
    /// [`Failed::File`] if it cannot be read.
    pub(super) fn read(path: &Path, from_nul: bool, source: &Source) -> Result<Self> {
        let bytes = files::read_list(path).map_err(|error| Failed::file(path, error))?;
        Ok(Self::parse(&path.display().to_string(), &bytes, from_nul, source))
    }

    /// Returns the names, as long as all of them are below the source.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| !file.is_from_root).map(|file| &*file.name)
    }

    fn parse(list: &str, bytes: &[u8], from_nul: bool, source: &Source) -> Self {
        let end = if from_nul { b'\0' } else { b'\n' };
        // Some editors put it in front of the first line.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let (mut parsed, mut seen) = (Self::default(), HashSet::new());
        for (index, line) in bytes.split(|&byte| byte == end).enumerate() {
            let line = if from_nul { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
            if line.is_empty() {
                continue;
            }
            match source.take(line) {
                Ok(file) if seen.insert(file.clone()) => parsed.files.push(file),
                Ok(_) => {}
                Err(why) => {
                    let detail = format!("{list}, line {}: {why}", index + 1);
                    let shown = String::from_utf8_lossy(line);
                    parsed.failures.push(Failure::new(ErrorCode::InvalidName).at(shown).because(detail));
                }
            }
        }
        parsed
    }
}

impl Source {
    fn take(&self, line: &[u8]) -> std::result::Result<ListedFile, String> {
        let encodes = matches!(self, Self::Local { encodes: true, .. });
        let relative = relative(line);
        // Before it is looked for.
        let name = name_of(&relative, encodes)?;
        if !line.starts_with(b"/") {
            return Ok(ListedFile { path: relative, name, is_from_root: false });
        }
        match self.below(&Path::new("/").join(&relative)) {
            Some(below) if below.as_os_str().is_empty() => {
                Err("it is the directory that the paths are taken from".to_owned())
            }
            Some(below) => Ok(ListedFile { name: name_of(&below, encodes)?, path: below, is_from_root: false }),
            None if self.is_bound() => Err(format!("it is not below {self}")),
            None => Ok(ListedFile { path: relative, name, is_from_root: true }),
        }
    }

    fn is_bound(&self) -> bool {
        !matches!(self, Self::Local { is_chosen: false, .. })
    }

    /// Returns the part of an absolute path that is below the source, if it is there.
    fn below(&self, absolute: &Path) -> Option<PathBuf> {
        match self {
            Self::Remote(top) => RemotePath::parse(absolute.to_str()?).ok()?.relative_to(top).map(PathBuf::from),
            Self::Local { directory, .. } => {
                let top = std::path::absolute(directory).ok()?;
                if let Ok(below) = absolute.strip_prefix(&top) {
                    return Some(below.to_owned());
                }
                // The same directory by another path, such as one through a link.
                let identity = |path: &Path| stat(path).ok().map(|stat| (stat.st_dev, stat.st_ino));
                let own = identity(&top)?;
                let above = absolute.ancestors().find(|above| identity(above) == Some(own))?;
                absolute.strip_prefix(above).ok().map(Path::to_owned)
            }
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { directory, .. } => write!(f, "{}", directory.display()),
            Self::Remote(top) => write!(f, "{top}"),
        }
    }
}

/// A path below a directory, as `find . -type f` prints it.
fn relative(line: &[u8]) -> PathBuf {
    let names = line.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    names.map(OsStr::from_bytes).collect()
}

/// Returns a relative path as text, encoded or as it is.
fn name_of(path: &Path, encodes: bool) -> std::result::Result<String, String> {
    let names = path.iter().map(|name| match encodes {
        // For the rule of every server; one that admits fewer names gets these encoded further.
        true => Ok(encode_name(name.as_bytes(), NameRule::Posix)),
        false => name.to_str().map(Cow::Borrowed).ok_or("it is not UTF-8"),
    });
    let name = names.collect::<std::result::Result<Vec<_>, _>>()?.join("/");
    match name.is_empty() {
        true => Err("it names nothing".to_owned()),
        false => RemotePath::root().join(&name).map(|_| name).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(is_chosen: bool) -> Source {
        Source::Local { directory: PathBuf::new().join("."), is_chosen, encodes: false }
    }

    fn parse(bytes: &[u8], from_nul: bool, source: &Source) -> FileList {
        FileList::parse("list", bytes, from_nul, source)
    }

    fn names(text: &str, source: &Source) -> Vec<String> {
        let list = parse(text.as_bytes(), false, source);
        assert_eq!(list.failures, []);
        list.names().map(str::to_owned).collect()
    }

    fn why(text: &str, source: &Source) -> String {
        let list = parse(format!("ok\n{text}\nfine\n").as_bytes(), false, source);
        assert_eq!(list.names().collect::<Vec<_>>(), ["ok", "fine"], "one bad line fails alone");
        let [failure] = &list.failures[..] else { panic!("{list:?}") };
        failure.to_string()
    }

    #[test]
    fn lines_are_relative_paths_each_once() {
        assert_eq!(names("a\n\nb/c d\r\n./e//f/\na\n# x\n", &here(false)), ["a", "b/c d", "e/f", "# x"]);
        assert_eq!(names("\u{feff}a\n", &here(false)), ["a"]);
        assert_eq!(names("", &here(false)), [""; 0]);
        let list = parse(b"a\0b c\0\0\r\0", true, &here(false));
        assert_eq!(list.names().collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(list.failures.len(), 1, "a carriage return is no end there");
    }

    #[test]
    fn what_cannot_be_a_path_fails_alone_and_is_named_with_its_line() {
        for line in ["..", "a/../b", ".", "./", "/", "a\tb", "/a/../../b"] {
            let told = why(line, &here(false));
            assert!(told.contains("list, line 2: "), "{told}");
        }
        let list = parse(b"caf\xe9\nok", false, &here(false));
        assert_eq!((list.names().count(), list.failures.len()), (1, 1));
    }

    #[test]
    fn names_that_are_encoded_may_be_any_but_those_of_paths() {
        let source = Source::Local { directory: ".".into(), is_chosen: false, encodes: true };
        let list = parse(b"d/caf\xe9\0new\nline\0a*b\0..\0", true, &source);
        let files: Vec<(&[u8], &str)> =
            list.files.iter().map(|file| (file.path.as_os_str().as_bytes(), &*file.name)).collect();
        assert_eq!(
            files,
            [(&b"d/caf\xe9"[..], "d/caf\u{201b}E9"), (b"new\nline", "new\u{201b}0Aline"), (b"a*b", "a*b"),]
        );
        assert_eq!(list.failures.len(), 1);
    }

    #[test]
    fn an_absolute_path_is_taken_from_the_source_it_is_below() {
        let working = std::env::current_dir().unwrap();
        for is_chosen in [false, true] {
            assert_eq!(names(&format!("{}/a/b\n", working.display()), &here(is_chosen)), ["a/b"]);
        }
        let remote = |top: &str| Source::Remote(top.parse().unwrap());
        assert_eq!(names("/d/a\nb\n//d/./c\n", &remote("/d")), ["a", "b", "c"]);
        assert_eq!(names("/d/a\n", &remote("/")), ["d/a"]);
        assert!(why("/etc/passwd", &remote("/d")).contains("it is not below /d"));
        assert!(why("/nonexistent/x", &here(true)).contains("it is not below ."));
        let elsewhere = parse(b"/nonexistent/x", false, &here(false));
        let file = ListedFile { path: "nonexistent/x".into(), name: "nonexistent/x".to_owned(), is_from_root: true };
        assert_eq!(elsewhere.files, [file]);
    }

    #[test]
    fn a_directory_is_known_by_whatever_path_leads_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        rustix::fs::mkdir(&real, rustix::fs::Mode::RWXU).unwrap();
        rustix::fs::symlink(&real, &link).unwrap();
        let source = Source::Local { directory: real, is_chosen: true, encodes: false };
        assert_eq!(names(&format!("{}/a\n", link.display()), &source), ["a"]);
    }
}
