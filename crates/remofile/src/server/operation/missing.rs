//! The path that a failure is about, where it is not the one that was asked for: a directory on the way that is missing.

use crate::server::principal::Grant;
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};

/// The finder of the path that a failure is about. Who may not learn what names there are is only told the path that it named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blame {
    sees_names: bool,
}

impl Blame {
    pub(super) fn of(grant: &Grant) -> Self {
        Self { sees_names: grant.principal.sees_names() }
    }

    /// Adds to the failure of a path that was to be made the one to blame.
    pub(super) fn at_missing(self, store: &dyn Store, path: &RemotePath, failure: Failure) -> Failure {
        if self.sees_names { at_missing(store, path, failure) } else { failure.at(path) }
    }

    /// Adds to the failure of a rename the one to blame.
    pub(super) fn at_either(
        self,
        store: &dyn Store,
        source: &RemotePath,
        destination: &RemotePath,
        failure: Failure,
    ) -> Failure {
        if self.sees_names { at_either(store, source, destination, failure) } else { failure.at(source) }
    }
}

/// Adds to the failure of a path that was to be made the directory on its way that is not there, or that is none, if that is
/// the reason.
fn at_missing(store: &dyn Store, path: &RemotePath, failure: Failure) -> Failure {
    let to_blame = path.parent().and_then(|parent| first_unusable(store, &parent, failure.code));
    failure.at(to_blame.as_ref().unwrap_or(path))
}

/// Adds to the failure of a rename which of both paths it is about: the one that the user has to change.
fn at_either(store: &dyn Store, source: &RemotePath, destination: &RemotePath, failure: Failure) -> Failure {
    let may_be_destination =
        matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory | ErrorCode::InvalidName);
    match failure.code {
        ErrorCode::AlreadyExists => failure.at(destination),
        // The store has named something below the source.
        ErrorCode::InvalidName if failure.path.is_some() => failure.at(source),
        _ if may_be_destination && store.stat(source).is_ok() => at_missing(store, destination, failure),
        _ => failure.at(source),
    }
}

/// Returns the first directory down to a path that is missing, or is no directory, as the code says. It is searched by halves:
/// what is above a directory that is there is there, too.
fn first_unusable(store: &dyn Store, path: &RemotePath, code: ErrorCode) -> Option<RemotePath> {
    let text = path.as_str();
    let ends: Vec<usize> = text.match_indices('/').map(|(at, _)| at).skip(1).chain([text.len()]).collect();
    let until = |end: &usize| text.get(..*end).and_then(|prefix| RemotePath::parse(prefix).ok());
    let is_there = |path: &RemotePath| store.stat(path).is_ok();
    let there = ends.partition_point(|end| until(end).is_some_and(|path| is_there(&path)));
    match code {
        ErrorCode::NotFound => ends.get(there).and_then(until),
        ErrorCode::NotADirectory => {
            let last = ends.get(there.checked_sub(1)?).and_then(until)?;
            let entry = store.stat(&last).ok()?;
            (!matches!(entry.kind, Kind::Directory | Kind::Link)).then_some(last)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, WriteStore};

    fn blamed(path: &str, code: ErrorCode) -> String {
        let store = MemoryStore::new();
        store.make_directory(&"/a/b".parse().unwrap(), false, true).unwrap();
        store.create_file(&"/a/f".parse().unwrap(), false).unwrap();
        at_missing(&store, &path.parse().unwrap(), Failure::new(code)).path.unwrap()
    }

    #[test]
    fn the_first_directory_that_is_missing_or_is_none_is_to_blame() {
        for (path, expected) in
            [("/x/y/z", "/x"), ("/a/x/y/z", "/a/x"), ("/a/b/x/y", "/a/b/x"), ("/a/b/x", "/a/b/x"), ("/x", "/x")]
        {
            assert_eq!(blamed(path, ErrorCode::NotFound), expected, "{path}");
        }
        assert_eq!(blamed("/a/f/x/y", ErrorCode::NotADirectory), "/a/f");
        assert_eq!(blamed("/a/b/x", ErrorCode::NoSpace), "/a/b/x");
    }

    #[test]
    fn of_a_rename_the_side_that_is_missing_is_to_blame() {
        let store = MemoryStore::new();
        store.create_file(&"/f".parse().unwrap(), false).unwrap();
        let told = |source: &str, destination: &str, code| {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            at_either(&store, &source, &destination, Failure::new(code)).path.unwrap()
        };
        assert_eq!(told("/f", "/missing/x", ErrorCode::NotFound), "/missing");
        assert_eq!(told("/missing", "/x", ErrorCode::NotFound), "/missing");
        assert_eq!(told("/missing/f", "/other/x", ErrorCode::NotFound), "/missing/f");
        assert_eq!(told("/f", "/f/x", ErrorCode::NotADirectory), "/f");
        assert_eq!(told("/f", "/x", ErrorCode::AlreadyExists), "/x");
        let (source, destination) = ("/f".parse().unwrap(), "/x".parse().unwrap());
        let invalid = |failure| at_either(&store, &source, &destination, failure).path.unwrap();
        assert_eq!(invalid(Failure::new(ErrorCode::InvalidName)), "/x");
        assert_eq!(invalid(Failure::new(ErrorCode::InvalidName).at("/f//odd")), "/f");
    }
}
