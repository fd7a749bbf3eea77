//! A directory below an origin whose files are sent, and the links in it.

use super::filter::Filter;
use crate::store::{Store, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::Arc;

/// A directory that is being walked.
pub(super) struct Below {
    pub(super) store: Arc<dyn Store>,
    /// Path of the origin, from which the ancestors of a link are looked for.
    pub(super) top: RemotePath,
    /// Bytes of the origin's own path at the destination, and the slash behind.
    pub(super) top_bytes: usize,
    pub(super) base: RemotePath,
    pub(super) path: String,
    pub(super) shown: String,
    pub(super) walk: Box<dyn Walk>,
}

impl Below {
    /// Refuses a link that leads out of the tree that is sent.
    pub(super) fn refuse_leading_out(&self, link: &RemotePath) -> StoreResult<()> {
        let top = real_path(&*self.store, &self.top)?;
        if real_path(&*self.store, link)?.is_within(&top) { Ok(()) } else { Err(leads_astray()) }
    }

    /// Refuses a link to a directory that it is in: following it would have no end.
    pub(super) fn refuse_loop(&self, link: &RemotePath) -> StoreResult<()> {
        let target = self.store.identity(link)?;
        let mut ancestor = link.parent();
        while let Some(directory) = ancestor.filter(|directory| directory.is_within(&self.top)) {
            if self.store.identity(&directory)? == target {
                return Err(Failure::new(ErrorCode::Skipped).because("it is a symbolic link to a directory it is in"));
            }
            ancestor = directory.parent();
        }
        Ok(())
    }

    /// Reports whether rules admit the entry that the last failure is about: they apply to its name as it is on the disk.
    pub(super) fn unlisted_is_meant(&self, filter: &Filter) -> bool {
        let above = self.base.relative_to(&self.top).unwrap_or_default();
        self.walk.unlisted().is_none_or(|unlisted| filter.admits_unlisted(above, unlisted))
    }

    /// Replaces the store's path in a failure by the path as the user knows it.
    pub(super) fn rename(&self, failure: Failure) -> Failure {
        let below = failure.path.as_deref().and_then(|path| path.strip_prefix(self.base.as_str()));
        let shown = join(&self.shown, below.unwrap_or_default().trim_start_matches('/'));
        failure.at(shown)
    }
}

/// Reports whether a link at this path, below a source, leads to something in that source.
#[must_use]
pub fn stays_within(link: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let mut depth = link.matches('/').count();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

pub(super) fn leads_astray() -> Failure {
    Failure::new(ErrorCode::Skipped).because("it is a symbolic link that leads nowhere, or out")
}

/// Returns the path that a path leads to when every link on the way is followed.
fn real_path(store: &dyn Store, path: &RemotePath) -> StoreResult<RemotePath> {
    super::real_path::real_path(store, path).map_err(|failure| match failure.code {
        ErrorCode::OutsideRoot | ErrorCode::LinkLoop => leads_astray(),
        _ => failure,
    })
}

pub(super) fn join(base: &str, below: &str) -> String {
    match (base, below) {
        ("", _) => below.to_owned(),
        (_, "") => base.to_owned(),
        _ if base.ends_with('/') => format!("{base}{below}"),
        _ => format!("{base}/{below}"),
    }
}
