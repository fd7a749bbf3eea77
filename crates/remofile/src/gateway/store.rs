//! A remote directory behind protocol 1, as a store.

use super::requests::{self, Requests};
use super::transfers::{Reading, SharedConnection, Writing};
use crate::store::Directory as StoreDirectory;
use crate::store::{
    Editing, FlushMark, Partial, PendingBackup, Removal, RemovalProgress, Source, StagePlan, Staged, Store,
    StoreResult, Walk,
};
use remofile_protocol::digest::digest;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::protocol1::{Directory, ListedFile, Request, Response};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The files of a server, as far as protocol 1 shows them.
pub(super) struct RemoteStore(SharedConnection);

impl RemoteStore {
    pub(super) fn new(requests: Requests) -> Self {
        Self(SharedConnection::new(requests))
    }
}

/// What a response means that is not the one that was hoped for.
pub(super) fn refused(response: Response<'_>) -> Failure {
    match response {
        Response::InvalidFileName => ErrorCode::InvalidName.into(),
        Response::FileNotFound => ErrorCode::NotFound.into(),
        Response::FileAlreadyExists => ErrorCode::AlreadyExists.into(),
        Response::NotAFile => ErrorCode::NotAFile.into(),
        Response::NotADirectory => ErrorCode::NotADirectory.into(),
        Response::IncorrectFileSize => ErrorCode::FileTooLarge.into(),
        Response::BadRequest => ErrorCode::BadRequest.into(),
        Response::UnknownError(message) => requests::unknown(message),
        _ => unexpected(),
    }
}

pub(super) fn unexpected() -> Failure {
    Failure::new(ErrorCode::Other).because("the server gave an answer that does not belong to the request")
}

fn unsupported(what: &str) -> Failure {
    Failure::new(ErrorCode::Unsupported).because(format!("protocol 1 cannot {what}"))
}

fn entry(directory: &RemotePath, file: &ListedFile) -> Result<Entry, Failure> {
    let name = FileName::parse(&file.name, NameRule::Posix)?;
    let path = directory.child(&name)?;
    let kind = if file.is_directory { Kind::Directory } else { Kind::File };
    Ok(Entry { path, kind, size: file.size, modified: time(file.modified), mode: None, unflushed: false })
}

/// A time from a number of seconds. It has what a float can tell of the fraction, which is some 200 ns.
fn time(seconds: f64) -> Timestamp {
    let whole = seconds.floor();
    // Beyond 64 bits a float is cut to what fits; the fraction is at least 0 and less than 1.
    Timestamp::new(whole as i64, ((seconds - whole) * 1e9) as u32)
}

impl SharedConnection {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        let Ok((directory, name)) = path.split() else {
            let (kind, modified) = (Kind::Directory, Timestamp::new(0, 0));
            return Ok(Entry { path: path.clone(), kind, size: 0, modified, mode: None, unflushed: false });
        };
        let files = self.list(&directory)?;
        let file = files.iter().find(|file| file.name == name.as_str());
        file.map_or_else(|| Err(ErrorCode::NotFound.into()), |file| entry(&directory, file))
    }

    fn exists(&self, path: &RemotePath) -> StoreResult<Option<Kind>> {
        match self.stat(path) {
            Ok(entry) => Ok(Some(entry.kind)),
            Err(failure) if failure.code == ErrorCode::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<()> {
        let (directory, name) = path.split()?;
        let directory = Directory::new(directory.as_str());
        match self.ask(&Request::RemoveFile { name: name.as_str().to_owned(), directory })? {
            Response::FileRemoved => Ok(()),
            other => Err(refused(other)),
        }
    }
}

impl Store for RemoteStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.0.stat(path)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        let mut walk = RemoteWalk { shared: self.0.clone(), recursive, left: Vec::new(), entered: None };
        walk.enter(directory)?;
        Ok(Box::new(walk))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        let entry = self.0.stat(path)?;
        if entry.kind != Kind::File {
            return Err(ErrorCode::NotAFile.into());
        }
        let (directory, name) = path.split()?;
        Ok(Box::new(Reading::new(self.0.clone(), directory, name, entry)))
    }

    fn edit(&self, _: &RemotePath, _: bool) -> StoreResult<Box<dyn Editing>> {
        Err(unsupported("change files in place"))
    }

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
        let kind = |file: &ListedFile| if file.is_directory { Kind::Directory } else { Kind::File };
        let names = self.0.list(path)?.iter().map(|file| (file.name.clone(), kind(file))).collect();
        Ok(Box::new(RemoteDirectory { shared: self.0.clone(), path: path.clone(), names: Mutex::new(names) }))
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
        let mut left = vec![(path.clone(), Kind::File)];
        if kind == Kind::Directory {
            let mut walk = self.walk(path, true)?;
            left[0].1 = kind;
            while let Some(listed) = walk.next() {
                match listed {
                    Listed::Entry(entry) => left.push((entry.path, entry.kind)),
                    Listed::Failed(failure) => return Err(failure),
                }
            }
        }
        Ok(Box::new(RemoteRemoval { shared: self.0.clone(), left, files: 0, directories: 0 }))
    }

    fn rename(&self, _: &RemotePath, _: &RemotePath, _: bool) -> StoreResult<()> {
        Err(unsupported("move"))
    }

    fn read_link(&self, _: &RemotePath) -> StoreResult<String> {
        Err(unsupported("read links"))
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

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        Ok(u128::from_be_bytes(digest(path.as_str().as_bytes())))
    }

    fn partials(&self) -> StoreResult<Vec<Partial>> {
        Ok(Vec::new())
    }

    fn read_partial(&self, _: &RemotePath) -> StoreResult<Box<dyn Source>> {
        Err(ErrorCode::NotFound.into())
    }

    fn remove_partial(&self, _: &RemotePath) -> StoreResult<bool> {
        Ok(false)
    }

    fn sync(&self, _: FlushMark) -> StoreResult<()> {
        Ok(())
    }
}

struct RemoteDirectory {
    shared: SharedConnection,
    path: RemotePath,
    /// What is in it, as far as is known.
    names: Mutex<HashMap<String, Kind>>,
}

impl StoreDirectory for RemoteDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get(name.as_str()) {
            // The server itself refuses what came meanwhile.
            None => {}
            // Removing it first would leave nothing if the new one did not arrive.
            Some(Kind::File) if plan.replace => return Err(unsupported("replace files: remove it first")),
            Some(_) => return Err(ErrorCode::AlreadyExists.into()),
        }
        let Some(size) = plan.size else {
            return Err(unsupported("send files whose size is not known before"));
        };
        names.insert(name.as_str().to_owned(), Kind::File);
        Ok(Box::new(Writing::new(self.shared.clone(), self.path.clone(), name.clone(), size)))
    }
}

struct RemoteWalk {
    shared: SharedConnection,
    recursive: bool,
    /// What comes next, the next one last.
    left: Vec<Result<Entry, Failure>>,
    /// The directory that came last, to be entered with the next step.
    entered: Option<RemotePath>,
}

impl RemoteWalk {
    fn enter(&mut self, directory: &RemotePath) -> StoreResult<()> {
        let files = self.shared.list(directory)?;
        let mut sorted: Vec<&ListedFile> = files.iter().collect();
        sorted.sort_by(|one, other| other.name.cmp(&one.name));
        self.left.extend(sorted.into_iter().map(|file| entry(directory, file)));
        Ok(())
    }
}

impl Walk for RemoteWalk {
    fn next(&mut self) -> Option<Listed> {
        if let Some(directory) = self.entered.take()
            && let Err(failure) = self.enter(&directory)
        {
            return Some(Listed::Failed(failure.at(directory)));
        }
        match self.left.pop()? {
            Ok(entry) => {
                if self.recursive && entry.kind == Kind::Directory {
                    self.entered = Some(entry.path.clone());
                }
                Some(Listed::Entry(entry))
            }
            Err(failure) => Some(Listed::Failed(failure)),
        }
    }

    fn skip_directory(&mut self) {
        self.entered = None;
    }
}

struct RemoteRemoval {
    shared: SharedConnection,
    /// The last one goes first: what is in a directory goes before it.
    left: Vec<(RemotePath, Kind)>,
    files: u64,
    directories: u64,
}

impl Removal for RemoteRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        let Some((path, kind)) = self.left.pop() else {
            return Ok(RemovalProgress::Done { files: self.files, directories: self.directories });
        };
        self.shared.remove(&path).map_err(|failure| failure.at(&path))?;
        match kind {
            Kind::Directory => self.directories += 1,
            _ => self.files += 1,
        }
        Ok(RemovalProgress::More)
    }
}
