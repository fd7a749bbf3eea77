//! What becomes of a file in the way of a new one.

use crate::store::{Store, StoreResult};
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, OnConflict, Timestamp};

/// Names that are tried before giving up on a free one.
const ATTEMPTS: u32 = 10_000;

/// Where a new file goes, and whether it may replace what is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) path: RemotePath,
    pub(super) replace: bool,
}

/// Applies a rule to a new file. What the store is not asked here, it finds out when the file is
/// committed: no rule but `replace` and `newer` ever loses a file that came in between.
///
/// # Errors
/// `skipped` where the rule leaves the old file; `already-exists` where no name is free.
pub(super) fn resolve(
    store: &dyn Store,
    path: RemotePath,
    modified: Option<Timestamp>,
    rule: OnConflict,
) -> StoreResult<Resolved> {
    match rule {
        OnConflict::Abort => Ok(Resolved { path, replace: false }),
        OnConflict::Replace => Ok(Resolved { path, replace: true }),
        OnConflict::Skip => match store.stat(&path) {
            Ok(_) => Err(ErrorCode::Skipped.into()),
            Err(_) => Ok(Resolved { path, replace: false }),
        },
        OnConflict::Newer => match store.stat(&path) {
            Ok(entry) if entry.kind == Kind::File && modified.is_some_and(|modified| modified <= entry.modified) => {
                Err(Failure::new(ErrorCode::Skipped).because("what is there is as new"))
            }
            _ => Ok(Resolved { path, replace: true }),
        },
        OnConflict::Rename => free_name(store, path),
    }
}

fn free_name(store: &dyn Store, path: RemotePath) -> StoreResult<Resolved> {
    let is_free = |path: &RemotePath| matches!(store.stat(path), Err(failure) if failure.code == ErrorCode::NotFound);
    if is_free(&path) {
        return Ok(Resolved { path, replace: false });
    }
    let (directory, name) = path.split()?;
    for number in 1..=ATTEMPTS {
        let candidate = directory.child(&numbered(&name, number)?)?;
        if is_free(&candidate) {
            return Ok(Resolved { path: candidate, replace: false });
        }
    }
    Err(ErrorCode::AlreadyExists.into())
}

/// `name (1).txt` for `name.txt`; a leading dot begins no extension.
fn numbered(name: &FileName, number: u32) -> StoreResult<FileName> {
    let text = name.as_str();
    let (stem, extension) = match text.rfind('.') {
        Some(at) if at > 0 => text.split_at(at),
        _ => (text, ""),
    };
    Ok(FileName::parse(&format!("{stem} ({number}){extension}"), NameRule::Posix)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_before_the_extension() {
        for (name, expected) in
            [("a.txt", "a (2).txt"), ("a", "a (2)"), (".hidden", ".hidden (2)"), ("a.tar.gz", "a.tar (2).gz")]
        {
            let name = FileName::parse(name, NameRule::Posix).unwrap();
            assert_eq!(numbered(&name, 2).unwrap().as_str(), expected);
        }
    }
}
