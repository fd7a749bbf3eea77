//! Elements of the walks below origins: chosen by the selection, with links followed where that is asked for.

use super::{Feed, special};
use crate::store::StoreResult;
use crate::transfer::below::{Below, join, leads_astray, stays_within};
use crate::transfer::feeding::FoundItem;
use crate::transfer::permit::Access;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{self, ErrorCode, Failure, Kind, Links, Listed};
use std::sync::Arc;

impl Feed {
    /// Judges an element of a walk. Returns `None` if it is left out.
    pub(super) fn below(&mut self, listed: Listed) -> Option<StoreResult<FoundItem>> {
        let below = self.walks.last_mut()?;
        let entry = match listed {
            Listed::Entry(entry) => entry,
            Listed::Failed(failure) => {
                if !below.unlisted_is_meant(&self.options.filter) {
                    return None;
                }
                let failure = below.rename(failure);
                let relative = failure.path.as_deref().and_then(|path| path.strip_prefix(below.shown.as_str()));
                let relative = relative.unwrap_or_default().trim_start_matches('/');
                self.failed = Some((join(&below.path, relative), below.top_bytes.saturating_sub(1)));
                return Some(Err(failure));
            }
        };
        let relative = entry.path.relative_to(&below.base).unwrap_or_default();
        let (path, shown) = (join(&below.path, relative), join(&below.shown, relative));
        let top = below.top_bytes.saturating_sub(1);
        self.failed = Some((path.clone(), top));
        // Rules are relative to the origin, even below a link that is followed.
        let own = entry.path.relative_to(&below.top).unwrap_or(relative).to_owned();
        let own = own.as_str();
        let is_meant = match entry.kind {
            Kind::Directory => self.options.filter.admits_directory(own),
            Kind::File => self.options.filter.admits_file(own, entry.size),
            Kind::Link | Kind::Special => self.options.filter.admits_link(own),
        };
        if !is_meant {
            if entry.kind == Kind::Directory {
                below.walk.skip_directory();
            }
            return None;
        }
        if let Err(failure) = self.options.permit.permit(Access::Read, &entry.path) {
            if entry.kind == Kind::Directory {
                below.walk.skip_directory();
            }
            return Some(Err(failure.at(shown)));
        }
        let store = Arc::clone(&below.store);
        let opened = below.walk.take_opened().filter(|source| source.entry().path == entry.path);
        match (entry.kind, self.options.links) {
            // Who keeps links as they are means to keep everything.
            (Kind::Special, Links::Keep) if !self.options.devices => {
                Some(Err(Failure { code: ErrorCode::NotAFile, ..special() }.at(shown)))
            }
            (Kind::Special, _) if !self.options.devices => Some(Err(special().at(shown))),
            (Kind::Link, Links::Skip) => {
                Some(Err(Failure::new(ErrorCode::Skipped).because("it is a symbolic link").at(shown)))
            }
            (Kind::Link, Links::Follow) => {
                let followed = self.follow(&entry.path, &path, &shown).map_err(|failure| failure.at(&shown));
                let found =
                    |entry| FoundItem { path, top, shown, entry, store, known: None, parts: Vec::new(), opened: None };
                followed.map(|entry| entry.map(found)).transpose()
            }
            (Kind::Link, Links::Copy) => match store.read_link(&entry.path) {
                Ok(target) if stays_within(own, &target) => {
                    Some(Ok(FoundItem { path, top, shown, entry, store, known: None, parts: Vec::new(), opened: None }))
                }
                Ok(_) => Some(Err(leads_astray().at(shown))),
                Err(failure) if failure.code == ErrorCode::OutsideRoot => Some(Err(leads_astray().at(shown))),
                Err(failure) => Some(Err(failure.at(shown))),
            },
            (Kind::File | Kind::Directory | Kind::Special, _) | (Kind::Link, Links::Keep) => {
                Some(Ok(FoundItem { path, top, shown, entry, store, known: None, parts: Vec::new(), opened }))
            }
        }
    }

    /// Follows a link; a directory it leads to is walked next, unless the link is in that directory.
    fn follow(&mut self, link: &RemotePath, path: &str, shown: &str) -> StoreResult<Option<wire::Entry>> {
        let Some(below) = self.walks.last() else { return Ok(None) };
        let entry = below.store.stat(link)?;
        if matches!(entry.kind, Kind::File | Kind::Directory) {
            below.refuse_leading_out(link)?;
        }
        match entry.kind {
            Kind::File if !self.options.filter.admits_file(path.get(below.top_bytes..).unwrap_or(path), entry.size) => {
                Ok(None)
            }
            Kind::File => Ok(Some(entry)),
            Kind::Link => Err(leads_astray()),
            Kind::Special => Err(special()),
            Kind::Directory => {
                below.refuse_loop(link)?;
                let mut walk = below.store.walk(link, true)?;
                if self.tells_removed {
                    walk.tell_removed();
                }
                let (store, top, top_bytes) = (Arc::clone(&below.store), below.top.clone(), below.top_bytes);
                let (path, shown) = (path.to_owned(), shown.to_owned());
                self.walks.push(Below { store, top, top_bytes, base: link.clone(), path, shown, walk });
                Ok(Some(entry))
            }
        }
    }
}
