//! `remofile hash`
//!
//! Files: `files` hashes what is remote, `local` what is local; `list_line` reads and writes lines of lists, and `check` compares
//! with one.

mod check;
mod files;
mod list_line;
mod local;

use super::several::Several;
use super::{Context, paths};
use crate::args::Hash;
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::json::Object;
use crate::output::{Data, Presentation};
use files::{Hashed, HashedFiles, RemoteFiles};
use list_line::ListLine;
use local::LocalFiles;
use remofile::protocol::hash::{HashAlgorithm, hex};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::{Error, HashOptions};
use serde_json::json;

pub(super) fn run(hash: &Hash, context: Context) -> Result<Exit> {
    if let (None, [first, _, ..]) = (hash.algorithm, &*hash.paths)
        && let Some(algorithm) = HashAlgorithm::of_name(first)
    {
        let name = algorithm.name();
        return Err(Failed::usage(format!("'-a {name}' chooses the hash (a file of this name is '/{first}')")));
    }
    let mut paths = match hash.local {
        true => hash.paths.clone(),
        false => paths::all_from_root(&hash.paths)?.iter().map(ToString::to_string).collect(),
    };
    let (presentation, mut failed) = (Presentation { json: hash.connection.json }, FailedParts::default());
    let mut files: Box<dyn HashedFiles> = match hash.local {
        true => Box::new(LocalFiles),
        false => {
            let mut client = context.connect(&hash.connection, None)?;
            if hash.check.is_none() {
                let patterns = paths::all_from_root(&paths)?;
                let (several, matches) = Several::expand(&mut client, patterns, presentation)?;
                failed = several.failed();
                paths = matches.iter().map(ToString::to_string).collect();
            }
            Box::new(RemoteFiles::new(client))
        }
    };
    match &hash.check {
        None => Printing { failed, ..Printing::new(hash, &paths) }.print(&mut *files),
        Some(_) if hash.paths.len() > 1 => {
            Err(Failed::usage("with '--check' there is one PATH at most: the directory that the list's paths are in"))
        }
        Some(list) => check::check(hash, list, hash.paths.first().and(paths.first()), &mut *files),
    }
}

/// The printing of hashes, in the order of what was asked for.
struct Printing<'a> {
    hash: &'a Hash,
    paths: &'a [String],
    algorithm: HashAlgorithm,
    any_done: bool,
    failed: FailedParts,
}

impl<'a> Printing<'a> {
    fn new(hash: &'a Hash, paths: &'a [String]) -> Self {
        Self {
            hash,
            paths,
            algorithm: hash.algorithm.unwrap_or_default(),
            any_done: false,
            failed: FailedParts::default(),
        }
    }

    fn print(mut self, files: &mut dyn HashedFiles) -> Result<Exit> {
        let (mut data, mut alone) = (Data::in_background()?, None);
        let presentation = Presentation { json: self.hash.connection.json };
        let options = HashOptions { algorithm: self.algorithm, recursive: self.hash.recursive };
        let is_one_file = self.paths.len() == 1 && !self.hash.recursive;
        files.hash(self.paths, options, &mut |hashed| {
            match &hashed.outcome {
                Ok(content) => {
                    self.any_done = true;
                    self.show(&mut data, &hashed, content)?;
                }
                Err(failure) if is_one_file => alone = Some(self.advised(failure)),
                Err(failure) => {
                    self.failed.count(failure);
                    presentation.show_file(&self.advised(failure));
                }
            }
            if data.is_terminal() { data.flush() } else { Ok(()) }
        })?;
        data.finish()?;
        match alone {
            Some(failure) => Err(Error::Remote(failure).into()),
            None => Ok(Exit::of_parts(self.any_done, self.failed)),
        }
    }

    fn show(&self, data: &mut Data, hashed: &Hashed, content: &files::Content) -> Result<()> {
        let path = self.path(hashed);
        if self.hash.connection.json {
            let (algorithm, hash) = (self.algorithm.name(), hex(&content.hash));
            let object = json!({ "path": path, "algorithm": algorithm, "hash": hash, "size": content.size });
            return data.object(&Object::from(&object));
        }
        let line = ListLine { algorithm: self.hash.tag.then_some(self.algorithm), hash: content.hash.clone(), path };
        data.line(&line.to_string())
    }

    /// The failure with the option that helps.
    fn advised(&self, failure: &Failure) -> Failure {
        match &failure.detail {
            Some(detail) if failure.code == ErrorCode::NotAFile && detail.starts_with("it is a directory") => {
                Failure { detail: Some("it is a directory: '-r' hashes what is in it".to_owned()), ..failure.clone() }
            }
            _ => failure.clone(),
        }
    }

    /// The path that is printed.
    fn path(&self, hashed: &Hashed) -> String {
        let source = self.paths.get(hashed.source).map_or("", String::as_str);
        let own_name = || source.trim_end_matches('/').rsplit('/').next().unwrap_or(source).to_owned();
        match (self.hash.relative, hashed.below.as_str()) {
            (true, "") => own_name(),
            (true, below) => below.to_owned(),
            (false, "") => source.to_owned(),
            (false, below) => format!("{}/{below}", source.trim_end_matches('/')),
        }
    }
}
