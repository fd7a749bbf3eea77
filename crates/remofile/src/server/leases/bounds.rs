//! Bounds: what an operation may change under its lease.

use super::claim::{Access, Claim, Reach, StorePath, prefixes};
use remofile_protocol::path::RemotePath;
use std::collections::HashSet;

/// The paths that an operation has claimed to write, as its client sees them: asked for each file, without a copy of its path.
#[derive(Debug)]
pub(in crate::server) struct Bounds {
    /// Empty is the client's root.
    trees: HashSet<Box<str>>,
    entries: HashSet<Box<str>>,
}

impl Bounds {
    /// The bounds of a client that has `root` for its root.
    pub(in crate::server) fn new(root: &RemotePath, claims: &[Claim]) -> Self {
        let root = StorePath::new(root, &RemotePath::root());
        let written = |reach| {
            let meant = claims.iter().filter(move |claim| claim.access == Access::Write && claim.reach == reach);
            meant.filter_map(|claim| Some(named(seen(claim, &root)?).into())).collect()
        };
        Self { trees: written(Reach::Subtree), entries: written(Reach::Entry) }
    }

    /// Reports whether a path is claimed.
    pub(in crate::server) fn hold(&self, path: &RemotePath) -> bool {
        let path = named(path.as_str());
        self.entries.contains(path) || prefixes(path).any(|prefix| self.trees.contains(prefix))
    }
}

/// Returns the path of a claim as the client of a root sees it, if any of it is in there.
fn seen<'a>(claim: &'a Claim, root: &StorePath) -> Option<&'a str> {
    let is_around = claim.reach == Reach::Subtree && root.is_within(&claim.place);
    if is_around { Some("/") } else { claim.place.seen_from(root) }
}

fn named(path: &str) -> &str {
    if path == "/" { "" } else { path }
}
