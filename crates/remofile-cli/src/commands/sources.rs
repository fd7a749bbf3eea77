//! Sources that are not written on the command line: the lines of `--files-from`.

use crate::args::Transfer;
use crate::failed::{Failed, Result};
use crate::files;
use remofile::protocol::path::RemotePath;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The arguments of an upload or download, told apart.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    /// Sources that are written on the command line.
    pub(super) sources: Vec<PathBuf>,
    /// Paths that are listed: relative, without dots, each once.
    pub(super) listed: Vec<String>,
    /// The destination, if there is one.
    pub(super) destination: Option<PathBuf>,
}

impl Arguments {
    /// Reads the list, if there is one. Without one a single argument is the source.
    pub(super) fn of(mut paths: Vec<PathBuf>, transfer: &Transfer) -> Result<Self> {
        let listed = match &transfer.files_from {
            Some(path) => Some(read(path, transfer.from_nul)?),
            None => None,
        };
        let is_destination_last = listed.is_some() || paths.len() > 1;
        let destination = if is_destination_last { paths.pop() } else { None };
        Ok(Self { sources: paths, listed: listed.unwrap_or_default(), destination })
    }
}

fn read(path: &Path, from_nul: bool) -> Result<Vec<String>> {
    let bytes = files::read_list(path).map_err(|error| Failed::file(path, error))?;
    parse(&path.display().to_string(), &bytes, from_nul)
}

fn parse(file: &str, bytes: &[u8], from_nul: bool) -> Result<Vec<String>> {
    let end = if from_nul { b'\0' } else { b'\n' };
    let (mut paths, mut seen) = (Vec::new(), HashSet::new());
    for (index, line) in bytes.split(|&byte| byte == end).enumerate() {
        let line = if from_nul { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        if line.is_empty() {
            continue;
        }
        let unusable = |why: &str| {
            let (number, shown) = (index + 1, String::from_utf8_lossy(line));
            Failed::usage(format!("{file}, line {number}: {shown:?} cannot be used: {why}"))
        };
        let text = std::str::from_utf8(line).map_err(|_| unusable("it is not UTF-8"))?;
        let path = relative(text).map_err(|why| unusable(&why))?;
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// A path below a directory, as `find . -type f` prints it.
fn relative(text: &str) -> std::result::Result<String, String> {
    if text.starts_with('/') {
        return Err("it is absolute".to_owned());
    }
    let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if names.is_empty() {
        return Err("it names nothing".to_owned());
    }
    let path = names.join("/");
    RemotePath::root().join(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        parse("list", text.as_bytes(), false).unwrap()
    }

    #[test]
    fn lines_are_relative_paths_each_once() {
        assert_eq!(lines("a\n\nb/c d\r\n./e//f/\na\n"), ["a", "b/c d", "e/f"]);
        assert_eq!(lines(""), [""; 0]);
        assert_eq!(parse("list", b"a\0b c\0\0", true).unwrap(), ["a", "b c"]);
    }

    #[test]
    fn what_cannot_be_a_path_is_named_with_its_line() {
        for line in ["/etc/passwd", "..", "a/../b", ".", "./", "a\tb"] {
            let message = parse("list", format!("ok\n{line}\n").as_bytes(), false).unwrap_err().message();
            assert!(message.starts_with("list, line 2: "), "{message}");
            assert!(message.contains(&format!("{line:?}")), "{message}");
        }
        assert!(matches!(parse("list", b"caf\xe9", false), Err(Failed::Usage(_))));
    }
}
