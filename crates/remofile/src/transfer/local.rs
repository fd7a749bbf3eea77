//! Local sources, as a user names them.

use super::origins::{NextOrigin, Origin, Origins};
use super::pattern::{Found, Pattern, is_pattern};
use crate::store::{LocalStore, Locator, StoreOptions, StoreResult, exists, locate_encoded};
use remofile_protocol::path::{FileName, NameRule, RemotePath, decode, encode_pattern, to_encoded_name};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A local source: its path, its path at the destination if that is not its own name, and its path as the user
/// wrote it.
#[derive(Debug, Clone)]
pub struct LocalOrigin {
    /// The directory that a relative path is taken from; empty for the current one.
    pub directory: PathBuf,
    /// Path of the source.
    pub path: PathBuf,
    /// Path at the destination; `None` for the source's own name.
    pub name: Option<String>,
    /// Path as the user wrote it.
    pub shown: String,
    /// The rule that names are encoded for; `None` leaves them as they are.
    pub encoding: Option<NameRule>,
}

impl LocalOrigin {
    /// Returns the path at the destination.
    ///
    /// # Errors
    /// `invalid-name`, `not-found`, ... if it has none.
    pub fn destination_name(&self) -> StoreResult<String> {
        match (&self.name, self.path.file_name()) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(name)) => {
                let name = match self.encoding {
                    Some(rule) => to_encoded_name(name.as_bytes(), rule),
                    None => FileName::from_bytes(name.as_bytes()),
                };
                Ok(name.map_err(|error| self.at(error.into()))?.to_string())
            }
            (None, None) => {
                Ok(locate_encoded(&self.place(), self.encoding).map_err(|failure| self.at(failure))?.name.to_string())
            }
        }
    }

    /// Returns the real path: relative to its directory.
    #[must_use]
    pub fn place(&self) -> PathBuf {
        self.directory.join(&self.path)
    }

    fn at(&self, failure: Failure) -> Failure {
        failure.at(&self.shown)
    }

    fn open(&self, locator: &mut Locator) -> StoreResult<Origin> {
        let located = locator.locate(&self.place(), self.encoding).map_err(|failure| self.at(failure))?;
        let name = self.name.clone().unwrap_or_else(|| located.name.to_string());
        Ok(Origin {
            store: located.store,
            path: located.path,
            name,
            shown: self.shown.clone(),
            entry: located.entry,
            opening: None,
            known: None,
            as_link: false,
            parts: Vec::new(),
        })
    }

    /// Adds what this source stands for: itself, or its matches if it does not exist and is a pattern.
    fn expand(self, found: &mut Vec<Result<Self, Failure>>) {
        // A file whose name looks like a pattern is meant itself.
        let pattern = self
            .path
            .to_str()
            .filter(|text| self.name.is_none() && is_pattern(text) && !exists(&self.place()))
            .map(str::to_owned);
        let Some(pattern) = pattern else {
            return found.push(Ok(self));
        };
        let before = found.len();
        match Self::expand_pattern(&self.directory, &pattern, self.encoding, found) {
            Err(failure) => found.push(Err(self.at(failure))),
            Ok(()) if found.len() == before => found.push(Err(self.at(ErrorCode::NoMatch.into()))),
            Ok(()) => {}
        }
    }

    fn expand_pattern(
        directory: &Path,
        text: &str,
        encoding: Option<NameRule>,
        found: &mut Vec<Result<Self, Failure>>,
    ) -> StoreResult<()> {
        // Read first: a malformed pattern is one wherever it points.
        let (literal, pattern) = split(text);
        let encoded = encoding.map(|rule| encode_pattern(pattern, rule));
        let pattern = Pattern::parse(&RemotePath::parse(&format!("/{}", encoded.as_deref().unwrap_or(pattern)))?)?;
        let base = directory.join(literal);
        // The system opens no empty path.
        let base = if base.as_os_str().is_empty() { PathBuf::from(".") } else { base };
        let store = match LocalStore::open(&base, StoreOptions { encoding, ..StoreOptions::default() }) {
            Ok(store) => Arc::new(store),
            Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let mut matches = pattern.find(store);
        loop {
            match matches.next() {
                Found::End => return Ok(()),
                Found::Working => {}
                Found::Failed(failure) => {
                    let below = failure.path.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
                    found.push(Err(failure.at(format!("{literal}{below}"))));
                }
                Found::Entry(entry) => {
                    let below = entry.path.as_relative();
                    let shown = format!("{literal}{below}");
                    let on_disk = if encoding.is_some() { decode(below) } else { Cow::Borrowed(below.as_bytes()) };
                    let path = base.join(OsStr::from_bytes(&on_disk));
                    found.push(Ok(Self { directory: PathBuf::new(), path, name: None, shown, encoding }));
                }
            }
        }
    }
}

/// Replaces patterns among local sources by their matches, in the order of the sources.
#[must_use]
pub fn expand_local(sources: Vec<LocalOrigin>) -> Vec<Result<LocalOrigin, Failure>> {
    let mut found = Vec::with_capacity(sources.len());
    sources.into_iter().for_each(|source| source.expand(&mut found));
    found
}

/// Local origins, each opened when its turn comes.
pub struct Local {
    origins: Arc<[Result<LocalOrigin, Failure>]>,
    /// Index of the next one.
    next: usize,
    locator: Locator,
}

impl Local {
    /// Gives these origins, in their order.
    #[must_use]
    pub fn new(origins: Arc<[Result<LocalOrigin, Failure>]>) -> Self {
        Self { origins, next: 0, locator: Locator::default() }
    }
}

impl Origins for Local {
    fn next(&mut self) -> NextOrigin {
        let origin = self.origins.get(self.next).map(|origin| origin.as_ref().map_err(Failure::clone));
        self.next += 1;
        match origin.map(|origin| origin.and_then(|origin| origin.open(&mut self.locator))) {
            Some(Ok(origin)) => NextOrigin::Origin(origin),
            Some(Err(failure)) => NextOrigin::Failed(failure),
            None => NextOrigin::End,
        }
    }
}

/// Splits a pattern into its literal beginning, up to and with its last slash, and the rest.
fn split(text: &str) -> (&str, &str) {
    let pattern = text.split_inclusive('/').take_while(|name| !is_pattern(name)).map(str::len).sum();
    text.split_at(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literal_beginning_of_a_pattern_is_no_part_of_it() {
        for (text, parts) in [
            ("*.txt", ("", "*.txt")),
            ("a/b/*.txt", ("a/b/", "*.txt")),
            ("/a*/b", ("/", "a*/b")),
            ("../x/[ab]/**", ("../x/", "[ab]/**")),
        ] {
            assert_eq!(split(text), parts);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests make files")]
    fn a_pattern_stands_for_what_it_matches_and_a_name_for_itself() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a.txt", "b.txt", "[x].txt", "sub/c.txt", ".hidden.txt"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let expand = |name: &str| {
            let path = root.path().join(name);
            let found = expand_local(vec![LocalOrigin {
                directory: PathBuf::new(),
                path,
                name: None,
                shown: name.to_owned(),
                encoding: None,
            }]);
            let shown = |origin: LocalOrigin| origin.path.strip_prefix(root.path()).unwrap().display().to_string();
            found.into_iter().map(|found| found.map(shown).map_err(|failure| failure.code)).collect::<Vec<_>>()
        };
        let ok = |names: &[&str]| names.iter().map(|name| Ok((*name).to_owned())).collect::<Vec<_>>();
        assert_eq!(expand("*.txt"), ok(&["[x].txt", "a.txt", "b.txt"]));
        assert_eq!(expand("[x].txt"), ok(&["[x].txt"]), "what exists is no pattern");
        assert_eq!(expand("**/*.txt"), ok(&["[x].txt", "a.txt", "b.txt", "sub/c.txt"]));
        assert_eq!(expand("absent"), ok(&["absent"]), "which is found out when it is opened");
        assert_eq!(expand("*.png"), [Err(ErrorCode::NoMatch)]);
        assert_eq!(expand("none/*"), [Err(ErrorCode::NoMatch)]);
        assert_eq!(expand("[a"), [Err(ErrorCode::BadPattern)]);
    }
}
