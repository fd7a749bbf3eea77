//! Filters: rules and sizes that leave files out.
//!
//! The rules are matched by the crate `ignore`. It reads some of them otherwise than git, or drops
//! them: braces, escapes and classes in sets, sets that hold a slash, white space at the end, what is
//! malformed. So a line is read here, and written anew in the part of the notation where both agree.

use super::glob::{self, Set, Token};
use super::listed_paths::ListedPaths;
use super::pattern::is_pattern;
use crate::store::{StoreResult, Unlisted};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Selection};
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Rules in all, at most; a line counts a byte more than it has.
const MAX_RULES_BYTES: usize = 64 * 1024;

/// Memory of a compiled rule, and of each of its bytes. `NAME_BYTES` is of a rule that stands for one name or path,
/// `PATTERN_BYTES` of a rule that stands for many and becomes a part of an automaton.
const NAME_BYTES: (usize, usize) = (512, 24);
const PATTERN_BYTES: (usize, usize) = (1024, 512);

/// A character that no name of a file holds.
const NEVER: char = '\u{1}';

/// Rules in the notation and with the meaning of gitignore: the last one that matches decides; `!`
/// takes back; a directory that is left out is not entered.
///
/// As there, `?` and sets stand for single bytes, so that they do not match a character beyond ASCII.
/// What git would ignore as malformed is an error here.
#[derive(Debug, Clone)]
pub struct Filter {
    rules: Option<Arc<Gitignore>>,
    sizes: RangeInclusive<u64>,
    /// The paths that alone are meant, and whether nothing but directories is meant above them.
    listed: Option<(ListedPaths, bool)>,
}

impl Filter {
    /// The filter of a selection.
    ///
    /// # Errors
    /// As [`Filter::new`].
    pub fn of(selection: &Selection) -> StoreResult<Self> {
        Self::new(&selection.rules, selection.min_size, selection.max_size)
    }

    /// Reads rules, each a line of gitignore (comments and empty lines are none), and takes bounds for
    /// the sizes of files in bytes, both included; `None` for no bound.
    ///
    /// # Errors
    /// `bad-pattern` with the rule as path and the reason as detail if a rule is malformed; without a
    /// path if they have more than 64 KiB in all.
    pub fn new(rules: &[String], min_size: Option<u64>, max_size: Option<u64>) -> StoreResult<Self> {
        let bytes = rules.iter().fold(0_usize, |sum, rule| sum.saturating_add(rule.len()).saturating_add(1));
        if bytes > MAX_RULES_BYTES {
            let detail = format_args!("there are {bytes} bytes of rules, more than {MAX_RULES_BYTES}");
            return Err(Failure::new(ErrorCode::BadPattern).because(detail));
        }
        let mut builder = GitignoreBuilder::new("");
        for rule in rules {
            add(&mut builder, rule).map_err(|failure| failure.at(rule))?;
        }
        let rules = builder.build().map_err(malformed)?;
        let sizes = min_size.unwrap_or(0)..=max_size.unwrap_or(u64::MAX);
        Ok(Self { rules: (!rules.is_empty()).then(|| Arc::new(rules)), sizes, listed: None })
    }

    /// Returns the memory that a filter of these rules takes at most, in bytes, as measured of the worst ones.
    #[must_use]
    pub fn memory_bytes(rules: &[String]) -> usize {
        let bytes = |rule: &String| {
            let (rule_bytes, byte_bytes) = if is_pattern(rule) { PATTERN_BYTES } else { NAME_BYTES };
            rule_bytes + byte_bytes * rule.len()
        };
        rules.iter().map(bytes).sum()
    }

    /// Creates a filter that admits everything and costs nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { rules: None, sizes: 0..=u64::MAX, listed: None }
    }

    /// Admits of what it admits only what is listed, and the directories above that; with `anything_above` whatever is in
    /// their places.
    #[must_use]
    pub fn within(self, listed: Option<&ListedPaths>, anything_above: bool) -> Self {
        Self { listed: listed.map(|listed| (listed.clone(), anything_above)), ..self }
    }

    /// Reports whether a path takes part as far as the list decides: it is on the list, below what is, or above.
    #[must_use]
    pub fn may_list(&self, below: &str) -> bool {
        self.listed.as_ref().is_none_or(|(listed, _)| listed.has(below) || listed.leads_to_some(below))
    }

    /// Reports whether no rule leaves out a file, or a directory above it.
    pub(crate) fn admits_by_rules(&self, below: &str) -> bool {
        self.rules_admit(below, false) && below.match_indices('/').all(|(end, _)| self.rules_admit(&below[..end], true))
    }

    /// Returns the paths that are listed themselves, in no order.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().flat_map(|(listed, _)| listed.named().iter().map(|path| &**path))
    }

    /// Reports whether it leaves nothing out.
    pub(crate) fn admits_all(&self) -> bool {
        self.rules.is_none() && self.listed.is_none() && self.sizes == (0..=u64::MAX)
    }

    /// Reports whether there is any rule.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Reports whether a directory is entered. `below` is its path relative to the source directory, names separated
    /// by slashes; its parents must be admitted.
    #[must_use]
    pub fn admits_directory(&self, below: &str) -> bool {
        self.may_list(below) && self.rules_admit(below, true)
    }

    /// Reports whether a file of `size` bytes is sent; `below` as in [`Filter::admits_directory`].
    #[must_use]
    pub fn admits_file(&self, below: &str, size: u64) -> bool {
        self.sizes.contains(&size) && self.admits_link(below)
    }

    /// Reports whether a link is sent. The rules alone decide, since it has no size of its own.
    #[must_use]
    pub fn admits_link(&self, below: &str) -> bool {
        self.lists(below) && self.rules_admit(below, false)
    }

    /// Reports whether an entry is meant that cannot be listed. The rules are applied to its name as it is on the disk;
    /// `above` is the path of the walk relative to the source directory.
    #[must_use]
    pub fn admits_unlisted(&self, above: &str, unlisted: &Unlisted) -> bool {
        let below = Path::new(above).join(OsStr::from_bytes(&unlisted.below));
        let is_sized = unlisted.size.is_none_or(|size| self.sizes.contains(&size));
        is_sized
            && self.lists(&below.to_string_lossy())
            && self.rules_admit(below, unlisted.kind == Some(Kind::Directory))
    }

    fn lists(&self, below: &str) -> bool {
        let is_meant = |(listed, anything_above): &(ListedPaths, bool)| {
            listed.has(below) || (*anything_above && listed.leads_to_some(below))
        };
        self.listed.as_ref().is_none_or(is_meant)
    }

    fn rules_admit(&self, below: impl AsRef<Path>, is_directory: bool) -> bool {
        self.rules.as_ref().is_none_or(|rules| !rules.matched(below, is_directory).is_ignore())
    }
}

fn malformed(reason: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::BadPattern).because(reason)
}

fn add(builder: &mut GitignoreBuilder, rule: &str) -> StoreResult<()> {
    let Some(line) = rewrite(rule).map_err(malformed)? else {
        return Ok(());
    };
    builder.add_line(None, &line).map_err(malformed)?;
    Ok(())
}

/// Writes a rule anew; `None` for a comment or an empty line.
fn rewrite(rule: &str) -> Result<Option<String>, &'static str> {
    let rule = without_final_spaces(rule.strip_suffix('\r').unwrap_or(rule));
    if rule.is_empty() || rule.starts_with('#') {
        return Ok(None);
    }
    if rule.contains('\n') {
        return Err("a rule is one line");
    }
    if escapes_slash(rule) {
        return Err("a slash cannot be escaped");
    }
    let (takes_back, rest) = strip(rule.strip_prefix('!'), rule);
    let (only_directories, rest) = strip(rest.strip_suffix('/'), rest);
    let is_anchored = rest.contains('/');
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Err("it names nothing");
    }
    let tokens = glob::parse(rest)?;
    let names = tokens.split(|token| *token == Token::Literal('/')).map(write_name);
    let mut line = names.collect::<Result<Vec<_>, _>>()?.join("/");
    if !only_directories {
        protect_final_space(&mut line);
    }
    let before = if takes_back { "!" } else { "" };
    // Said outright, as `ignore` would take a slash in a set for one between names.
    let anchor = if is_anchored { "/" } else { "/**/" };
    let after = if only_directories { "/" } else { "" };
    Ok(Some(format!("{before}{anchor}{line}{after}")))
}

fn strip<'a>(stripped: Option<&'a str>, otherwise: &'a str) -> (bool, &'a str) {
    (stripped.is_some(), stripped.unwrap_or(otherwise))
}

fn escapes_slash(rule: &str) -> bool {
    let mut characters = rule.chars();
    std::iter::from_fn(|| characters.next().map(|character| character == '\\' && characters.next() == Some('/')))
        .any(|is_escaped_slash| is_escaped_slash)
}

/// Takes spaces from the end that no backslash escapes.
fn without_final_spaces(rule: &str) -> &str {
    let trimmed = rule.trim_end_matches(' ');
    let backslashes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    let is_escaped = backslashes % 2 == 1 && trimmed.len() < rule.len();
    &rule[..trimmed.len() + usize::from(is_escaped)]
}

/// Puts white space at the end of a line between braces: `ignore` drops it otherwise.
fn protect_final_space(line: &mut String) {
    if let Some(space) = line.chars().next_back().filter(|last| last.is_whitespace()) {
        line.pop();
        if line.ends_with('\\') {
            line.pop();
        }
        line.extend(['{', space, '}']);
    }
}

/// Writes the part of a rule between two slashes.
fn write_name(tokens: &[Token]) -> Result<String, &'static str> {
    if tokens.is_empty() {
        return Err("a name in it is empty");
    }
    if tokens.len() > 1 && tokens.iter().all(|token| *token == Token::Many) {
        return Ok("**".to_owned());
    }
    let mut name = String::new();
    let mut was_many = false;
    for token in tokens {
        match token {
            // Within a name two are one, and `ignore` would read more into them.
            Token::Many if was_many => {}
            Token::Many => name.push('*'),
            Token::One => name.push('?'),
            Token::Literal(character) => write_literal(&mut name, *character),
            Token::Set(set) => write_set(&mut name, set)?,
        }
        was_many = *token == Token::Many;
    }
    Ok(name)
}

fn write_literal(name: &mut String, character: char) {
    // Every sign is escaped, special or not: a list of the special ones could miss one.
    if character.is_ascii_punctuation() {
        name.push('\\');
    }
    name.push(character);
}

/// Writes a set as the printable ASCII characters in it, those with a meaning where they have none: `]`
/// first, the hyphen last, `!` and `^` in between. A slash is never in a set.
fn write_set(name: &mut String, set: &Set) -> Result<(), &'static str> {
    if set.ranges.iter().any(|(_, high)| !high.is_ascii()) {
        return Err("a set of characters in a rule is one of bytes, and this one goes beyond ASCII");
    }
    let holds = |character: &char| set.ranges.iter().any(|(low, high)| (low..=high).contains(&character));
    let plain = (' '..='~').filter(|character| !matches!(character, ']' | '-' | '!' | '^' | '/'));
    name.push_str(if set.is_negated { "[!" } else { "[" });
    // A set reads `]` as itself only in front, and `!`, `^` and `-` only behind others.
    name.extend(Some(']').filter(holds));
    name.push(if set.is_negated { '/' } else { NEVER });
    name.extend(plain.chain(['!', '^', '-']).filter(holds));
    name.push(']');
    Ok(())
}

#[cfg(test)]
mod tests;
