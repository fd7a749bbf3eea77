//! Local files, hashed as a server does it.

use super::files::{Content, EachHashed, Hashed, HashedFiles};
use crate::failed::Result;
use remofile::HashOptions;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind, Listed};
use remofile::store::{Located, StoreResult, locate};
use remofile::transfer::{ChosenHash, Digesting};
use std::path::Path;

/// The files of this machine.
pub(super) struct LocalFiles;

impl HashedFiles for LocalFiles {
    fn hash(&mut self, sources: &[String], options: HashOptions, each: EachHashed<'_>) -> Result<()> {
        for (number, source) in sources.iter().enumerate() {
            let mut tell = |below: &str, outcome: StoreResult<Content>| {
                let shown = if below.is_empty() { source.clone() } else { self.join(Some(source), below) };
                let outcome = outcome.map_err(|failure| failure.at(shown));
                each(Hashed { source: number, below: below.to_owned(), outcome })
            };
            match locate(Path::new(source)) {
                Ok(located) => hash_located(&located, options, &mut tell)?,
                Err(failure) => tell("", Err(failure))?,
            }
        }
        Ok(())
    }

    fn join(&self, directory: Option<&String>, name: &str) -> String {
        let directory = directory.map_or(Path::new(""), Path::new);
        directory.join(name).to_string_lossy().into_owned()
    }
}

type Tell<'a> = &'a mut dyn FnMut(&str, StoreResult<Content>) -> Result<()>;

fn hash_located(located: &Located, options: HashOptions, tell: Tell<'_>) -> Result<()> {
    let Located { store, path, .. } = located;
    // A directory is the root of its store.
    if !path.is_root() {
        return tell("", hash_file(located, path, options));
    }
    if !options.recursive {
        return tell(
            "",
            Err(Failure::new(ErrorCode::NotAFile).because("it is a directory: '-r' hashes what is in it")),
        );
    }
    let mut walk = match store.walk(path, true) {
        Ok(walk) => walk,
        Err(failure) => return tell("", Err(failure)),
    };
    while let Some(listed) = walk.next() {
        match listed {
            Listed::Entry(entry) if entry.kind == Kind::File => {
                let below = entry.path.relative_to(path).unwrap_or_default();
                tell(below, hash_file(located, &entry.path, options))?;
            }
            Listed::Entry(_) => {}
            Listed::Failed(failure) => {
                let below = failure.path.clone().unwrap_or_default();
                tell(below.trim_start_matches('/'), Err(failure))?;
            }
        }
    }
    Ok(())
}

fn hash_file(located: &Located, path: &RemotePath, options: HashOptions) -> StoreResult<Content> {
    let mut hashing = Digesting::by(located.store.open(path)?, ChosenHash::new(options.algorithm));
    loop {
        if let Some(hash) = hashing.step()? {
            return Ok(Content { size: hashing.entry().size, hash });
        }
    }
}
