//! Messages into files.

use super::conflict;
use crate::store::{Directory, StagePlan, Staged, Store, StoreResult};
use remofile_protocol::digest::{Digest, Digester, digest};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict};
use std::sync::Arc;

/// How files are taken in.
#[derive(Debug, Clone)]
pub struct UnpackerOptions {
    /// The existing directory that item paths are relative to.
    pub destination: RemotePath,
    /// What becomes of files in the way.
    pub on_conflict: OnConflict,
    /// Largest file taken, in bytes.
    pub file_size_limit: u64,
    /// Which names are taken.
    pub names: NameRule,
}

/// What became of an item.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// A file begins.
    Started {
        /// Its path below the destination.
        path: &'a str,
        /// Its size, where it is known.
        size: Option<u64>,
    },
    /// Bytes were written.
    Written {
        /// How many.
        bytes: u64,
    },
    /// A file is complete, checked and visible.
    Stored {
        /// Its path below the destination.
        path: &'a str,
    },
    /// An item was not stored. The failure's path is below the destination, as the item's was.
    Failed {
        /// What and why.
        failure: Failure,
        /// Whether the sender knows it already, because it said so.
        by_sender: bool,
    },
}

/// Takes items in, in their order.
pub struct Unpacker {
    store: Arc<dyn Store>,
    options: UnpackerOptions,
    directory: Option<(RemotePath, Box<dyn Directory>)>,
    current: Current,
    stored: Stored,
}

/// What was stored so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored {
    /// Files.
    pub files: u64,
    /// Directories that exist now, made or found.
    pub directories: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
}

enum Current {
    /// No file is open.
    Between,
    /// This one is.
    Open(Box<Open>),
    /// One is that is not wanted: the rest of it is passed over.
    Unwanted,
}

struct Open {
    /// Its path as the sender wrote it.
    path: String,
    /// The path it will have, which a rule for conflicts may have changed.
    stored_as: String,
    staged: Box<dyn Staged>,
    size: Option<u64>,
    received: u64,
    check: Check,
}

enum Check {
    Nothing,
    /// The whole file came in one piece.
    Whole(Digest),
    Running(Digester),
}

impl Unpacker {
    /// Takes files into a store.
    ///
    /// # Errors
    /// `not-found` or `not-a-directory` if there is no such destination.
    pub fn new(store: Arc<dyn Store>, options: UnpackerOptions) -> StoreResult<Self> {
        let directory = store.directory(&options.destination)?;
        let directory = Some((options.destination.clone(), directory));
        Ok(Self { store, options, directory, current: Current::Between, stored: Stored::default() })
    }

    /// Takes the items of one message; `payload` holds the bytes they name. Tells of each what became
    /// of it.
    ///
    /// # Errors
    /// `bad-request` if the items are in no sensible order; nothing more is to be taken then.
    pub fn take(&mut self, items: Vec<Item>, payload: &[u8], tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        let mut payload = payload;
        for item in items {
            match item {
                Item::Directory { path, mode: _ } => self.take_directory(path, tell)?,
                // Permissions are this side's to decide, whatever the sender says.
                Item::Begin { path, size, modified, mode: _ } => {
                    let plan = StagePlan { size, modified, ..StagePlan::default() };
                    self.begin(path, &plan, tell)?;
                }
                Item::Data { length } => {
                    let Some((bytes, rest)) = payload.split_at_checked(length as usize) else {
                        return Err(Failure::new(ErrorCode::BadRequest).because("items without their bytes"));
                    };
                    payload = rest;
                    self.write(bytes, tell)?;
                }
                Item::End { digest } => self.end(digest, tell)?,
                Item::Abort { failure } => self.abort(failure, tell)?,
                Item::Failed { failure } => tell(Outcome::Failed { failure, by_sender: true }),
            }
        }
        Ok(())
    }

    fn take_directory(&mut self, path: String, tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        self.expect_between()?;
        let made = self.locate(&path).and_then(|at| self.store.make_directory(&at, true, false));
        match made {
            Ok(_) => self.stored.directories += 1,
            Err(failure) => tell(failed(failure, path)),
        }
        Ok(())
    }

    fn begin(&mut self, path: String, plan: &StagePlan, tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        self.expect_between()?;
        tell(Outcome::Started { path: &path, size: plan.size });
        self.current = match self.stage(&path, plan) {
            Ok((stored_as, staged)) => Current::Open(Box::new(Open {
                path,
                stored_as,
                staged,
                size: plan.size,
                received: 0,
                check: Check::Nothing,
            })),
            Err(failure) => {
                tell(failed(failure, path));
                Current::Unwanted
            }
        };
        Ok(())
    }

    /// Stages a file; gives the path it will have below the destination, which a rule may change.
    fn stage(&mut self, path: &str, plan: &StagePlan) -> StoreResult<(String, Box<dyn Staged>)> {
        if plan.size.is_some_and(|size| size > self.options.file_size_limit) {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let path = self.locate(path)?;
        let resolved = conflict::resolve(&*self.store, path, plan.modified, self.options.on_conflict)?;
        let (parent, name) = resolved.path.split()?;
        let held = match self.directory.take() {
            Some((path, directory)) if path == parent => directory,
            _ => self.store.directory(&parent)?,
        };
        let staged = held.stage(&name, &StagePlan { replace: resolved.replace, ..*plan });
        self.directory = Some((parent, held));
        let relative = resolved.path.relative_to(&self.options.destination).unwrap_or_default().to_owned();
        Ok((relative, staged?))
    }

    fn locate(&self, path: &str) -> StoreResult<RemotePath> {
        let path = self.options.destination.join(path)?;
        path.check(self.options.names)?;
        Ok(path)
    }

    fn write(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        let limit = self.options.file_size_limit;
        let open = match &mut self.current {
            Current::Open(open) => open,
            Current::Unwanted => return Ok(()),
            Current::Between => return Err(out_of_order()),
        };
        match open.write(bytes, limit) {
            Ok(()) => tell(Outcome::Written { bytes: bytes.len() as u64 }),
            Err(failure) => {
                if let Current::Open(open) = std::mem::replace(&mut self.current, Current::Unwanted) {
                    tell(open.give_up(failure));
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, digest: Digest, tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order()),
            Current::Unwanted => Ok(()),
            Current::Open(open) => {
                let (path, stored_as, received) = (open.path.clone(), open.stored_as.clone(), open.received);
                match open.commit(digest) {
                    Ok(()) => {
                        self.stored.files += 1;
                        self.stored.bytes += received;
                        tell(Outcome::Stored { path: &stored_as });
                    }
                    Err(failure) => tell(failed(failure, path)),
                }
                Ok(())
            }
        }
    }

    fn abort(&mut self, failure: Failure, tell: &mut dyn FnMut(Outcome<'_>)) -> StoreResult<()> {
        match std::mem::replace(&mut self.current, Current::Between) {
            Current::Between => Err(out_of_order()),
            Current::Unwanted => Ok(()),
            Current::Open(_) => {
                tell(Outcome::Failed { failure, by_sender: true });
                Ok(())
            }
        }
    }

    fn expect_between(&self) -> StoreResult<()> {
        match self.current {
            Current::Between => Ok(()),
            Current::Open(_) | Current::Unwanted => Err(out_of_order()),
        }
    }

    /// Ends the stream. What is stored may not be on the disk yet: see [`Store::sync`].
    ///
    /// # Errors
    /// `bad-request` if a file is still open.
    pub fn finish(self) -> StoreResult<Stored> {
        self.expect_between()?;
        Ok(self.stored)
    }

    /// The stream broke off: what can be resumed is kept.
    pub fn interrupt(self) {
        if let Current::Open(open) = self.current {
            open.staged.keep();
        }
    }
}

fn out_of_order() -> Failure {
    Failure::new(ErrorCode::BadRequest).because("items in no sensible order")
}

fn failed(failure: Failure, path: String) -> Outcome<'static> {
    Outcome::Failed { failure: failure.at(path), by_sender: false }
}

impl Open {
    fn write(&mut self, bytes: &[u8], limit: u64) -> StoreResult<()> {
        let received = self.received + bytes.len() as u64;
        if received > self.size.unwrap_or(limit) {
            return Err(match self.size {
                None => ErrorCode::FileTooLarge.into(),
                Some(_) => Failure::new(ErrorCode::IntegrityFailure).because("more bytes than announced"),
            });
        }
        self.staged.write(bytes)?;
        self.received = received;
        self.digest(bytes);
        Ok(())
    }

    /// A file that comes in one piece is digested in one go.
    fn digest(&mut self, bytes: &[u8]) {
        match &mut self.check {
            Check::Nothing if self.size == Some(self.received) => self.check = Check::Whole(digest(bytes)),
            Check::Nothing => {
                let mut digester = Digester::new();
                digester.update(bytes);
                self.check = Check::Running(digester);
            }
            Check::Running(digester) => digester.update(bytes),
            Check::Whole(_) => {}
        }
    }

    fn commit(self, expected: Digest) -> StoreResult<()> {
        let found = match &self.check {
            Check::Nothing => digest(&[]),
            Check::Whole(digest) => *digest,
            Check::Running(digester) => digester.finish(),
        };
        let is_whole = self.size.is_none_or(|size| size == self.received);
        if found != expected || !is_whole {
            return Err(ErrorCode::IntegrityFailure.into());
        }
        self.staged.commit()
    }

    fn give_up(self, failure: Failure) -> Outcome<'static> {
        failed(failure, self.path)
    }
}
