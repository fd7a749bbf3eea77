//! The plan of an upload.

use crate::client::upload::survey::NAMES_BYTES;
use crate::client::{LocalSource, TransferOptions};
use crate::error::{Error, Result};
use crate::store::{STAGING_NAME, exists, is_directory};
use crate::transfer::{Feed, FeedOptions, Filter, Local, LocalOrigin, expand_local, numbered_path};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, OnConflict, Version};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Numbered names that are looked at for each source, for at most `RENAMED_NAMES` sources.
const RENAMED_TIMES: u32 = 16;
const RENAMED_NAMES: usize = 256;

/// The plan of an upload: which source goes where, found out before anything is sent.
pub(super) struct UploadPlan<'a> {
    origins: Vec<std::result::Result<LocalOrigin, Failure>>,
    pub(super) destination: &'a RemotePath,
    pub(super) options: &'a TransferOptions,
    filter: Filter,
    /// First names at the destination, each once.
    pub(super) names: Vec<String>,
    /// Version that the one file must replace, if it must be a certain one.
    pub(super) replaces: Option<Version>,
}

impl<'a> UploadPlan<'a> {
    /// Makes the plan of an upload.
    ///
    /// # Errors
    /// A pattern that is malformed; two sources of one name.
    pub(super) fn new(
        sources: &[LocalSource],
        destination: &'a RemotePath,
        options: &'a TransferOptions,
    ) -> Result<Self> {
        let origin = |source: &LocalSource| LocalOrigin {
            directory: source.directory.clone(),
            path: source.path.clone(),
            name: source.name.clone(),
            shown: source.path.display().to_string(),
        };
        let mut origins = expand_local(sources.iter().map(origin).collect());
        if options.recursive {
            drop_covered(&mut origins);
        }
        let filter = Filter::of(&options.selection).map_err(Error::Local)?;
        let (mut all, mut names) = (HashSet::new(), Vec::new());
        for origin in &origins {
            let name = match origin {
                Ok(origin) => origin.destination_name(),
                Err(failure) if failure.code == ErrorCode::BadPattern => {
                    return Err(Error::Local(failure.clone()));
                }
                Err(_) => continue,
            };
            // A source without a name is reported when it is to be sent.
            let (Ok(origin), Ok(name)) = (origin, name) else { continue };
            destination.join(&name).map_err(|invalid| Error::Local(Failure::from(invalid).at(&origin.shown)))?;
            let first = name.split('/').next().unwrap_or_default().to_owned();
            if !all.insert(name.clone()) {
                let what = format!("another source has the name {name:?}: give one of them another");
                return Err(Error::Local(Failure::new(ErrorCode::AlreadyExists).at(&origin.shown).because(what)));
            }
            names.push(first);
        }
        names.sort_unstable();
        names.dedup();
        Ok(Self { origins, destination, options, filter, names, replaces: None })
    }

    pub(super) fn feed(&self) -> Result<Feed> {
        let options = FeedOptions {
            recursive: self.options.recursive,
            permit: Arc::new(NameRule::Posix),
            filter: self.filter.clone(),
            links: self.options.selection.links,
        };
        Ok(Feed::new(Box::new(Local::new(self.origins.clone())), options))
    }

    /// Returns the names at the destination that matter: files may also go, or have gone, beside others.
    pub(super) fn places(&self) -> Vec<String> {
        let may_rename = self.options.ask || self.options.on_conflict == OnConflict::Rename;
        let mut places = self.names.clone();
        if may_rename && self.names.len() <= RENAMED_NAMES {
            let beside = |name: &String| (1..=RENAMED_TIMES).map_while(|number| numbered_path(name, number)).collect();
            places.extend(self.names.iter().flat_map(|name| -> Vec<String> { beside(name) }));
        }
        places
    }

    /// Returns a failure for each staging directory in the sources: those hold partials of downloads and servers, and
    /// are never sent.
    pub(super) fn reserved(&self) -> impl Iterator<Item = Failure> {
        let reserved = |origin: &LocalOrigin| {
            let is_there = self.options.recursive && exists(&origin.place().join(STAGING_NAME));
            let shown = format!("{}/{STAGING_NAME}", origin.shown.trim_end_matches('/'));
            is_there.then(|| Failure::new(ErrorCode::Skipped).at(shown).because("the name is reserved for Remofile"))
        };
        self.origins.iter().flatten().filter_map(reserved)
    }

    /// Returns the sources that are directories.
    pub(super) fn directories(&self) -> impl Iterator<Item = PathBuf> {
        self.origins.iter().flatten().map(LocalOrigin::place).filter(|path| is_directory(path))
    }

    /// Reports whether the names find room in the request.
    pub(super) fn names_fit(&self) -> bool {
        self.names.iter().map(|name| name.len() + 8).sum::<usize>() <= NAMES_BYTES
    }
}

/// Drops sources that a directory among the sources brings anyway, to the same place: lists of files name
/// both.
fn drop_covered(origins: &mut Vec<std::result::Result<LocalOrigin, Failure>>) {
    let named = |origin: &LocalOrigin| Some((origin.name.clone()?, origin.path.clone()));
    let places: HashMap<String, PathBuf> = origins.iter().flatten().filter_map(named).collect();
    origins.retain(|origin| {
        let Ok(LocalOrigin { name: Some(name), path, .. }) = origin else { return true };
        let brings = |at: usize| places.get(&name[..at]).is_some_and(|above| above.join(&name[at + 1..]) == *path);
        !name.match_indices('/').any(|(at, _)| brings(at))
    });
}
