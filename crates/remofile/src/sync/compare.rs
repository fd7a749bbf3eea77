//! Contents of both sides, compared by their digests.

use crate::client::Syncing;
use crate::error::{Error, Result};
use crate::plan::{Answers, Draft};
use crate::store::{Store, StoreResult};
use crate::transfer::Digesting;
use remofile_protocol::digest::Digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Selected};
use std::collections::{HashMap, HashSet};

/// Digests of files, by their paths below the top of their tree.
type Digests = HashMap<Box<str>, Digest>;

/// A directory of this side.
#[derive(Clone, Copy)]
pub(super) struct LocalTree<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) top: &'a RemotePath,
}

/// Answers the questions of a plan's draft with the digests of files on both sides.
pub(super) fn answer(
    syncing: &mut Syncing<'_>,
    draft: &Draft,
    local: LocalTree<'_>,
    remote: &RemotePath,
    is_upload: bool,
) -> Result<Answers> {
    let questions = draft.questions();
    fn of(paths: &[Box<str>]) -> Vec<&str> {
        paths.iter().map(|path| &**path).collect()
    }
    let (ours, theirs) = match is_upload {
        true => (of(&questions.source), of(&questions.destination)),
        false => (of(&questions.destination), of(&questions.source)),
    };
    if ours.is_empty() && theirs.is_empty() {
        return Ok(Answers::default());
    }
    let theirs = remote_digests(syncing, remote, &theirs)?;
    let ours = syncing.attend(|check| local_digests(local, &ours, check))?;
    Ok(match is_upload {
        true => Answers { source: ours, destination: theirs },
        false => Answers { source: theirs, destination: ours },
    })
}

/// Computes the digests of local files. A file that cannot be read has none; that failure is reported when it is to
/// be sent.
fn local_digests(local: LocalTree<'_>, paths: &[&str], check: &dyn Fn() -> Result<()>) -> Result<Digests> {
    let mut digests = Digests::new();
    for path in paths {
        check()?;
        if let Ok(Some(digest)) = digest(local.store, local.top, path, check)? {
            digests.insert((*path).into(), digest);
        }
    }
    Ok(digests)
}

pub(super) fn digest(
    store: &dyn Store,
    top: &RemotePath,
    path: &str,
    check: &dyn Fn() -> Result<()>,
) -> Result<StoreResult<Option<Digest>>> {
    let Ok(path) = top.join(path) else { return Ok(Ok(None)) };
    let mut digesting = match store.open(&path) {
        Ok(source) => Digesting::new(source),
        Err(failure) => return Ok(Err(failure)),
    };
    loop {
        match digesting.step() {
            Ok(None) => check()?,
            done => return Ok(done),
        }
    }
}

pub(super) fn remote_digests(syncing: &mut Syncing<'_>, top: &RemotePath, paths: &[&str]) -> Result<Digests> {
    if paths.is_empty() {
        return Ok(Digests::new());
    }
    let selected = |path: &&str| {
        let name = (*path).to_owned();
        Some(Selected { path: top.join(path).ok()?, name, known: None, as_link: false, parts: Vec::new() })
    };
    let mut digests = Digests::new();
    let mut awaited: HashSet<&str> = paths.iter().copied().collect();
    syncing.digests(paths.iter().filter_map(selected).collect(), &mut |element| {
        if let Element::Digest { name, digest } = element {
            if !awaited.remove(&*name) {
                return Err(Error::Protocol(format!("it sent a digest of {name:?}, which was not asked for")));
            }
            digests.insert(name.into(), digest);
        }
        Ok(())
    })?;
    Ok(digests)
}
