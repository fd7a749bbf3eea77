//! Copies within one server, which makes them itself.

use super::target::{Destination, is_no_directory, kind};
use crate::args::{Copy, Direction, Transfer};
use crate::commands::begun::BegunCopy;
use crate::commands::counting::Counting;
use crate::commands::{expand, paths};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::text::harmless;
use crate::output::transfer::going_on_with;
use crate::output::{self, Presentation, Working, json};
use remofile::protocol::handshake::Right;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind, Links, OnConflict};
use remofile::{Client, CopyOptions, Error, TransferReport};
use std::ffi::OsStr;
use std::path::PathBuf;

pub(super) fn run(copy: &Copy, mut operands: Vec<PathBuf>, mut client: Client) -> Result<Exit> {
    let transfer = &copy.transfer;
    let base = match &transfer.relative_directory {
        Some(base) => paths::absolute_directory(paths::text(base)?)?,
        None => RemotePath::root(),
    };
    let destination = operands.pop().ok_or_else(|| Failed::usage("there is no destination"))?;
    let sources = operands.iter().map(|path| paths::from_directory(&base, paths::text(path)?));
    let sources = sources.collect::<Result<Vec<_>>>()?;
    let sources = expand::expand(&mut client, sources)?;
    let (text, holds_several) = (paths::text(&destination)?, sources.len() > 1);
    let begun = match &sources[..] {
        [source] => Some(BegunCopy::of("copy", &client, [source.as_str(), text].map(OsStr::new))),
        _ => None,
    };
    let is_unfinished = begun.as_ref().is_some_and(BegunCopy::is_unfinished);
    let destination = Destination { text, holds_several, parents: transfer.parents, is_named: is_unfinished };
    let target = destination.resolve(&mut client, !transfer.dry_run)?;
    let mut options = options(transfer, client.server()?.whole_copies);
    let is_kept = is_unfinished && options.on_conflict == OnConflict::Abort;
    if is_kept {
        // The rule refuses directories that are there; of the earlier run some may be.
        options.on_conflict = OnConflict::Skip;
    }
    let begun = begun.filter(|_| !transfer.dry_run && target.name.is_some());
    begun.iter().for_each(BegunCopy::begin);
    let mut all_done = true;
    for source in &sources {
        let path = target.path_of(source)?;
        if transfer.dry_run {
            refuse_early(&mut client, source, &path, options)?;
            tell(copy, source, &path)?;
            continue;
        }
        if is_unfinished && kind(&mut client, &path)?.is_some() {
            tell_going_on(copy, &path);
        }
        let copied = copy_one(copy, &mut client, source, &path, options, is_kept);
        if let Some(begun) = &begun {
            begun.settle(&copied, |error| BegunCopy::is_told(error) && is_no_directory(&mut client, &path));
        }
        let report = copied.map_err(|error| explain(error, options.on_conflict))?;
        tell_outcome(copy, &path, &report)?;
        all_done &= report.failure_count() == 0;
    }
    Ok(if all_done { Exit::Success } else { Exit::SomeFailed })
}

/// Returns the options of a copy. Of a server whose copies are not whole nothing is asked that it does not know: times and
/// permission bits it keeps.
pub(super) fn options(transfer: &Transfer, has_whole_copies: bool) -> CopyOptions {
    let (recursive, on_conflict) = (transfer.is_recursive(), transfer.conflict_rule().into());
    let (selection, send) = (transfer.selection(), transfer.send_options(Direction::Up));
    let options = CopyOptions { recursive, on_conflict, parents: transfer.parents, ..CopyOptions::default() };
    if !has_whole_copies {
        return options;
    }
    let as_they_are = selection.links == Links::Keep || send.hard_links;
    CopyOptions { attributes: send.attributes, as_they_are, devices: selection.devices, ..options }
}

/// Copies a source. What has to be skipped is refused if `is_kept`, as it is no copy that an earlier run has made.
fn copy_one(
    copy: &Copy,
    client: &mut Client,
    source: &RemotePath,
    path: &RemotePath,
    options: CopyOptions,
    is_kept: bool,
) -> remofile::Result<TransferReport> {
    let working = Working::begin(copy.connection.json, &format!("copying {source}"));
    let _counting = Counting::of_copy(client, &working, source, path);
    let mut report = client.copy(source, path, options)?;
    if is_kept {
        let is_in_the_way = |failure: &mut Failure| {
            failure
                .path
                .as_deref()
                .is_some_and(|skipped| skipped.parse().is_ok_and(|skipped: RemotePath| skipped.is_within(path)))
        };
        let in_the_way = report.skipped.extract_if(.., is_in_the_way);
        let refused = in_the_way.map(|failure| Failure { code: ErrorCode::AlreadyExists, detail: None, ..failure });
        report.failures.extend(refused);
    }
    Ok(report)
}

fn tell_going_on(copy: &Copy, path: &RemotePath) {
    if !copy.transfer.report.quiet && !copy.connection.json {
        output::note(&going_on_with(path));
    }
}

/// Tells what came of a copy.
fn tell_outcome(copy: &Copy, path: &RemotePath, report: &TransferReport) -> Result<()> {
    let presentation = Presentation { json: copy.connection.json };
    let told = if copy.transfer.report.quiet { &[] } else { &report.skipped[..] };
    told.iter().chain(&report.failures).for_each(|failure| presentation.show_file(failure));
    if copy.connection.json && !copy.transfer.report.quiet {
        output::data(&format!("{}\n", json::copied(path, report)))?;
    }
    Ok(())
}

/// Adds what to do to the error of what is no file: a directory without what is in it, or a special file; and to that of what is in
/// the way although it may be replaced, as it is of another kind.
fn explain(error: Error, on_conflict: OnConflict) -> Error {
    match error {
        Error::Remote(failure)
            if failure.code == ErrorCode::AlreadyExists
                && failure.detail.is_none()
                && on_conflict != OnConflict::Abort =>
        {
            Error::Remote(failure.because("a file and a directory do not replace each other: remove it before"))
        }
        Error::Remote(failure) if failure.code == ErrorCode::NotAFile && failure.detail.is_none() => {
            Error::Remote(failure.because("files are copied, and with '-r' directories with their contents"))
        }
        error => error,
    }
}

/// Refuses what the server would refuse before it changes anything, as far as that can be seen.
fn refuse_early(client: &mut Client, source: &RemotePath, path: &RemotePath, options: CopyOptions) -> Result<()> {
    let refuse = |code: ErrorCode, path: &RemotePath| {
        Err(explain(Error::Remote(Failure::new(code).at(path)), options.on_conflict).into())
    };
    client.refuse_without(&[Right::Create], path)?;
    if matches!(options.on_conflict, OnConflict::Replace | OnConflict::Newer) {
        client.refuse_without(&[Right::Replace], path)?;
    }
    if client.stat(source)?.kind == Kind::Directory && !options.recursive {
        return refuse(ErrorCode::NotAFile, source);
    }
    if options.on_conflict == OnConflict::Abort && kind(client, path)?.is_some() {
        return refuse(ErrorCode::AlreadyExists, path);
    }
    if path == source || (options.recursive && path.is_within(source)) {
        return refuse(ErrorCode::IntoItself, path);
    }
    Ok(())
}

fn tell(copy: &Copy, source: &RemotePath, path: &RemotePath) -> Result<()> {
    let text = match copy.connection.json {
        true => json::copy_plan(source.as_str(), path.as_str()).to_string(),
        false => format!("{} -> {}", harmless(source.as_str()), harmless(path.as_str())),
    };
    output::data(&format!("{text}\n"))
}
