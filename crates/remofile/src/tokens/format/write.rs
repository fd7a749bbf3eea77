//! From tokens to text, in which everything that a person has written stays.

use super::field::Field;
use super::key;
use super::read::{Parsed, TablePlace};
use crate::tokens::entry::TokenEntry;
use crate::tokens::name::TokenName;
use crate::tokens::set::Tokens;
use crate::tokens::{size, time};
use remofile_protocol::token::Origin;
use std::fmt::Write;
use std::ops::Range;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// A time that cannot be written: one before the year 0 or after the year 9999.
#[derive(Debug)]
pub(super) struct UnwritableTime;

type Result<T> = std::result::Result<T, UnwritableTime>;

/// A part of the text, and what takes its place.
struct Splice {
    range: Range<usize>,
    text: Zeroizing<String>,
}

/// Changes the text that was parsed into one of other tokens.
pub(super) fn update(text: &str, parsed: &Parsed, tokens: &Tokens) -> Result<Zeroizing<String>> {
    let mut splices = Vec::new();
    for place in &parsed.places {
        match (parsed.tokens.get(&place.name), tokens.get(&place.name)) {
            (Some(old), Some(new)) if old != new => change(text, place, old, new, &mut splices)?,
            (Some(_), None) => splices.push(Splice { range: whole(text, place), text: Zeroizing::default() }),
            _ => {}
        }
    }
    let mut changed = splice(text, splices);
    for entry in tokens.iter().filter(|entry| parsed.tokens.get(&entry.name).is_none()) {
        append(&mut changed, entry)?;
    }
    Ok(changed)
}

fn splice(text: &str, mut splices: Vec<Splice>) -> Zeroizing<String> {
    splices.sort_by_key(|splice| splice.range.start);
    // No larger copy is made later, which would leave this one behind.
    let more: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut changed = Zeroizing::new(String::with_capacity(text.len() + more));
    let mut done = 0;
    for Splice { range, text: new } in &splices {
        changed.push_str(text.get(done..range.start).unwrap_or_default());
        changed.push_str(new);
        done = done.max(range.end);
    }
    changed.push_str(text.get(done..).unwrap_or_default());
    changed
}

fn append(text: &mut Zeroizing<String>, entry: &TokenEntry) -> Result<()> {
    let mut table = Zeroizing::new(String::with_capacity(1024));
    if !text.is_empty() {
        table.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    let _ = writeln!(table, "[{}]", name(&entry.name));
    for field in Field::EVERY {
        if let Some(value) = value(field, entry)? {
            let _ = writeln!(table, "{} = {}", field.name(), &*value);
        }
    }
    let mut longer = Zeroizing::new(String::with_capacity((text.len() + table.len()).next_power_of_two()));
    if text.capacity() < text.len() + table.len() {
        longer.push_str(text);
        std::mem::swap(text, &mut longer);
    }
    text.push_str(&table);
    Ok(())
}

/// Changes the settings of one token that differ, and nothing else.
fn change(text: &str, place: &TablePlace, old: &TokenEntry, new: &TokenEntry, splices: &mut Vec<Splice>) -> Result<()> {
    let mut added = Zeroizing::new(String::with_capacity(1024));
    let mut last = place.header.end;
    for field in Field::EVERY {
        let (before, after) = (value(field, old)?, value(field, new)?);
        match (place.values.get(&field), after) {
            (Some(found), _) if before == value(field, new)? => last = last.max(found.value.end),
            (Some(found), Some(after)) => {
                last = last.max(found.value.end);
                splices.push(Splice { range: found.value.clone(), text: after });
            }
            (Some(found), None) => {
                let range = line_start(text, found.begin)..next_line(text, found.value.end);
                splices.push(Splice { range, text: Zeroizing::default() });
            }
            (None, Some(after)) if before.as_ref() != Some(&after) => {
                let _ = write!(added, "\n{} = {}", field.name(), &*after);
            }
            (None, _) => {}
        }
    }
    let end = line_end(text, last);
    splices.push(Splice { range: end..end, text: added });
    Ok(())
}

/// Returns a setting as TOML, if the token has it.
fn value(field: Field, entry: &TokenEntry) -> Result<Option<Zeroizing<String>>> {
    let former = entry.superseded.as_ref();
    let text = match field {
        Field::Key => return Ok(Some(quoted_key(&key::show(&entry.key)))),
        Field::PreviousKey => return Ok(former.map(|former| quoted_key(&key::show(&former.key)))),
        Field::Chosen => chosen(entry.origin),
        Field::PreviousChosen => former.and_then(|former| chosen(former.origin)),
        Field::PreviousExpires => moment(former.map(|former| former.expires))?,
        Field::Rights => Some(quoted(entry.rights.name())),
        Field::Below => (!entry.below.is_root()).then(|| quoted(entry.below.as_str())),
        Field::Expires => moment(entry.expires)?,
        Field::Quota => bytes(entry.quota),
        Field::FileSizeLimit => bytes(entry.file_size_limit),
        Field::Bwlimit => bytes(entry.bwlimit),
        Field::Sessions => entry.sessions.map(|sessions| sessions.to_string()),
    };
    Ok(text.map(Zeroizing::new))
}

fn chosen(origin: Origin) -> Option<String> {
    (origin == Origin::Chosen).then(|| "true".to_owned())
}

fn moment(time: Option<SystemTime>) -> Result<Option<String>> {
    time.map(|time| time::show_time(time).ok_or(UnwritableTime)).transpose()
}

fn bytes(size: Option<u64>) -> Option<String> {
    size.map(|size| quoted(&size::show_size(size)))
}

fn quoted_key(digits: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(digits.len() + 2));
    for part in ["\"", digits, "\""] {
        text.push_str(part);
    }
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn name(name: &TokenName) -> String {
    let is_bare = name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { name.as_str().to_owned() } else { quoted(name.as_str()) }
}

/// Returns the lines of a token: with the comment lines directly above it, which are about it, and those directly below
/// it. Only what stands apart stays, and what is at the top of the file.
fn whole(text: &str, place: &TablePlace) -> Range<usize> {
    let last = place.values.values().map(|found| found.value.end).chain([place.header.end]).max().unwrap_or_default();
    let header = line_start(text, place.header.start);
    let mut start = header;
    while start > 0 && is_comment(text, line_start(text, start - 1)) {
        start = line_start(text, start - 1);
    }
    if start == 0 {
        start = header;
    }
    let end = next_line(text, last);
    let mut below = end;
    while below < text.len() && is_comment(text, below) {
        below = next_line(text, below);
    }
    // A comment that the next token follows directly is about that one.
    let end = if line(text, below).trim().is_empty() { below } else { end };
    let blank = start > 0 && line(text, line_start(text, start - 1)).trim().is_empty();
    if blank { line_start(text, start - 1)..end } else { start..end }
}

fn is_comment(text: &str, start: usize) -> bool {
    line(text, start).trim_start().starts_with('#')
}

fn line(text: &str, start: usize) -> &str {
    text.get(start..line_end(text, start)).unwrap_or_default()
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |feed| at + feed)
}

fn next_line(text: &str, at: usize) -> usize {
    (line_end(text, at) + 1).min(text.len())
}
