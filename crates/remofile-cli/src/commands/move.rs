//! `remofile move`

use super::{Context, begun, expand, paths};
use crate::args::Move;
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::{self, Presentation, json, summary};
use remofile::protocol::handshake::{Capability, Right};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind};
use remofile::{Client, Error};

pub(super) fn run(arguments: &Move, context: Context) -> Result<Exit> {
    let deed = |paths: &[String]| match paths {
        [sources @ .., destination] => format!("move {} to {destination}", sources.join(" and ")),
        [] => String::new(),
    };
    let confirmed = paths::confirmed(&arguments.paths, arguments.connection.json, deed)?;
    let mut paths = confirmed.iter().map(|path| paths::absolute(path)).collect::<Result<Vec<_>>>()?;
    let destination = paths.pop().ok_or_else(|| Failed::usage("there is no destination"))?;
    let presentation = Presentation { json: arguments.connection.json };
    let tells = context.verbose > 0 && !presentation.json && !arguments.dry_run;
    let mut client = context.connect(&arguments.connection, None)?;
    let sources = expand::expand(&mut client, paths)?;
    if sources.len() > 1 && client.stat(&destination)?.kind != Kind::Directory {
        return Err(Failed::usage(format!("{destination} is no directory: several files go into an existing one")));
    }
    let is_directory = sources.len() > 1 || is_directory(&mut client, &destination)?;
    let new_path = |source: &RemotePath| new_path(source, &destination, is_directory);
    let moves = sources.iter().map(|source| Ok((source.clone(), new_path(source)?))).collect::<Result<Vec<_>>>()?;
    let (mut moved, mut failures, mut stopped) = (Vec::new(), Vec::new(), None);
    let mut on_outcome = |number: usize, outcome: remofile::Result<()>| {
        let Some((source, path)) = moves.get(number) else { return };
        match outcome {
            Ok(()) => {
                if tells {
                    output::note(&format!("moved {source} -> {path}"));
                }
                moved.push((source.clone(), path.clone()));
            }
            Err(Error::Remote(failure)) if moves.len() > 1 => {
                presentation.show_file(&failure);
                failures.push(failure);
            }
            Err(error) => drop(stopped.get_or_insert(Failed::from(error))),
        }
    };
    if arguments.dry_run {
        foretell(&mut client, &moves, arguments, &mut on_outcome)?;
    } else {
        let asked = client.rename_each(&moves, arguments.replace, &mut on_outcome);
        // Whatever was begun at either path is another thing now.
        moved.iter().flat_map(|(source, path)| [source, path]).for_each(|path| begun::forget_at(&client, path));
        if asked.is_err() && !moved.is_empty() && !presentation.json {
            output::note(&summary::so_far(moved.len(), moves.len(), "moved"));
        }
        asked?;
    }
    if let Some(failed) = stopped {
        return Err(failed);
    }
    if presentation.json {
        output::data(&format!("{}\n", json::moved(&moved, &failures, arguments.dry_run)))?;
    } else {
        summary::of_paths(&failures, moved.len() as u64).iter().for_each(|line| output::note(line));
    }
    Ok(Exit::of_parts(!moved.is_empty(), FailedParts::of(&failures)))
}

/// Prints what would be moved where.
fn foretell(
    client: &mut Client,
    moves: &[(RemotePath, RemotePath)],
    arguments: &Move,
    on_outcome: &mut dyn FnMut(usize, remofile::Result<()>),
) -> Result<()> {
    for (number, (source, path)) in moves.iter().enumerate() {
        let outcome = match refuse_early(client, source, path, arguments.replace) {
            Err(Failed::Library(error)) => Err(error),
            refused => Ok(refused?),
        };
        if outcome.is_ok() && !arguments.connection.json {
            output::data(&format!("{source} -> {path}\n"))?;
        }
        on_outcome(number, outcome);
    }
    Ok(())
}

/// Refuses what the server would refuse, as far as that can be seen.
fn refuse_early(client: &mut Client, source: &RemotePath, path: &RemotePath, replace: bool) -> Result<()> {
    let refuse = |code: ErrorCode, path: &RemotePath| Err(Error::Remote(Failure::new(code).at(path)).into());
    client.refuse_without(&[Right::Remove], source)?;
    if !client.server()?.capabilities.has(Capability::Renames) {
        return refuse(ErrorCode::Unsupported, source);
    }
    let moved = client.lstat(source)?.entry;
    if path.is_within(source) && path != source {
        return refuse(ErrorCode::IntoItself, path);
    }
    match client.lstat(path) {
        Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => match path.parent() {
            Some(parent) => client.stat(&parent).map(drop).map_err(Failed::from),
            None => Ok(()),
        },
        Err(error) => Err(error.into()),
        Ok(_) if source == path => Ok(()),
        Ok(there) if !replace || (there.entry.kind == Kind::Directory) != (moved.kind == Kind::Directory) => {
            refuse(ErrorCode::AlreadyExists, path)
        }
        Ok(_) => Ok(()),
    }
}

/// Reports whether the destination is a directory, which sources go into.
fn is_directory(client: &mut Client, destination: &RemotePath) -> Result<bool> {
    match client.stat(destination) {
        Ok(entry) => Ok(entry.kind == Kind::Directory),
        // Which of the two paths is to blame, the server says.
        Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the new path of the source: in the destination, if that is a directory.
fn new_path(source: &RemotePath, destination: &RemotePath, is_directory: bool) -> Result<RemotePath> {
    let (_, name) = source.split().map_err(|error| Failed::usage(error.to_string()))?;
    if !is_directory {
        return Ok(destination.clone());
    }
    destination.child(&name).map_err(|error| Failed::usage(error.to_string()))
}
