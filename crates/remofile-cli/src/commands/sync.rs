//! `remofile sync`

use super::file_list::{FileList, Source};
use super::sides::{Order, Sides};
use super::transfer::Server;
use super::{Context, parents, paths, transfer};
use crate::args::{Sync, SyncLocal, SyncRemote, Synchronize, Which};
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::transfer::{Changes, EventsTo, OutputOptions};
use crate::settings::{Direction, receive_settings, sync_settings};
use remofile::protocol::wire::Failure;
use remofile::{Client, Error, ListedPaths, SyncOptions, synchronize_download, synchronize_upload};
use std::path::{Path, PathBuf};

pub(super) fn run(sync: Sync, context: Context) -> Result<Exit> {
    match sync.which {
        Which::Local(local) => to_server(&local, context),
        Which::Remote(remote) => from_server(&remote, context),
    }
}

fn to_server(local: &SyncLocal, context: Context) -> Result<Exit> {
    let synchronize = &local.synchronize;
    let base = synchronize.files.relative_directory.as_deref().unwrap_or(Path::new(""));
    let source = base.join(&local.source);
    let settings = sync_settings(synchronize, Direction::Up)?;
    let (options, refused) = with_list(
        settings,
        synchronize,
        &Source::Local { directory: source.clone(), is_chosen: true, encodes: synchronize.encodes_names() },
    )?;
    let destination = paths::from_root(paths::text(&local.destination)?)?;
    let wanted = wanted(synchronize, Direction::Up, local.connection.json, context.verbose);
    transfer::warn_of_rate(&synchronize.line, &synchronize.report);
    let server = Server { connection: &local.connection, context, expected: None };
    transfer::run(wanted, false, server, refused, |client, show| {
        set_chunk_size(client, &options)?;
        if synchronize.parents && !options.dry_run {
            parents::make_remote(client, &destination, true)?;
        }
        Ok(synchronize_upload(client, &source, &destination, &options, show)?.transfer)
    })
}

fn from_server(remote: &SyncRemote, context: Context) -> Result<Exit> {
    let synchronize = &remote.synchronize;
    let settings = sync_settings(synchronize, Direction::Down)?;
    let receive = receive_settings(&remote.receive, &remote.connection)?;
    let settings = SyncOptions { receive, ..settings };
    let base = synchronize.files.relative_directory.as_deref();
    let order = match (remote.remote_first || base.is_some(), settings.delete) {
        (true, _) => Order::RemoteFirst,
        (false, true) => Order::Certain,
        (false, false) => Order::Free,
    };
    let source = match base {
        Some(base) if remote.source.is_relative() => {
            let base = paths::absolute_directory(paths::text(base)?)?;
            PathBuf::from(paths::from_directory(&base, paths::text(&remote.source)?)?.as_str())
        }
        _ => remote.source.clone(),
    };
    let sides = Sides::of([&source, &remote.destination], order)?;
    let (options, refused) = with_list(settings, synchronize, &Source::Remote(sides.remote.clone()))?;
    let wanted = wanted(synchronize, Direction::Down, remote.connection.json, context.verbose);
    transfer::warn_of_rate(&synchronize.line, &synchronize.report);
    let server = Server { connection: &remote.connection, context, expected: None };
    transfer::run(wanted, false, server, refused, |client, show| {
        set_chunk_size(client, &options)?;
        if let Some(parent) = sides.local.parent().filter(|_| synchronize.parents && !options.dry_run) {
            parents::make_local(parent)?;
        }
        let done = synchronize_download(client, &sides.remote, &sides.local, &options, show);
        Ok(done.map_err(|error| sides.explain(error))?.transfer)
    })
}

/// Reads the list of `--files-from`, if there is one. Returns the failures of its lines as well.
fn with_list(options: SyncOptions, synchronize: &Synchronize, source: &Source) -> Result<(SyncOptions, Vec<Failure>)> {
    let Some(path) = &synchronize.files.files_from else { return Ok((options, Vec::new())) };
    let list = FileList::read(path, synchronize.files.from_nul, source)?;
    let listed = ListedPaths::new(list.names()).map_err(Error::Local)?;
    Ok((SyncOptions { listed: Some(listed), ..options }, list.failures))
}

fn set_chunk_size(client: &mut Client, options: &SyncOptions) -> Result<()> {
    let chunk_size = options.send.chunk();
    if chunk_size.is_some() {
        client.set_chunk_size(chunk_size)?;
    }
    Ok(())
}

fn wanted(synchronize: &Synchronize, direction: Direction, json: bool, verbose: u8) -> OutputOptions {
    let report = &synchronize.report;
    let changes = match synchronize.itemize_changes || synchronize.dry_run {
        _ if report.quiet => Changes::Untold,
        true => Changes::Itemized(EventsTo::Stdout),
        false if verbose > 0 => Changes::Named,
        false => Changes::Untold,
    };
    OutputOptions {
        is_sync: true,
        events: json.then_some(EventsTo::Stdout),
        quiet: report.quiet,
        files: false,
        changes,
        left: verbose > 1,
        dry_run: synchronize.dry_run,
        progress: report.progress,
        stats: report.stats,
        compression: synchronize.line.compress || synchronize.line.compress_level.is_some(),
        direction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    fn changes(line: &str) -> Changes {
        let line = ["remofile", "sync", "local", "a", "/b"].into_iter().chain(line.split_whitespace());
        let arguments = Arguments::try_parse_from(line).unwrap();
        let Command::Sync(Sync { which: Which::Local(local) }) = arguments.command else { panic!("not to the server") };
        wanted(&local.synchronize, Direction::Up, false, arguments.global.verbose).changes
    }

    #[test]
    fn changes_are_told_to_who_asks() {
        for (line, expected) in [
            ("", Changes::Untold),
            ("-v", Changes::Named),
            ("-i", Changes::Itemized(EventsTo::Stdout)),
            ("-n", Changes::Itemized(EventsTo::Stdout)),
            ("-nv", Changes::Itemized(EventsTo::Stdout)),
            ("-nq", Changes::Untold),
        ] {
            assert_eq!(changes(line), expected, "{line}");
        }
    }
}
