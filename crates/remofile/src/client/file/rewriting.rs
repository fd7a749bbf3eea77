//! A file that is rewritten: kept on this side until it is closed, then uploaded as a whole.

use super::parts::Remote;
use crate::client::{Client, LocalSource, OpenOptions, TransferOptions};
use crate::error::{Error, Result};
use crate::monitor::Silent;
use crate::store::{Scratch, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict, SendOptions, Version};

#[derive(Debug)]
pub(super) struct Rewriting {
    remote: Remote,
    scratch: Scratch,
    must_be_new: bool,
    /// Permission bits of the file that it replaces.
    mode: Option<u32>,
}

impl Rewriting {
    /// Checks whether there can be such a file. Nothing is changed on the server.
    pub(super) fn open(mut remote: Remote, create: bool, must_be_new: bool) -> Result<Self> {
        let path = remote.path().clone();
        let found = look(remote.client(), &path, create);
        let read_only = remote.client().server().map(|server| server.read_only);
        remote.client().lend();
        let mode = match found? {
            Some(_) if must_be_new => return Err(Failure::new(ErrorCode::AlreadyExists).at(&path).into()),
            Some(entry) => match entry.kind {
                Kind::File => entry.mode,
                // A link that leads nowhere, or out, is replaced and not followed.
                Kind::Link => None,
                Kind::Directory | Kind::Special => return Err(Failure::new(ErrorCode::NotAFile).at(&path).into()),
            },
            None => None,
        };
        if read_only? {
            return Err(Failure::new(ErrorCode::ReadOnly).at(&path).into());
        }
        Ok(Self { remote, scratch: Scratch::default(), must_be_new, mode })
    }

    pub(super) fn client(&mut self) -> &mut Client {
        self.remote.client()
    }

    pub(super) fn path(&self) -> &str {
        self.remote.path().as_str()
    }

    pub(super) fn size(&self) -> Result<u64> {
        local(self.scratch.size())
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        local(self.scratch.read_at(buffer, offset))
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<usize> {
        local(self.scratch.write_at(bytes, offset)).map(|()| bytes.len())
    }

    pub(super) fn set_len(&mut self, length: u64) -> Result<()> {
        local(self.scratch.set_length(length))
    }

    /// Uploads the file: from then on others see it. With `replaces`, only in place of this version of the file.
    pub(super) fn finish(&mut self, replaces: Option<Version>) -> Result<()> {
        let path = self.remote.path().clone();
        let replaces = match replaces {
            Some(version) => self.checked_version(version)?,
            None => None,
        };
        let (directory, name) = path.split().map_err(|invalid| Failure::from(invalid).at(&path))?;
        let place = local(self.scratch.place(self.mode))?.to_owned();
        let source = LocalSource { name: Some(name.as_str().to_owned()), ..place.into() };
        let options = TransferOptions {
            on_conflict: if self.must_be_new { OnConflict::Abort } else { OnConflict::Replace },
            send: SendOptions { preserve_mode: self.mode.is_some(), ..SendOptions::default() },
            // The new content may have the size and time of the present file, and still be different.
            resume: false,
            ..TransferOptions::default()
        };
        let client = self.remote.client();
        let uploaded = match replaces {
            Some(version) => client.upload_in_place_of(version, &source, &directory, &options),
            None => client.upload(&[source], &directory, &options, &mut Silent),
        };
        self.remote.client().lend();
        match uploaded {
            // The user does not know the name of the temporary file, so the remote path is named.
            Ok(report) => report.failures.into_iter().next().map_or(Ok(()), |failure| Err(failure.at(&path).into())),
            Err(Error::Conflicts(_)) => Err(Failure::new(ErrorCode::AlreadyExists).at(&path).into()),
            Err(Error::Remote(failure)) => Err(failure.at(&path).into()),
            Err(error) => Err(error),
        }
    }
}

impl Rewriting {
    /// Returns the version that the server has to check. A server that cannot check is asked now which version there
    /// is: a change that comes after that is not seen.
    fn checked_version(&mut self, version: Version) -> Result<Option<Version>> {
        let path = self.remote.path().clone();
        let checks = self.remote.client().server().map(|server| server.checks_versions);
        self.remote.client().lend();
        if checks? {
            return Ok(Some(version));
        }
        let there = match self.remote.client().open(&path, OpenOptions::new().read(true)) {
            Ok(file) => file.version(),
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => None,
            Err(error) => return Err(error),
        };
        self.remote.client().lend();
        if there == Some(version) { Ok(None) } else { Err(Failure::new(ErrorCode::SourceChanged).at(&path).into()) }
    }
}

/// Returns the entry of the present file. If there is none and the file may be created, checks that its directory
/// exists.
fn look(client: &mut Client, path: &RemotePath, create: bool) -> Result<Option<Entry>> {
    match client.stat(path) {
        Ok(entry) => Ok(Some(entry)),
        Err(Error::Remote(failure)) if create && failure.code == ErrorCode::NotFound => {
            let (directory, _) = path.split().map_err(|invalid| Failure::from(invalid).at(path))?;
            match client.stat(&directory)?.kind {
                Kind::Directory => Ok(None),
                _ => Err(Failure::new(ErrorCode::NotADirectory).at(&directory).into()),
            }
        }
        Err(error) => Err(error),
    }
}

fn local<T>(result: StoreResult<T>) -> Result<T> {
    result.map_err(Error::Local)
}
