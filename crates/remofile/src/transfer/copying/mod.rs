//! Copies within one store: of a file, or of a directory with what is in it.
//!
//! Files: this one begins and ends a copy, `tree` walks through a directory, `file` copies one file, `second_names` remembers those that
//! have several names, `options` says what is asked for, and `context` is what they share. Goals: nothing is visible in part, nothing is replaced that the rule does not give up, and no copy goes on into
//! itself. Non-goals: who may copy, and what a copy claims, belong to the server.

mod comparing;
mod context;
mod file;
mod options;
mod second_names;
mod tree;

pub use options::{Copied, CopyEffect, CopyOptions};

use crate::store::{Capability, Store, StoreResult, unsupported};
use crate::transfer::real_path;
use context::CopyContext;
use file::FileCopy;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict};
use std::sync::Arc;
use tree::TreeCopy;

/// A copy that is under way.
pub struct Copying {
    context: CopyContext,
    state: CopyState,
}

enum CopyState {
    Asked,
    File(Box<FileCopy>),
    Tree(Box<TreeCopy>),
    /// Everything is copied: copies get their other names, and directories that were made the attributes of their sources.
    Ending(Box<TreeCopy>),
    Over,
}

impl Copying {
    /// A copy of which nothing is done yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, options: CopyOptions) -> Self {
        Self { context: CopyContext::new(store, options), state: CopyState::Asked }
    }

    /// Returns the memory that it holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let tree = match &self.state {
            CopyState::Tree(tree) | CopyState::Ending(tree) => tree.memory_bytes(),
            CopyState::Asked | CopyState::File(_) | CopyState::Over => 0,
        };
        tree + self.context.memory_bytes()
    }

    /// Takes what was made since they were taken last.
    pub fn take_effects(&mut self) -> Vec<CopyEffect> {
        std::mem::take(&mut self.context.effects)
    }

    /// Goes on until `is_over`, and returns what was copied once all is. What could not be copied goes to `failed`.
    ///
    /// # Errors
    /// The reason why nothing more is copied.
    pub fn work(&mut self, is_over: &dyn Fn() -> bool, failed: &mut dyn FnMut(Failure)) -> StoreResult<Option<Copied>> {
        loop {
            let state = std::mem::replace(&mut self.state, CopyState::Over);
            self.state = self.advance(state, failed)?;
            if let CopyState::Over = self.state {
                return Ok(Some(self.context.copied));
            }
            if is_over() {
                return Ok(None);
            }
        }
    }

    /// Does the next piece.
    fn advance(&mut self, state: CopyState, failed: &mut dyn FnMut(Failure)) -> StoreResult<CopyState> {
        let context = &mut self.context;
        Ok(match state {
            CopyState::Asked => begin(context, failed)?,
            CopyState::File(mut file) => {
                if !file.step()? {
                    return Ok(CopyState::File(file));
                }
                let mut own = Ok(());
                file.finish(context, &mut |failure| own = Err(failure))?;
                context.flush(&mut |failure| own = Err(failure))?;
                own?;
                context.tell_refused(failed);
                CopyState::Over
            }
            CopyState::Tree(mut tree) => match tree.step(context, failed)? {
                false => CopyState::Tree(tree),
                true => {
                    context.flush(failed)?;
                    CopyState::Ending(tree)
                }
            },
            CopyState::Ending(mut tree) => match tree.finish_one(context, failed)? {
                false => CopyState::Ending(tree),
                true => {
                    context.tell_refused(failed);
                    CopyState::Over
                }
            },
            CopyState::Over => CopyState::Over,
        })
    }
}

fn begin(context: &mut CopyContext, failed: &mut dyn FnMut(Failure)) -> StoreResult<CopyState> {
    let (store, options) = (Arc::clone(&context.store), context.options.clone());
    let CopyOptions { source, destination, recursive, parents, follow, .. } = &options;
    if !store.capabilities().has(Capability::Copies) {
        return Err(unsupported("copy files").at(source));
    }
    let entry = if *follow { store.stat(source) } else { store.look(source) };
    let entry = entry.map_err(|failure| failure.at(source))?;
    if !follow && matches!(entry.kind, Kind::Link | Kind::Special) {
        copy_itself(context, &entry, failed)?;
        return Ok(CopyState::Over);
    }
    refuse_other(&*store, &entry, *recursive).map_err(|failure| failure.at(source))?;
    if destination.is_root() {
        let in_the_way = Failure::new(ErrorCode::AlreadyExists).because("a directory is in the way");
        return Err(in_the_way.at(destination));
    }
    refuse_itself(&*store, &entry, &options)?;
    if let (true, Some(parent)) = (*parents, destination.parent()) {
        store.make_directory(&parent, true, true).map_err(|failure| failure.at(&parent))?;
    }
    if entry.kind == Kind::Directory {
        return Ok(CopyState::Tree(Box::new(TreeCopy::begin(context, &entry, failed)?)));
    }
    match FileCopy::begin(context, source, None, destination) {
        Ok(Some(file)) => Ok(CopyState::File(Box::new(file))),
        Ok(None) => {
            context.give_attributes(source, destination, failed)?;
            Ok(CopyState::Over)
        }
        Err(skipped) if skipped.code == ErrorCode::Skipped => {
            failed(skipped);
            Ok(CopyState::Over)
        }
        Err(failure) => Err(failure),
    }
}

/// Copies a link or a special file as what it is.
fn copy_itself(context: &mut CopyContext, entry: &Entry, failed: &mut dyn FnMut(Failure)) -> StoreResult<()> {
    let destination = context.options.destination.clone();
    let made = match entry.kind {
        Kind::Link => context.copy_link(&entry.path, &destination)?,
        Kind::File | Kind::Directory | Kind::Special => context.copy_special(entry, &destination)?,
    };
    context.give_attributes(&entry.path, &made, failed)?;
    context.tell_refused(failed);
    Ok(())
}

/// Refuses what is neither a file nor a directory that is wanted with what is in it.
fn refuse_other(store: &dyn Store, entry: &Entry, recursive: bool) -> StoreResult<()> {
    match entry.kind {
        Kind::File => Ok(()),
        Kind::Directory if recursive => Ok(()),
        Kind::Directory => {
            let why = "it is a directory, which is copied only with what is in it: make the copy recursive";
            Err(Failure::new(ErrorCode::NotAFile).because(why))
        }
        // A link that leads nowhere, or out: opening it tells which.
        Kind::Link => store.open(&entry.path).map(drop).and(Err(ErrorCode::NotFound.into())),
        Kind::Special => Err(ErrorCode::NotAFile.into()),
    }
}

/// Refuses a copy of a directory that is inside of it or around it, and one of a file in its own place.
fn refuse_itself(store: &dyn Store, entry: &Entry, options: &CopyOptions) -> StoreResult<()> {
    let CopyOptions { source, destination, on_conflict, .. } = options;
    let own = store.identity(source).map_err(|failure| failure.at(source))?;
    let is_own = |path: &RemotePath| path == source || store.identity(path).is_ok_and(|identity| identity == own);
    if entry.kind != Kind::Directory {
        if *on_conflict != OnConflict::Rename && is_own(destination) {
            let same = Failure::new(ErrorCode::IntoItself).because("source and destination are the same file");
            return Err(same.at(destination));
        }
        return Ok(());
    }
    let (directory, name) = destination.split().map_err(|invalid| Failure::from(invalid).at(destination))?;
    // Where that leads nowhere, nothing can be made.
    let (from, to) = match (real_path(store, source), real_path(store, &directory)) {
        (Ok(from), Ok(to)) => (from, to.child(&name)?),
        _ => (source.clone(), destination.clone()),
    };
    let mut above = std::iter::successors(Some(to.clone()), RemotePath::parent);
    // By their numbers, too: some file systems take other names for the same.
    if from.is_within(&to) || to.is_within(&from) || above.any(|path| is_own(&path)) {
        return Err(Failure::new(ErrorCode::IntoItself).at(destination));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
