//! Plans of what transfers would do: for uploads and downloads that only tell.

use crate::plan::{Action, Changed, Plan, Step, Tally, Touch};
use crate::transfer::{Access, Stored};
use remofile_protocol::handshake::{Right, ServerHello};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict};

/// A plan that is being made.
#[derive(Debug, Default)]
pub(crate) struct Foretelling {
    plan: Plan,
    /// The last directory whose contents have no place at the destination.
    blocked: Option<String>,
}

impl Foretelling {
    /// Returns the plan.
    pub(crate) fn into_plan(self) -> Plan {
        self.plan
    }

    /// Returns what would be stored, by a plan.
    pub(crate) fn stored(plan: &Plan) -> Stored {
        let counts = plan.counts();
        Stored {
            files: counts.created.files + counts.updated.files + counts.links,
            bytes: counts.created.bytes.saturating_add(counts.updated.bytes),
            directories: counts.directories,
            ..Stored::default()
        }
    }

    /// Tells that a directory is made, if there is none. Returns a failure if something else is there.
    pub(crate) fn directory(&mut self, path: &str, existing: Option<&Entry>, mode: Option<u32>) -> Option<Failure> {
        match existing.map(|existing| existing.kind) {
            Some(Kind::Directory) => None,
            Some(_) => {
                self.blocked = Some(format!("{path}/"));
                Some(ErrorCode::AlreadyExists.into())
            }
            None => {
                self.step(path, Action::MakeDirectory { mode });
                None
            }
        }
    }

    /// Tells that a file comes, to where nothing is or something else. Returns a failure if that is a directory.
    pub(crate) fn file(&mut self, path: &str, new: &Entry, existing: Option<&Entry>) -> Option<Failure> {
        let size = new.size;
        let action = match existing {
            None => Action::Create { size },
            Some(existing) if existing.kind == Kind::Directory => return Some(ErrorCode::AlreadyExists.into()),
            Some(existing) => {
                let is_file = existing.kind == Kind::File;
                let (is_other_size, is_other_time) = (existing.size != size, existing.modified != new.modified);
                let why = Changed {
                    content: !is_file || !is_other_size,
                    size: !is_file || is_other_size,
                    time: !is_file || is_other_time,
                    mode: false,
                };
                Action::Update { size, old_size: existing.size, delta: false, why }
            }
        };
        self.step(path, action);
        None
    }

    /// Tells that a link is made.
    pub(crate) fn link(&mut self, path: &str, target: &str, existing: Option<&Entry>) -> Option<Failure> {
        if existing.is_some_and(|existing| existing.kind == Kind::Directory) {
            return Some(ErrorCode::AlreadyExists.into());
        }
        self.step(path, Action::Link { target: target.into(), replaces: existing.is_some() });
        None
    }

    /// Tells that a file is there already, and gets these permission bits if they are others.
    pub(crate) fn present(&mut self, path: &str, size: u64, mode: Option<u32>) {
        match mode {
            Some(_) => self.touch(path, mode),
            None => {
                let Tally { files, bytes } = self.plan.unchanged;
                self.plan.unchanged = Tally { files: files + 1, bytes: bytes.saturating_add(size) };
            }
        }
    }

    pub(crate) fn touch(&mut self, path: &str, mode: Option<u32>) {
        self.step(path, Action::Touch(Box::new(Touch { modified: None, mode, directory: false })));
    }

    /// Reports whether a path is in a directory that has no place at the destination.
    pub(crate) fn is_blocked(&self, path: &str) -> bool {
        self.blocked.as_ref().is_some_and(|directory| path.starts_with(directory.as_str()))
    }

    fn step(&mut self, path: &str, action: Action) {
        self.plan.steps.push(Step { path: path.into(), action });
    }
}

/// Returns the rights without which the server refuses at once what is stored by this rule for conflicts.
pub(crate) fn rights_to_store(on_conflict: OnConflict) -> &'static [Right] {
    match Access::by_rule(on_conflict) {
        Access::Replace => &[Right::Create, Right::Replace],
        _ => &[Right::Create],
    }
}

/// Refuses a file that the server would not store.
pub(crate) fn refuse_file(hello: &ServerHello, path: &str, size: u64) -> Result<(), Failure> {
    RemotePath::root().join(path)?.check(hello.names)?;
    if size > hello.file_size_limit { Err(ErrorCode::FileTooLarge.into()) } else { Ok(()) }
}
