//! Places: where in the store around it the paths of a prefix lead, and what may lead out of it.

use super::Prefix;
use crate::store::wrappers::inside::Inside;
use crate::store::{StoreResult, target};
use remofile_protocol::limits::MAX_PATH_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};

/// Links that are followed on the way to one thing at most.
const MOST_LINKS: usize = 40;

/// Bytes of a path that are kept for that of the directory, be it shorter: else what still fits would tell its length.
const KEPT_FOR_TOP: usize = 4096;

impl Prefix {
    /// The place in the store of what a path names; a link that it ends with is not followed.
    pub(super) fn named(&self, path: &RemotePath) -> StoreResult<RemotePath> {
        self.place(path, false, false)
    }

    /// The place in the store of what a path leads to.
    pub(super) fn followed(&self, path: &RemotePath) -> StoreResult<RemotePath> {
        self.place(path, true, false)
    }

    /// As [`Prefix::named`], for what cannot be done to the root.
    pub(super) fn below(&self, path: &RemotePath) -> StoreResult<RemotePath> {
        if path.is_root() {
            return Err(Failure::new(ErrorCode::BadRequest).because("the root directory itself stays as it is"));
        }
        self.named(path)
    }

    /// As [`Prefix::named`], for what is made together with the directories on the way to it: not where a link leads nowhere.
    pub(super) fn to_be_made(&self, path: &RemotePath) -> StoreResult<RemotePath> {
        self.place(path, false, true)
    }

    fn place(&self, path: &RemotePath, follows_last: bool, is_to_be_made: bool) -> StoreResult<RemotePath> {
        if !self.checks_links {
            return self.at(path.as_str());
        }
        self.resolved(path, follows_last, is_to_be_made)
    }

    /// As [`Prefix::place`], with every link on the way looked at here.
    fn resolved(&self, path: &RemotePath, follows_last: bool, is_to_be_made: bool) -> StoreResult<RemotePath> {
        let mut left: Vec<String> = path.names().map(str::to_owned).collect();
        left.reverse();
        let (mut real, mut links) = (Vec::new(), 0);
        while let Some(name) = left.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." if real.pop().is_none() => return Err(ErrorCode::OutsideRoot.into()),
                ".." => continue,
                _ => real.push(name),
            }
            if left.is_empty() && !follows_last {
                break;
            }
            let place = self.at(&real.join("/"))?;
            if let Ok(target) = self.inner.read_link(&place) {
                if is_to_be_made && self.inner.stat(&place)?.kind == Kind::Link {
                    return Err(ErrorCode::AlreadyExists.into());
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(ErrorCode::LinkLoop.into());
                }
                if target.starts_with('/') {
                    return Err(ErrorCode::OutsideRoot.into());
                }
                real.pop();
                left.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        self.at(&real.join("/"))
    }

    /// The place of names below the top.
    fn at(&self, names: &str) -> StoreResult<RemotePath> {
        const MOST: usize = MAX_PATH_BYTES - KEPT_FOR_TOP;
        let too_long = |bytes| {
            Failure::new(ErrorCode::InvalidName).because(format_args!("the path has {bytes} bytes, more than {MOST}"))
        };
        match names.trim_start_matches('/') {
            "" => Ok(self.top.clone()),
            names if names.len() >= MOST => Err(too_long(names.len() + 1)),
            names => self.top.join(names).map_err(|_| too_long(names.len() + 1)),
        }
    }

    pub(super) fn inside(&self, path: &RemotePath, place: RemotePath) -> Inside {
        Inside { place, path: path.clone() }
    }

    /// Refuses to tell the target of a link that leads out of here, which names what is there.
    pub(super) fn refuse_to_tell(&self, link: &RemotePath, target: &str) -> StoreResult<()> {
        let outside = || Err(ErrorCode::OutsideRoot.into());
        if target.starts_with('/') {
            return outside();
        }
        if target.split('/').all(|name| name != "..") {
            return Ok(());
        }
        // The directory that it is in may have been reached by a link, and be further up or down than its path says.
        let directory = self.resolved(&link.parent().unwrap_or_else(RemotePath::root), true, false)?;
        let names = directory.relative_to(&self.top).unwrap_or_default();
        let mut depth = names.split('/').filter(|name| !name.is_empty()).count();
        for name in target.split('/') {
            match name {
                "" | "." => {}
                ".." if depth == 0 => return outside(),
                ".." => depth -= 1,
                _ => depth += 1,
            }
        }
        Ok(())
    }

    /// Refuses a target that leads out of here from where a link is to be.
    pub(super) fn refuse_target(&self, place: &RemotePath, to: &str) -> StoreResult<()> {
        let above = place.parent().unwrap_or_else(RemotePath::root);
        let names = above.relative_to(&self.top).unwrap_or_default();
        target::refuse_leading_out(&|_| false, false, names.as_bytes(), to)
    }

    /// Refuses to give a link a place from which it leads out, unless it does that already.
    pub(super) fn refuse_to_lead_out_from(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        if !self.checks_links {
            return Ok(());
        }
        match self.inner.read_link(from) {
            Ok(link) if self.refuse_target(from, &link).is_ok() => self.refuse_target(to, &link),
            _ => Ok(()),
        }
    }
}
