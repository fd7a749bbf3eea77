//! Files that are hashed where they are.

use crate::failed::{Failed, Result};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::{Client, Error, HashOptions};

/// The hash and size of a content.
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) hash: Vec<u8>,
}

/// A file that was hashed, or the failure of one.
pub(super) struct Hashed {
    /// The place of its source among those that were asked for.
    pub(super) source: usize,
    /// Its path below that source; empty if it is the source, and for failures.
    pub(super) below: String,
    pub(super) outcome: std::result::Result<Content, Failure>,
}

/// A consumer of hashed files, in the order in which they were asked for.
pub(super) type EachHashed<'a> = &'a mut dyn FnMut(Hashed) -> Result<()>;

/// Files that can be hashed.
pub(super) trait HashedFiles {
    /// Hashes files, and with `recursive` what is in directories. Each failure is told in its place.
    ///
    /// # Errors
    /// The error of `each`, which ends the call; what ends the call.
    fn hash(&mut self, sources: &[String], options: HashOptions, each: EachHashed<'_>) -> Result<()>;

    /// Gives the path of a name in a directory.
    fn join(&self, directory: Option<&String>, name: &str) -> String;
}

/// The files of a server.
pub(super) struct RemoteFiles {
    client: Client,
}

impl RemoteFiles {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl HashedFiles for RemoteFiles {
    fn hash(&mut self, sources: &[String], options: HashOptions, each: EachHashed<'_>) -> Result<()> {
        // What is no path is told in its place, and not asked for.
        let (mut asked, mut numbers, mut stopped) = (Vec::new(), Vec::new(), None);
        for (number, source) in sources.iter().enumerate() {
            match super::paths::from_root(source) {
                Ok(path) => {
                    asked.push(path);
                    numbers.push(number);
                }
                Err(failed) => {
                    let failure = Failure::new(ErrorCode::InvalidName).because(failed.message()).at(source);
                    each(Hashed { source: number, below: String::new(), outcome: Err(failure) })?;
                }
            }
        }
        let mut at = 0;
        let result = self.client.hash(asked.clone(), options, &mut |hashed| {
            let (place, below, outcome) = match hashed {
                Ok(file) => (file.source, file.below, Ok(Content { size: file.entry.size, hash: file.hash })),
                Err(failure) => (place_of(&failure, &asked, at), String::new(), Err(failure)),
            };
            at = place;
            let source = numbers.get(place).copied().unwrap_or_default();
            each(Hashed { source, below, outcome }).map_err(|failed| {
                stopped = Some(failed);
                Error::Interrupted
            })
        });
        stopped.map_or(Ok(()), Err).and(result.map_err(Failed::from))
    }

    fn join(&self, directory: Option<&String>, name: &str) -> String {
        match directory {
            Some(directory) if !name.starts_with('/') => format!("{}/{name}", directory.trim_end_matches('/')),
            _ => name.to_owned(),
        }
    }
}

/// The place of the source that a failure is about: the next one that has its path, since answers come in order.
fn place_of(failure: &Failure, sources: &[RemotePath], from: usize) -> usize {
    let path = failure.path.as_deref().and_then(|path| RemotePath::parse(path).ok());
    let rest = sources.get(from..).unwrap_or_default();
    let found = path.and_then(|path| rest.iter().position(|source| path.is_within(source)));
    from + found.unwrap_or_default()
}
