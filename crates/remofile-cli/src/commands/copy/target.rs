//! The destination of a copy at a server: a directory that holds it, or the path that names it.

use crate::commands::{parents, paths};
use crate::failed::{Failed, Result};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind};
use remofile::{Client, Error};

/// A destination as it was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) text: &'a str,
    /// True if several sources go there, so that it must be a directory.
    pub(super) holds_several: bool,
    /// True if missing directories are made.
    pub(super) parents: bool,
    /// True if a directory that is there was made by an earlier run of the same command, which named it.
    pub(super) is_named: bool,
}

/// The directory that gets the copy, and the name that a single copy gets there, if not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) directory: RemotePath,
    pub(super) name: Option<String>,
}

impl Target {
    /// Returns the path of a copy.
    pub(super) fn path_of(&self, source: &RemotePath) -> Result<RemotePath> {
        let path = match &self.name {
            Some(name) => self.directory.join(name),
            None => {
                let (_, name) = source.split().map_err(|error| Failed::usage(error.to_string()))?;
                self.directory.child(&name)
            }
        };
        path.map_err(|error| Failed::usage(error.to_string()))
    }
}

impl Destination<'_> {
    /// Tells by what is there now whether it holds the copy or names it. With `change` directories that are missing and
    /// wanted are made.
    ///
    /// # Errors
    /// `not-found` with the directory that is missing; `not-a-directory` if several sources were to go into a file.
    pub(super) fn resolve(self, client: &mut Client, change: bool) -> Result<Target> {
        let path = paths::from_root(self.text)?;
        let must_hold = self.holds_several || self.text.ends_with('/');
        match kind(client, &path)? {
            Some(Kind::Directory) if must_hold || !self.is_named => return Ok(Target { directory: path, name: None }),
            Some(_) if must_hold => {
                return Err(Error::Remote(Failure::new(ErrorCode::NotADirectory).at(&path)).into());
            }
            None if must_hold => {
                self.make(client, &path, change)?;
                return Ok(Target { directory: path, name: None });
            }
            Some(_) | None => {}
        }
        let (parent, name) = path.split().map_err(|error| Failed::usage(error.to_string()))?;
        if kind(client, &parent)?.is_none() {
            self.make(client, &parent, change)?;
        }
        Ok(Target { directory: parent, name: Some(name.as_str().to_owned()) })
    }

    /// Makes a directory that is missing, if that is wanted.
    fn make(self, client: &mut Client, path: &RemotePath, change: bool) -> Result<()> {
        match (self.parents, change) {
            (true, true) => Ok(client.make_directory(path, true, true).map(drop)?),
            (true, false) => Ok(()),
            (false, _) => {
                let missing = Failure::new(ErrorCode::NotFound).at(path).because(parents::PARENTS);
                Err(Error::Remote(missing).into())
            }
        }
    }
}

/// Reports whether it is certain that a path leads to no directory, so that nothing of the copy of one is there.
pub(super) fn is_no_directory(client: &mut Client, path: &RemotePath) -> bool {
    kind(client, path).is_ok_and(|kind| kind != Some(Kind::Directory))
}

/// Returns the kind of what a path leads to, if there is something. What a token may not look at is taken for a directory, which
/// files may be put into.
pub(super) fn kind(client: &mut Client, path: &RemotePath) -> Result<Option<Kind>> {
    match client.stat(path) {
        Ok(entry) => Ok(Some(entry.kind)),
        Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => Ok(None),
        Err(Error::Remote(failure)) if failure.rights.is_some() => Ok(Some(Kind::Directory)),
        Err(error) => Err(error.into()),
    }
}
