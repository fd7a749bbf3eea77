//! The plan of an upload.

use crate::client::session::lane_choice::LARGE_FILE;
use crate::client::transfer::as_they_are::encoded_again;
use crate::client::upload::survey::NAMES_BYTES;
use crate::client::{LocalSource, TransferOptions};
use crate::error::{Error, Result};
use crate::store::{STAGING_NAME, exists, is_directory, is_file_of};
use crate::transfer::{Feed, FeedOptions, Feeding, Filter, Local, LocalOrigin, Roll, expand_local, numbered_path};
use remofile_protocol::path::{FileName, NameRule, RemotePath, decode, encode_name};
use remofile_protocol::wire::{ErrorCode, Failure, OnConflict, Version};
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Numbered names that are looked at for each source, for at most `RENAMED_NAMES` sources.
const RENAMED_TIMES: u32 = 16;
const RENAMED_NAMES: usize = 256;

/// The plan of an upload: which source goes where, found out before anything is sent.
pub(super) struct UploadPlan<'a> {
    origins: Arc<[std::result::Result<LocalOrigin, Failure>]>,
    pub(super) destination: &'a RemotePath,
    pub(super) options: &'a TransferOptions,
    filter: Filter,
    /// First names at the destination, each once.
    pub(super) names: Vec<String>,
    /// Version that the one file must replace, if it must be a certain one.
    pub(super) replaces: Option<Version>,
    /// The files that were counted, if they were.
    pub(super) roll: Option<Arc<Roll>>,
}

impl<'a> UploadPlan<'a> {
    /// Makes the plan of an upload. Names are encoded for a rule, if one is given.
    ///
    /// # Errors
    /// A pattern that is malformed; two sources of one name.
    pub(super) fn new(
        sources: &[LocalSource],
        destination: &'a RemotePath,
        options: &'a TransferOptions,
        encoding: Option<NameRule>,
    ) -> Result<Self> {
        let origin = |source: &LocalSource| LocalOrigin {
            directory: source.directory.clone(),
            path: source.path.clone(),
            name: source.name.as_ref().map(|name| match encoding {
                Some(rule) if is_own_path(name, &source.path) => encoded_again(name, rule),
                _ => name.clone(),
            }),
            shown: source.path.display().to_string(),
            encoding: encoding.or_else(|| is_renamed_file(source).then_some(NameRule::Posix)),
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
        Ok(Self { origins: origins.into(), destination, options, filter, names, replaces: None, roll: None })
    }

    pub(super) fn feed(&self) -> Result<Feed> {
        let options = FeedOptions {
            recursive: self.options.recursive,
            permit: Arc::new(NameRule::Posix),
            filter: self.filter.clone(),
            links: self.options.selection.links,
            devices: self.options.selection.devices,
            hard_links: self.options.send.hard_links,
        };
        Ok(Feed::new(Box::new(Local::new(Arc::clone(&self.origins))), options))
    }

    /// Returns the feed of what is sent, which tells of what it does not find any more.
    pub(super) fn sending_feed(&self) -> Result<Feed> {
        let mut feed = self.feed()?.telling_removed();
        self.roll.iter().for_each(|roll| feed.expect(roll));
        Ok(feed)
    }

    /// Returns the names at the destination that matter: files may also go, or have gone, beside others.
    pub(super) fn places(&self) -> Vec<String> {
        places_of(&self.names, self.options)
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

    /// Returns the number of sessions at once, for a monitor that wants to see chunks or not. One file has one, with all
    /// connections.
    pub(super) fn connections(&self, shows_chunks: bool) -> u8 {
        let is_one = self.origins.len() == 1 && self.directories().next().is_none();
        if is_one { 1 } else { self.options.connections(shows_chunks) }
    }

    /// Reports whether it is about one large file.
    pub(super) fn is_large_file(&self) -> bool {
        let is_large = |origin: &LocalOrigin| is_file_of(&origin.place(), LARGE_FILE);
        matches!(&*self.origins, [Ok(origin)] if is_large(origin))
    }

    /// Reports whether the names find room in the request.
    pub(super) fn names_fit(&self) -> bool {
        fit(&self.names)
    }

    /// Returns the names that nobody else may use meanwhile, if the files go nowhere else and there is room to say so.
    pub(super) fn claims(&self) -> Option<Vec<String>> {
        if self.options.ask { None } else { claims_of(&self.names, self.options.on_conflict) }
    }
}

/// Returns the names at the destination that matter to files of these first names.
pub(crate) fn places_of(names: &[String], options: &TransferOptions) -> Vec<String> {
    let may_rename = options.ask || options.on_conflict == OnConflict::Rename;
    let mut places = names.to_vec();
    if may_rename && names.len() <= RENAMED_NAMES {
        let beside = |name: &String| (1..=RENAMED_TIMES).map_while(|number| numbered_path(name, number)).collect();
        places.extend(names.iter().flat_map(|name| -> Vec<String> { beside(name) }));
    }
    places
}

/// Returns the names that an upload claims; `None` if its files may get others.
pub(crate) fn claims_of(names: &[String], on_conflict: OnConflict) -> Option<Vec<String>> {
    let is_known = on_conflict != OnConflict::Rename && !names.is_empty() && fit(names);
    is_known.then(|| names.to_vec())
}

fn fit(names: &[String]) -> bool {
    names.iter().map(|name| name.len() + 8).sum::<usize>() <= NAMES_BYTES
}

/// Reports whether a source is a file whose own name is none of the protocol, and that gets another name.
fn is_renamed_file(source: &LocalSource) -> bool {
    let is_no_name = |name: &OsStr| FileName::from_bytes(name.as_bytes()).is_err();
    source.name.is_some()
        && source.path.file_name().is_some_and(is_no_name)
        && is_file_of(&source.directory.join(&source.path), 0)
}

/// Reports whether the name that a source is given is the path that it has, encoded as far as text and paths need it: what is
/// listed keeps its directories.
fn is_own_path(name: &str, path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let own = bytes.strip_prefix(b"/").unwrap_or(bytes).split(|byte| *byte == b'/');
    own.map(|own| encode_name(own, NameRule::Posix)).eq(name.split('/'))
}

/// Drops sources that a directory among the sources brings anyway, to the same place: lists of files name
/// both.
fn drop_covered(origins: &mut Vec<std::result::Result<LocalOrigin, Failure>>) {
    let named = |origin: &LocalOrigin| Some((origin.name.clone()?, origin.path.clone()));
    let on_disk = |name: &str, encoding: Option<NameRule>| match encoding {
        Some(_) => OsString::from_vec(decode(name).into_owned()),
        None => name.into(),
    };
    let places: HashMap<String, PathBuf> = origins.iter().flatten().filter_map(named).collect();
    origins.retain(|origin| {
        let Ok(LocalOrigin { name: Some(name), path, encoding, .. }) = origin else { return true };
        let brings = |at: usize| {
            let above = places.get(&name[..at]);
            above.is_some_and(|above| above.join(on_disk(&name[at + 1..], *encoding)) == *path)
        };
        !name.match_indices('/').any(|(at, _)| brings(at))
    });
}
