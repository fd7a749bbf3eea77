//! The files that a request selects.

use crate::server::principal::Grant;
use crate::store::Store;
use crate::transfer::{Chained, Feed, FeedOptions, Filter, InStore, NamedOneByOne, Origin, Origins, Permit};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Failure, Selected, Selection, SendOptions};
use std::sync::Arc;

/// Adds sources that the client names one by one.
pub(super) fn add(origins: &mut dyn Origins, store: &Arc<dyn Store>, files: Vec<Selected>) -> Result<(), Failure> {
    for file in files {
        let credit = file.credit_bytes();
        let Selected { path, name, known, as_link, parts } = file;
        RemotePath::root().join(&name).map_err(|invalid| Failure::from(invalid).at(&name))?;
        let shown = path.to_string();
        let store = Arc::clone(store);
        origins.add(Origin { store, path, name, shown, entry: None, opening: None, known, as_link, parts }, credit);
    }
    Ok(())
}

/// The files that a request selects.
pub(super) struct SourceSelection {
    sources: Vec<RemotePath>,
    recursive: bool,
    selection: Selection,
    /// True if a file that has several names is sent once.
    hard_links: bool,
}

impl SourceSelection {
    pub(super) fn new(sources: Vec<RemotePath>, recursive: bool, selection: Option<Selection>) -> Self {
        Self { sources, recursive, selection: selection.unwrap_or_default(), hard_links: false }
    }

    /// Has a file that has several names sent once, if the options say so.
    pub(super) fn sent_as(self, options: Option<&SendOptions>) -> Self {
        Self { hard_links: options.is_some_and(|options| options.hard_links), ..self }
    }

    /// Makes the feed of what is sent, and another one of the same files if they are counted before.
    pub(super) fn feeds(&self, grant: &Arc<Grant>, total: bool) -> Result<(Feed, Option<Feed>), Failure> {
        // Sources that are named one by one are not known before they are sent.
        let counts = total && !self.selection.one_by_one;
        // One filter for both feeds: a filter of many rules takes megabytes.
        let filter = self.filter()?;
        let counted = counts.then(|| self.feed(grant, filter.clone())).transpose()?;
        Ok((self.feed(grant, filter)?.telling_removed().opening_ahead(), counted))
    }

    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        Filter::of(&self.selection)
    }

    pub(super) fn feed(&self, grant: &Arc<Grant>, filter: Filter) -> Result<Feed, Failure> {
        let (store, selection) = (&grant.store, &self.selection);
        let mut named = InStore::new(Arc::clone(store), self.sources.clone(), selection.patterns);
        if selection.contents {
            named = named.nameless();
            let open = |source| store.walk(source, false).map(drop).map_err(|failure| failure.at(source));
            self.sources.iter().try_for_each(open)?;
        }
        let origins: Box<dyn Origins> = match selection.one_by_one {
            true => Box::new(Chained::new(named, NamedOneByOne::default())),
            false => Box::new(named),
        };
        let (recursive, links, devices) = (self.recursive, selection.links, selection.devices);
        let permit = Arc::clone(grant) as Arc<dyn Permit>;
        Ok(Feed::new(origins, FeedOptions { recursive, permit, filter, links, devices, hard_links: self.hard_links }))
    }
}
