//! The places at the destination of a download that were asked for.

use crate::store::{Scope, Scopes};
use crate::transfer::Pattern;
use remofile_protocol::path::RemotePath;
use std::collections::HashSet;

/// The scopes of a download: each source is one, so that no link in a transferred tree leads out of it.
#[derive(Debug)]
pub(super) struct NamedScopes {
    /// The paths of sources.
    tops: HashSet<String>,
    /// Directories on the way to them.
    above: HashSet<String>,
    /// Patterns for the first name of a path, which is a top then.
    patterns: Vec<Pattern>,
    /// True if links below the tops are followed.
    follows_below: bool,
}

impl NamedScopes {
    /// Creates the scopes of sources that have these paths below the destination, or match these patterns.
    pub(super) fn new<'a>(
        names: impl Iterator<Item = &'a String>,
        patterns: Vec<Pattern>,
        follows_below: bool,
    ) -> Self {
        let (mut tops, mut above) = (HashSet::new(), HashSet::new());
        for name in names {
            above.extend(name.match_indices('/').map(|(at, _)| name[..at].to_owned()));
            tops.insert(name.clone());
        }
        Self { tops, above, patterns, follows_below }
    }

    /// Returns the beginning of a path that is the outermost top.
    fn top_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let first = path.split('/').next().unwrap_or(path);
        if self.patterns.iter().any(|pattern| pattern.admits_name(first)) {
            return Some(first);
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| &path[..end]).find(|top| self.tops.contains(*top))
    }
}

impl Scopes for NamedScopes {
    fn scope_of(&self, path: &RemotePath) -> Scope {
        let root = RemotePath::root();
        let below = path.relative_to(&root).unwrap_or_default();
        match self.top_of(below) {
            Some(top) if top.len() < below.len() => match root.join(top) {
                Ok(top) => Scope::Below(top),
                Err(_) => Scope::Outside,
            },
            Some(_) => Scope::Above,
            None if below.is_empty() || self.above.contains(below) => Scope::Above,
            None => Scope::Outside,
        }
    }

    fn follows_below(&self) -> bool {
        self.follows_below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_a_scope_of_its_own() {
        let names = ["photos".to_owned(), "a/b/c".to_owned()];
        let pattern = Pattern::parse(&"/*.jpg".parse().unwrap()).unwrap();
        let scopes = NamedScopes::new(names.iter(), vec![pattern], true);
        let below = |top: &str| Scope::Below(top.parse().unwrap());
        for (path, scope) in [
            ("/", Scope::Above),
            ("/photos", Scope::Above),
            ("/photos/l", below("/photos")),
            ("/photos/l/x", below("/photos")),
            ("/photos (1)", Scope::Outside),
            ("/.ssh/authorized_keys", Scope::Outside),
            ("/a", Scope::Above),
            ("/a/b", Scope::Above),
            ("/a/x", Scope::Outside),
            ("/a/b/c", Scope::Above),
            ("/a/b/c/d", below("/a/b/c")),
            ("/x.jpg", Scope::Above),
            ("/x.jpg/y", below("/x.jpg")),
        ] {
            assert_eq!(scopes.scope_of(&path.parse().unwrap()), scope, "{path}");
        }
    }
}
