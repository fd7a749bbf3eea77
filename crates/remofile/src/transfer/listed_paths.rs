//! Lists of paths that alone take part in a sync.

use crate::store::StoreResult;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Failure;
use std::collections::HashSet;
use std::sync::Arc;

/// Paths below a directory that alone take part in a sync, each with all that is below it. The directories above them take
/// part as well, but nothing else in these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedPaths(Arc<Lists>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Lists {
    named: HashSet<Box<str>>,
    /// The directories above the paths that are named.
    above: HashSet<Box<str>>,
}

impl ListedPaths {
    /// Creates the list of these paths: relative ones, names with slashes between them.
    ///
    /// # Errors
    /// `invalid-name` with the path that is none.
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<str>>) -> StoreResult<Self> {
        let mut lists = Lists::default();
        for path in paths {
            let path = path.as_ref();
            RemotePath::root().join(path).map_err(|invalid| Failure::from(invalid).at(path))?;
            for (end, _) in path.rmatch_indices('/') {
                // Those above a directory that is known are known, too.
                if !lists.above.insert(path[..end].into()) {
                    break;
                }
            }
            lists.named.insert(path.into());
        }
        Ok(Self(Arc::new(lists)))
    }

    /// Returns the list with other names for its paths.
    ///
    /// # Errors
    /// `invalid-name` with the path that is none.
    pub(crate) fn map(&self, rename: impl Fn(&str) -> String) -> StoreResult<Self> {
        Self::new(self.0.named.iter().map(|path| rename(path)))
    }

    /// Reports whether a path is named, or is below one that is.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let is_named = |path: &str| self.0.named.contains(path);
        is_named(path) || path.match_indices('/').any(|(end, _)| is_named(&path[..end]))
    }

    /// Reports whether a path is one of the directories above those that are named.
    #[must_use]
    pub fn leads_to_some(&self, path: &str) -> bool {
        self.0.above.contains(path)
    }

    /// Returns the paths that are named, in no order.
    pub(crate) fn named(&self) -> &HashSet<Box<str>> {
        &self.0.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::wire::ErrorCode;

    #[test]
    fn what_is_named_takes_part_with_all_below_it_and_the_directories_above() {
        let listed = ListedPaths::new(["a/b/c", "d", "a/x"]).unwrap();
        for path in ["a/b/c", "a/b/c/deep/er", "d", "d/e", "a/x"] {
            assert!(listed.has(path), "{path}");
        }
        for path in ["a", "a/b", "a/b/cc", "dd", "x", ""] {
            assert!(!listed.has(path), "{path}");
        }
        assert!(listed.leads_to_some("a") && listed.leads_to_some("a/b"));
        assert!(!listed.leads_to_some("d") && !listed.leads_to_some("b"));
    }

    #[test]
    fn what_is_no_path_is_refused_by_its_name() {
        for path in ["", "/a", "../a", "a/../b", "a//b", "."] {
            let failure = ListedPaths::new(["ok", path]).unwrap_err();
            assert_eq!((failure.code, failure.path.as_deref()), (ErrorCode::InvalidName, Some(path)));
        }
    }
}
