//! Preparations of a download: partials that are here already of the files that are to come, and old versions of which parts are kept.

use super::Download;
use crate::client::Syncing;
use crate::delta::Piece;
use crate::error::Result;
use crate::plan::{Plan, Step};
use crate::store::{Partial, Store};
use crate::sync::compare::digest;
use crate::sync::deltas::{Candidate, Changed, Deltas};
use crate::sync::feed::candidates;
use crate::sync::items::has_content;
use crate::sync::plan_merger::Recipe;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Parts of one file that are asked for at most: each takes room in a message.
const MOST_PARTS: usize = 4000;

impl Download<'_> {
    /// Returns the local partials of files that are to come and are not made of parts.
    pub(super) fn partials(
        &self,
        syncing: &Syncing<'_>,
        plan: &Plan,
        store: &dyn Store,
        recipes: &HashMap<usize, Recipe>,
    ) -> Result<Vec<Partial>> {
        if !self.options.resume && !syncing.is_again() {
            return Ok(Vec::new());
        }
        let mut partials = store.partials().map_err(|failure| self.local(failure))?;
        if partials.is_empty() {
            return Ok(partials);
        }
        let there = partials.iter().filter_map(|partial| partial.path.relative_to(&self.top));
        let there: HashSet<Box<str>> = there.map(Box::from).collect();
        let is_coming = |(index, step): &(usize, Step)| {
            there.contains(&step.path) && has_content(step) && !recipes.contains_key(index)
        };
        let coming = plan.steps.iter().enumerate().filter(is_coming).map(|(_, step)| step.path);
        let coming: HashSet<Box<str>> = coming.collect();
        partials.retain(|partial| partial.path.relative_to(&self.top).is_some_and(|path| coming.contains(path)));
        Ok(partials)
    }

    /// Searches large files for what changed. A file in which nothing changed only gets its time.
    pub(super) fn prepare(
        &self,
        syncing: &mut Syncing<'_>,
        store: &Arc<dyn Store>,
        plan: &mut Plan,
    ) -> Result<HashMap<usize, Recipe>> {
        let candidate = |(index, size, old_size): (usize, u64, u64)| {
            let path = plan.steps.get(index)?.path;
            Some(Candidate { index, path, local_bytes: old_size, remote_bytes: size })
        };
        let candidates: Vec<Candidate> = candidates(plan).into_iter().filter_map(candidate).collect();
        let local = Arc::clone(store);
        let (remote, most_literals) = (self.source, MOST_PARTS);
        let deltas = Deltas { store: local, local: &self.top, remote, is_upload: false, most_literals };
        let mut recipes = HashMap::new();
        if candidates.is_empty() {
            return Ok(recipes);
        }
        for changed in deltas.find(syncing, candidates, self.options)? {
            if changed.is_same() && !super::super::must_be_written(plan, changed.index) {
                let ours = syncing.attend(|check| digest(&**store, &self.top, &changed.path, check))?;
                if ours.is_ok_and(|ours| ours.is_some() && ours == changed.digest) {
                    super::super::only_touch(plan, changed.index, &changed.remote, self.options.send.preserve_mode);
                    continue;
                }
            }
            let Changed { index, pieces, remote, digest: Some(digest), .. } = changed else { continue };
            if let Some(pieces) = some_literal(pieces, remote.size) {
                recipes.insert(index, Recipe { pieces, size: remote.size, modified: remote.modified, digest });
            }
        }
        Ok(recipes)
    }
}

/// Makes sure that at least one byte of a file is asked for, since a file of which nothing is asked for would come
/// completely. `None` for an empty file.
fn some_literal(mut pieces: Vec<Piece>, size: u64) -> Option<Vec<Piece>> {
    if size == 0 {
        return None;
    }
    if !pieces.iter().any(|piece| matches!(piece, Piece::Literal { .. })) {
        let Some(Piece::Copy { offset, length }) = pieces.pop() else { return None };
        if length > 1 {
            pieces.push(Piece::Copy { offset, length: length - 1 });
        }
        pieces.push(Piece::Literal { offset: size - 1, length: 1 });
    }
    Some(pieces)
}
