//! Shell patterns over a store.

use super::glob::{self, Token};
use crate::store::{Store, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed};
use std::fmt;
use std::sync::Arc;

/// Entries looked at in one step.
const ENTRIES_A_STEP: usize = 256;

/// Reports whether a text has any of `*`, `?`, `[`.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Escapes a text to a pattern that stands for nothing but it.
#[must_use]
pub fn escape(text: &str) -> String {
    let special = |character| matches!(character, '*' | '?' | '[' | '\\');
    text.chars().flat_map(|character| special(character).then_some('\\').into_iter().chain([character])).collect()
}

/// A shell pattern from the root of a store.
///
/// Within a name `*` stands for any characters, `?` for one and `[...]` for one of a set; `**` stands
/// for any number of directories, as the last name for everything in them. A backslash escapes the next
/// character; braces have no meaning. Names with a leading dot match only where the pattern's name
/// begins with a dot, and `**` enters no such directory. Links are not followed behind the first name
/// that is no literal.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The literal beginning.
    base: RemotePath,
    parts: Vec<Part>,
}

/// One name of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`
    Directories,
    Name(Vec<Token>),
}

impl Pattern {
    /// Reads a pattern, written as a path.
    ///
    /// # Errors
    /// `bad-pattern` with the pattern as path and the reason as detail if it is malformed.
    pub fn parse(path: &RemotePath) -> StoreResult<Self> {
        let malformed = |reason: &dyn fmt::Display| Failure::new(ErrorCode::BadPattern).at(path).because(reason);
        let mut pattern = Self { base: RemotePath::root(), parts: Vec::new() };
        let mut names = path.names().peekable();
        while let Some(name) = names.next() {
            let part = Part::parse(name).map_err(|reason| malformed(&reason))?;
            let is_last = names.peek().is_none();
            // The names before the first pattern say where the walk begins.
            match part.literal().filter(|_| pattern.parts.is_empty() && !is_last) {
                Some(literal) => pattern.base = pattern.base.join(&literal).map_err(|invalid| malformed(&invalid))?,
                // Any number of directories twice is any number of directories.
                None if part == Part::Directories && pattern.parts.last() == Some(&part) => {}
                None => pattern.parts.push(part),
            }
        }
        Ok(pattern)
    }

    /// Reports whether a path that matches may have this as its last name.
    #[must_use]
    pub fn admits_name(&self, name: &str) -> bool {
        self.parts.last().is_some_and(|part| part.admits(name))
    }

    /// Finds the entries that match, in the order of a walk (sorted), each once. Below a directory that matches as a
    /// whole nothing more is looked at. Directories that cannot match are not entered; the literal beginning is not
    /// walked. If that does not exist, nothing matches.
    #[must_use]
    pub fn find(self, store: Arc<dyn Store>) -> Matches {
        Matches { trail: vec![self.behind([0])], entered: None, pattern: self, stage: SearchStage::Begin(store) }
    }

    /// Adds the parts that may come next as well: `**` may also stand for no directory.
    fn behind(&self, next: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut parts = Vec::new();
        for at in next {
            parts.push(at);
            // `**` stands for no directory, too.
            if self.parts.get(at) == Some(&Part::Directories) && at + 1 < self.parts.len() {
                parts.push(at + 1);
            }
        }
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Matches a name, in a directory where these parts come next.
    fn step(&self, next: &[usize], name: &str) -> PatternMatch {
        let mut beyond = Vec::new();
        for &at in next {
            let Some(part) = self.parts.get(at).filter(|part| part.admits(name)) else {
                continue;
            };
            if at + 1 == self.parts.len() {
                return PatternMatch::Whole;
            }
            beyond.push(if *part == Part::Directories { at } else { at + 1 });
        }
        if beyond.is_empty() { PatternMatch::Nothing } else { PatternMatch::Partly(self.behind(beyond)) }
    }
}

impl Part {
    fn parse(name: &str) -> Result<Self, &'static str> {
        if name.len() > 1 && name.chars().all(|character| character == '*') {
            return Ok(Self::Directories);
        }
        glob::parse(name).map(Self::Name)
    }

    /// Returns the only name that it stands for, if there is only one.
    fn literal(&self) -> Option<String> {
        let Self::Name(tokens) = self else {
            return None;
        };
        let literal = |token: &Token| if let Token::Literal(character) = token { Some(*character) } else { None };
        tokens.iter().map(literal).collect()
    }

    fn admits(&self, name: &str) -> bool {
        let is_hidden = name.starts_with('.');
        match self {
            Self::Directories => !is_hidden,
            Self::Name(tokens) => {
                (!is_hidden || tokens.first() == Some(&Token::Literal('.'))) && glob::matches(tokens, name)
            }
        }
    }
}

/// The match of a pattern and an entry.
enum PatternMatch {
    /// The whole pattern matches.
    Whole,
    /// The entry's contents may match: these parts come next there.
    Partly(Vec<usize>),
    Nothing,
}

/// A search that is under way. Memory: that of a walk, and some numbers for every directory from the
/// top to the current one.
pub struct Matches {
    pattern: Pattern,
    /// For the beginning and each directory from there to the current one: the parts that come next in it.
    trail: Vec<Vec<usize>>,
    /// The directory that is about to be entered.
    entered: Option<RemotePath>,
    stage: SearchStage,
}

impl Matches {
    /// Returns the memory that the search holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        match &self.stage {
            SearchStage::Walk(walk) => walk.memory_bytes(),
            SearchStage::Begin(_) | SearchStage::End => 0,
        }
    }
}

/// The stage of a search.
enum SearchStage {
    Begin(Arc<dyn Store>),
    Walk(Box<dyn Walk>),
    End,
}

/// The outcome of a step of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An entry that matches.
    Entry(Entry),
    /// An entry that may match, or may hold one that does, but cannot be looked at.
    Failed(Failure),
    /// Nothing yet: call again. So a search in a large tree can be interrupted by other work.
    Working,
    /// There is no more.
    End,
}

impl Matches {
    /// Searches on, some hundred entries at most.
    #[expect(clippy::should_implement_trait, reason = "an end is not the only thing beside entries")]
    pub fn next(&mut self) -> Found {
        for _ in 0..ENTRIES_A_STEP {
            let listed = match &mut self.stage {
                SearchStage::Walk(walk) => walk.next(),
                SearchStage::End => return Found::End,
                SearchStage::Begin(_) => match self.begin() {
                    Ok(()) => continue,
                    Err(failure) => return Found::Failed(failure),
                },
            };
            let found = match listed {
                Some(Listed::Entry(entry)) => self.look_at(entry),
                Some(Listed::Failed(failure)) => self.may_match(&failure).then_some(Found::Failed(failure)),
                None => {
                    self.stage = SearchStage::End;
                    Some(Found::End)
                }
            };
            if let Some(found) = found {
                return found;
            }
        }
        Found::Working
    }

    fn begin(&mut self) -> StoreResult<()> {
        let SearchStage::Begin(store) = std::mem::replace(&mut self.stage, SearchStage::End) else {
            return Ok(());
        };
        match store.walk(&self.pattern.base, true) {
            Ok(walk) => self.stage = SearchStage::Walk(walk),
            // Where there is nothing, nothing matches.
            Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {}
            Err(failure) => return Err(failure.at(&self.pattern.base)),
        }
        Ok(())
    }

    fn look_at(&mut self, entry: Entry) -> Option<Found> {
        let is_directory = entry.kind == Kind::Directory;
        let step = self.step(entry.path.as_str());
        match step {
            PatternMatch::Partly(next) if is_directory => {
                self.trail.push(next);
                self.entered = Some(entry.path);
                return None;
            }
            // The pattern has nothing more to find below it.
            _ if is_directory => self.skip_directory(),
            _ => {}
        }
        matches!(step, PatternMatch::Whole).then_some(Found::Entry(entry))
    }

    /// Matches a path below the pattern's beginning; the trail then ends with the directory it is in.
    fn step(&mut self, path: &str) -> PatternMatch {
        let base = if self.pattern.base.is_root() { "" } else { self.pattern.base.as_str() };
        let below = path.strip_prefix(base).unwrap_or(path).trim_start_matches('/');
        self.trail.truncate(below.matches('/').count() + 1);
        let name = below.rsplit('/').next().unwrap_or(below);
        self.trail.last().map_or(PatternMatch::Nothing, |next| self.pattern.step(next, name))
    }

    fn skip_directory(&mut self) {
        if let SearchStage::Walk(walk) = &mut self.stage {
            walk.skip_directory();
        }
    }

    /// Reports whether a failure is about a directory that was to be entered, or about a name (as far as it can be
    /// written) that matches.
    fn may_match(&mut self, failure: &Failure) -> bool {
        let Some(path) = failure.path.as_deref() else {
            return true;
        };
        // The names that could not be listed in it might have matched.
        if self.entered.as_ref().is_some_and(|entered| entered.as_str() == path) {
            return true;
        }
        !matches!(self.step(path), PatternMatch::Nothing)
    }
}

impl fmt::Debug for Matches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matches").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
