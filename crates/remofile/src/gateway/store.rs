//! A remote directory behind protocol 1, as a store.

use super::answers::refused;
use super::names::Names;
use super::requests::Requests;
use super::shared_connection::{ChosenChunk, SharedConnection};
use super::transfers::{Reading, Writing};
use super::walk::{RemoteRemoval, RemoteWalk};
use crate::store::Directory as StoreDirectory;
use crate::store::{
    Capabilities, Capability, DurableStore, Editing, Partial, PendingBackup, PosixStore, ReadStore, Removal,
    ResumeStore, Source, StagePlan, Staged, Store, StoreResult, Walk, WriteStore,
};
use remofile_protocol::digest::digest;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::protocol1::{Directory, Request, Response};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Timestamp};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The files of a server, as far as protocol 1 shows them.
pub(super) struct RemoteStore(SharedConnection);

impl RemoteStore {
    pub(super) fn new(requests: Requests, chosen: ChosenChunk) -> Self {
        Self(SharedConnection::new(requests, chosen))
    }
}

fn unsupported(what: &str) -> Failure {
    Failure::new(ErrorCode::Unsupported).because(format!("protocol 1 cannot {what}"))
}

impl SharedConnection {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        let Ok((directory, name)) = path.split() else {
            let (kind, modified) = (Kind::Directory, Timestamp::new(0, 0));
            return Ok(Entry { path: path.clone(), kind, size: 0, modified, mode: None, unflushed: false });
        };
        let files = self.list(&directory)?;
        files.find(name.as_str()).ok_or(ErrorCode::NotFound)?.entry(&directory)
    }

    fn exists(&self, path: &RemotePath) -> StoreResult<Option<Kind>> {
        match self.stat(path) {
            Ok(entry) => Ok(Some(entry.kind)),
            Err(failure) if failure.code == ErrorCode::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn remove(&self, path: &RemotePath) -> StoreResult<()> {
        let (directory, name) = path.split()?;
        let directory = Directory::new(directory.as_str());
        match self.ask(&Request::RemoveFile { name: name.as_str().to_owned(), directory })? {
            Response::FileRemoved => Ok(()),
            other => Err(refused(other)),
        }
    }
}

impl ReadStore for RemoteStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        if path.is_root() {
            self.0.prove_chunk()?;
        }
        self.0.stat(path)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        Ok(Box::new(RemoteWalk::new(&self.0, directory, recursive)?))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        let entry = self.0.stat(path)?;
        if entry.kind != Kind::File {
            return Err(ErrorCode::NotAFile.into());
        }
        let (directory, name) = path.split()?;
        Ok(Box::new(Reading::new(self.0.clone(), directory, name, entry)))
    }

    fn read_link(&self, _: &RemotePath) -> StoreResult<String> {
        Err(unsupported("read links"))
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        Ok(u128::from_be_bytes(digest(path.as_str().as_bytes())))
    }
}

impl WriteStore for RemoteStore {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        let (directory, name) = path.split()?;
        let directory = Directory::new(directory.as_str());
        match self.0.ask(&Request::CreateFile { name: name.as_str().to_owned(), directory })? {
            Response::FileCreated => Ok(()),
            Response::FileAlreadyExists if update => Err(unsupported("change the time of a file")),
            other => Err(refused(other)),
        }
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        let (directory, name) = path.split()?;
        if parents && !directory.is_root() && self.0.exists(&directory)?.is_none() {
            self.make_directory(&directory, true, true)?;
        }
        let request =
            Request::MakeDirectory { name: name.as_str().to_owned(), directory: Directory::new(directory.as_str()) };
        match self.0.ask(&request)? {
            Response::DirectoryCreated => Ok(true),
            Response::FileAlreadyExists if update && self.0.exists(path)? == Some(Kind::Directory) => Ok(false),
            other => Err(refused(other)),
        }
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn StoreDirectory>> {
        let (names, staged) = (self.0.list(path)?, Mutex::default());
        Ok(Box::new(RemoteDirectory { shared: self.0.clone(), path: path.clone(), names, staged }))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        let kind = self.0.stat(path)?.kind;
        if kind == Kind::Directory && !self.0.list(path)?.is_empty() {
            return Err(ErrorCode::NotEmpty.into());
        }
        self.0.remove(path).map(|()| kind)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        let kind = self.0.stat(path)?.kind;
        Ok(Box::new(RemoteRemoval::new(&self.0, path, kind)))
    }

    fn rename(&self, _: &RemotePath, _: &RemotePath, _: bool) -> StoreResult<()> {
        Err(unsupported("move"))
    }
}

impl ResumeStore for RemoteStore {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        Ok(Vec::new())
    }

    fn read_partial(&self, _: &RemotePath) -> StoreResult<Box<dyn Source>> {
        Err(ErrorCode::NotFound.into())
    }

    fn remove_partial(&self, _: &RemotePath) -> StoreResult<bool> {
        Ok(false)
    }

    fn expire_partials(&self, _: Duration) -> StoreResult<u64> {
        Ok(0)
    }
}

impl PosixStore for RemoteStore {
    fn edit(&self, _: &RemotePath, _: bool) -> StoreResult<Box<dyn Editing>> {
        Err(unsupported("change files in place"))
    }

    fn make_link(&self, _: &RemotePath, _: &str, _: bool) -> StoreResult<()> {
        Err(unsupported("make links"))
    }

    fn set_mode(&self, _: &RemotePath, _: u32) -> StoreResult<()> {
        Err(unsupported("change permissions"))
    }

    fn set_modified(&self, _: &RemotePath, _: Timestamp) -> StoreResult<()> {
        Err(unsupported("change times"))
    }

    fn prepare_backup(&self, _: &RemotePath, _: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        Err(unsupported("keep backups"))
    }
}

impl DurableStore for RemoteStore {}

impl Store for RemoteStore {
    fn capabilities(&self) -> Capabilities {
        Capability::EVERY.into_iter().fold(Capabilities::ALL, Capabilities::without)
    }
}

struct RemoteDirectory {
    shared: SharedConnection,
    path: RemotePath,
    /// Names that were in it when it was opened.
    names: Arc<Names>,
    /// Names of the files that were staged since.
    staged: Mutex<HashSet<String>>,
}

impl StoreDirectory for RemoteDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_staged = || staged.contains(name.as_str()).then_some(Kind::File);
        match self.names.find(name.as_str()).map(|named| named.kind()).or_else(is_staged) {
            // The server itself refuses what came meanwhile.
            None => {}
            // Removing it first would leave nothing if the new one did not arrive.
            Some(Kind::File) if plan.replace => return Err(unsupported("replace files: remove it first")),
            Some(_) => return Err(ErrorCode::AlreadyExists.into()),
        }
        let Some(size) = plan.size else {
            return Err(unsupported("send files whose size is not known before"));
        };
        staged.insert(name.as_str().to_owned());
        Ok(Box::new(Writing::new(self.shared.clone(), self.path.clone(), name.clone(), size)))
    }
}
