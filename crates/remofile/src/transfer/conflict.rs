//! The conflict of a new file with one that has its name.

use super::intake::UnpackerOptions;
use super::memory::Recent;
use crate::store::{NewSpecial, Store, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, OnConflict, Timestamp};

/// Names that are tried before giving up on a free one.
const ATTEMPTS: u32 = 10_000;

/// The size and time of a file, as far as they are known before it is there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FileStamp {
    pub(super) size: Option<u64>,
    pub(super) modified: Option<Timestamp>,
}

/// The path of a new file, and the permission to replace the file there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) path: RemotePath,
    pub(super) replace: bool,
}

/// Applies a rule to a new file. With `has_doubt`, a file of the same size and time that is there and may not be on
/// the disk is replaced whatever the rule says. A file that comes in between is found by the commit: no rule but
/// `replace` and `newer` ever loses it.
///
/// # Errors
/// `skipped` where the rule leaves the old file; `already-exists` where no name is free.
pub(super) fn resolve(
    store: &dyn Store,
    path: RemotePath,
    stamp: FileStamp,
    rule: OnConflict,
    has_doubt: bool,
) -> StoreResult<Resolved> {
    let FileStamp { size, modified } = stamp;
    let is_same = |there: &Entry| there.unflushed && Some(there.size) == size && Some(there.modified) == modified;
    if has_doubt && store.stat(&path).is_ok_and(|there| is_same(&there)) {
        return Ok(Resolved { path, replace: true });
    }
    match rule {
        OnConflict::Abort => Ok(Resolved { path, replace: false }),
        OnConflict::Replace => Ok(Resolved { path, replace: true }),
        OnConflict::Skip => match store.stat(&path) {
            Ok(_) => Err(exists_already()),
            Err(_) => Ok(Resolved { path, replace: false }),
        },
        OnConflict::Newer => match store.stat(&path) {
            Ok(entry) if entry.kind == Kind::File && modified.is_some_and(|modified| modified <= entry.modified) => {
                Err(Failure::new(ErrorCode::Skipped).because("the existing file is not older"))
            }
            _ => Ok(Resolved { path, replace: true }),
        },
        OnConflict::Rename => free_name(store, path),
    }
}

fn exists_already() -> Failure {
    Failure::new(ErrorCode::Skipped).because("it exists already")
}

/// Makes a link by a rule, and returns its path, which the rule may change. A link with the same target is left as
/// it is.
pub(super) fn make_link(
    store: &dyn Store,
    path: RemotePath,
    target: &str,
    rule: OnConflict,
) -> StoreResult<RemotePath> {
    if store.read_link(&path).is_ok_and(|existing| existing == target) {
        return Ok(path);
    }
    let resolved = match rule {
        // Not by `stat`, which does not see a dangling link: that is in the way, too.
        OnConflict::Skip | OnConflict::Newer => {
            return match store.make_link(&path, target, false) {
                Err(failure) if failure.code == ErrorCode::AlreadyExists => Err(exists_already()),
                made => made.map(|()| path),
            };
        }
        _ => resolve(store, path, FileStamp::default(), rule, false)?,
    };
    store.make_link(&resolved.path, target, resolved.replace)?;
    Ok(resolved.path)
}

/// Keeps a link by a rule as [`make_link`] makes one, whatever it leads to.
pub(super) fn keep_link(
    store: &dyn Store,
    path: RemotePath,
    target: &str,
    rule: OnConflict,
) -> StoreResult<RemotePath> {
    if store.kept_target(&path).is_ok_and(|existing| existing == target) {
        return Ok(path);
    }
    by_rule(store, path, rule, |path, replace| store.keep_link(path, target, replace).map(drop))
}

/// Gives a file another name by a rule, and returns the name, which the rule may change.
pub(super) fn add_name(
    store: &dyn Store,
    of: &RemotePath,
    path: RemotePath,
    rule: OnConflict,
) -> StoreResult<RemotePath> {
    by_rule(store, path, rule, |path, replace| store.add_name(of, path, replace).map(drop))
}

/// Makes a special file by a rule, and returns its path, which the rule may change.
pub(super) fn make_special(
    store: &dyn Store,
    path: RemotePath,
    new: &NewSpecial,
    rule: OnConflict,
) -> StoreResult<RemotePath> {
    by_rule(store, path, rule, |path, replace| store.make_special(path, new, replace).map(drop))
}

/// Makes something without content by a rule. What is there may be the same already: `make` finds out.
fn by_rule(
    store: &dyn Store,
    path: RemotePath,
    rule: OnConflict,
    make: impl Fn(&RemotePath, bool) -> StoreResult<()>,
) -> StoreResult<RemotePath> {
    let first = match rule {
        OnConflict::Replace => return make(&path, true).map(|()| path),
        OnConflict::Abort | OnConflict::Skip | OnConflict::Newer | OnConflict::Rename => make(&path, false),
    };
    match (first, rule) {
        (Err(failure), OnConflict::Skip | OnConflict::Newer) if failure.code == ErrorCode::AlreadyExists => {
            Err(exists_already())
        }
        (Err(failure), OnConflict::Rename) if failure.code == ErrorCode::AlreadyExists => {
            let free = free_name(store, path)?.path;
            make(&free, false).map(|()| free)
        }
        (made, _) => made.map(|()| path),
    }
}

/// The names of files that were stored: on a file system that tells `a` and `A` apart no better than its
/// users, one file of a transfer must not replace another of the same.
#[derive(Default)]
pub(super) struct Stored {
    /// Parts of digests of paths in small letters, and of the paths themselves: as many bits as leave names that are
    /// taken for others by chance rare, since these are only looked at twice. Bytes, so that an entry takes eight. Of
    /// very many the last: what differs by case alone is mostly in one directory.
    names: Recent<[u8; 5], [u8; 3]>,
}

impl Stored {
    /// Adds the path below the destination under which a file was stored.
    pub(super) fn add(&mut self, options: &UnpackerOptions, path: &str) {
        if matches!(options.on_conflict, OnConflict::Abort | OnConflict::Skip) {
            return; // Nothing is ever replaced.
        }
        if let Ok(path) = options.destination.join(path) {
            let (small, own) = keys(&path);
            self.names.insert(small, own);
        }
    }

    /// Returns the memory that the names take, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.names.memory_bytes()
    }

    /// Refuses a file whose name differs from that of a stored one by its case alone, where that makes no
    /// difference.
    pub(super) fn refuse_other_case(&self, store: &dyn Store, path: &RemotePath) -> StoreResult<()> {
        let (small, own) = keys(path);
        let is_other = self.names.get(&small).is_some_and(|stored| *stored != own);
        // The listing comes last, as it is the only look that costs more than a system call.
        if is_other && store.stat(path).is_ok() && !is_listed(store, path)? {
            return Err(Failure::new(ErrorCode::AlreadyExists).because("another file's name differs only by case"));
        }
        Ok(())
    }
}

fn keys(path: &RemotePath) -> ([u8; 5], [u8; 3]) {
    let [a, b, c, d, e, ..] = digest(path.as_str().to_lowercase().as_bytes());
    let [f, g, h, ..] = digest(path.as_str().as_bytes());
    ([a, b, c, d, e], [f, g, h])
}

/// Reports whether a directory has exactly this name, and not only one that is taken for the same.
fn is_listed(store: &dyn Store, path: &RemotePath) -> StoreResult<bool> {
    let Some(parent) = path.parent() else { return Ok(true) };
    let mut walk = store.walk(&parent, false)?;
    Ok(std::iter::from_fn(|| walk.next()).any(|listed| matches!(listed, Listed::Entry(entry) if entry.path == *path)))
}

fn free_name(store: &dyn Store, path: RemotePath) -> StoreResult<Resolved> {
    let is_free = |path: &RemotePath| match store.stat(path) {
        Ok(_) => Ok(false),
        Err(failure) if failure.code == ErrorCode::NotFound => Ok(true),
        // If nothing can be looked at here, another number does not help.
        Err(failure) => Err(failure),
    };
    if is_free(&path)? {
        return Ok(Resolved { path, replace: false });
    }
    let (directory, name) = path.split()?;
    for number in 1..=ATTEMPTS {
        let candidate = directory.child(&numbered(&name, number)?)?;
        if is_free(&candidate)? {
            return Ok(Resolved { path: candidate, replace: false });
        }
    }
    Err(ErrorCode::AlreadyExists.into())
}

/// Returns the path that [`OnConflict::Rename`] tries with a number: `a/name (1).txt` for `a/name.txt` and 1.
#[must_use]
pub fn numbered_path(path: &str, number: u32) -> Option<String> {
    let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let name = numbered(&FileName::parse(name, NameRule::Posix).ok()?, number).ok()?;
    Some(if directory.is_empty() { name.to_string() } else { format!("{directory}/{name}") })
}

/// Numbers a name: `name (1).txt` for `name.txt`. A leading dot begins no extension.
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
            assert_eq!(numbered_path(name, 2).unwrap(), expected);
            assert_eq!(numbered_path(&format!("d.d/e/{name}"), 2).unwrap(), format!("d.d/e/{expected}"));
        }
    }
}
