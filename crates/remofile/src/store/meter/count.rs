//! The count of what is below a directory.

use crate::store::{Capability, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Kind, Listed};

/// Links that are followed on the way to one thing at most.
const MOST_LINKS: usize = 40;

/// Counts the bytes of the files below a directory, and of the partials of files that were going there. Where a link has
/// taken its place there is nothing: what is behind that is elsewhere.
///
/// # Errors
/// Those of the store if it cannot be listed.
pub(super) fn count(store: &dyn Store, directory: &RemotePath) -> StoreResult<u64> {
    let visible = match visible_bytes(store, directory) {
        _ if followed(store, directory, &RemotePath::root()) != *directory => 0,
        Err(failure) if failure.code == ErrorCode::NotFound => 0,
        // A file has taken its place.
        Err(failure) if failure.code == ErrorCode::NotADirectory => store.stat(directory).map_or(0, |file| file.size),
        counted => counted?,
    };
    if !store.capabilities().has(Capability::Partials) {
        return Ok(visible);
    }
    let partials = store.partials()?.into_iter();
    let everywhere = RemotePath::root();
    let inside = partials.filter(|partial| place_of(store, &partial.path, &everywhere).is_within(directory));
    Ok(inside.fold(visible, |sum, partial| sum.saturating_add(partial.received)))
}

/// Counts the bytes of the visible files below a directory. What cannot be read has none.
pub(super) fn visible_bytes(store: &dyn Store, directory: &RemotePath) -> StoreResult<u64> {
    let mut walk = store.walk(directory, true)?;
    let mut bytes: u64 = 0;
    while let Some(listed) = walk.next() {
        match listed {
            Listed::Entry(entry) if entry.kind == Kind::File => bytes = bytes.saturating_add(entry.size),
            Listed::Entry(_) | Listed::Failed(_) => {}
        }
    }
    Ok(bytes)
}

/// Returns the path of what a path names, with no link on the way to it. A link that it ends with is not followed. What leads
/// out of `scope`, where nothing is done by this path, is returned as it is named: nothing is looked at there.
pub(super) fn place_of(store: &dyn Store, path: &RemotePath, scope: &RemotePath) -> RemotePath {
    resolved(store, path, scope, false)
}

/// Returns the path of what a path leads to, with no link in it. What leads out of `scope` is returned as it is named.
pub(super) fn followed(store: &dyn Store, path: &RemotePath, scope: &RemotePath) -> RemotePath {
    resolved(store, path, scope, true)
}

fn resolved(store: &dyn Store, path: &RemotePath, scope: &RemotePath, follows_last: bool) -> RemotePath {
    if !store.capabilities().has(Capability::Links) {
        return path.clone();
    }
    let mut left: Vec<String> = path.names().map(str::to_owned).collect();
    left.reverse();
    let (mut real, mut links) = (RemotePath::root(), 0);
    while let Some(name) = left.pop() {
        real = match name.as_str() {
            "" | "." => continue,
            ".." => real.parent().unwrap_or(real),
            name => match real.join(name) {
                Ok(place) => place,
                Err(_) => return path.clone(),
            },
        };
        if !real.is_within(scope) && !scope.is_within(&real) {
            return path.clone();
        }
        if (left.is_empty() && !follows_last) || links == MOST_LINKS {
            continue;
        }
        if let Ok(target) = store.read_link(&real) {
            links += 1;
            // One that leads out leads nowhere here: nothing is done behind it.
            real = real.parent().unwrap_or(real);
            left.extend(target.split('/').rev().map(str::to_owned));
        }
    }
    real
}
