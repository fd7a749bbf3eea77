//! `remofile sync`

use super::sides::{Order, Sides};
use super::{Context, paths, transfer};
use crate::args::{Sync, SyncLocal, SyncRemote, Synchronize, Which};
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::transfer::{Changes, EventsTo, Wanted};
use crate::settings::{Direction, sync_settings};
use remofile::{SyncOptions, synchronize_download, synchronize_upload};

pub(super) fn run(sync: Sync, context: Context) -> Result<Exit> {
    match sync.which {
        Which::Local(local) => to_server(&local, context),
        Which::Remote(remote) => from_server(&remote, context),
    }
}

fn to_server(local: &SyncLocal, context: Context) -> Result<Exit> {
    let options = sync_settings(&local.synchronize, Direction::Up)?;
    let destination = paths::from_root(paths::text(&local.destination)?)?;
    let wanted = wanted(&local.synchronize, Direction::Up, local.connection.json, context.verbose);
    transfer::run(wanted, false, &local.connection, context, |client, show| {
        Ok(synchronize_upload(client, &local.source, &destination, &options, show)?.transfer)
    })
}

fn from_server(remote: &SyncRemote, context: Context) -> Result<Exit> {
    let settings = sync_settings(&remote.synchronize, Direction::Down)?;
    let options = SyncOptions { partial_expiry: remote.partial_expiry, ..settings };
    let order = match (remote.remote_first, options.delete) {
        (true, _) => Order::RemoteFirst,
        (false, true) => Order::Certain,
        (false, false) => Order::Free,
    };
    let sides = Sides::of([&remote.source, &remote.destination], order)?;
    let wanted = wanted(&remote.synchronize, Direction::Down, remote.connection.json, context.verbose);
    transfer::run(wanted, false, &remote.connection, context, |client, show| {
        let done = synchronize_download(client, &sides.remote, &sides.local, &options, show);
        Ok(done.map_err(|error| sides.explain(error))?.transfer)
    })
}

fn wanted(synchronize: &Synchronize, direction: Direction, json: bool, verbose: u8) -> Wanted {
    let report = &synchronize.report;
    let changes = match synchronize.itemize_changes || synchronize.dry_run {
        _ if report.quiet => Changes::Untold,
        true => Changes::Itemized,
        false if verbose > 0 => Changes::Named,
        false => Changes::Untold,
    };
    Wanted {
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
        wanted(&local.synchronize, Direction::Up, false, arguments.verbose).changes
    }

    #[test]
    fn changes_are_told_to_who_asks() {
        for (line, expected) in [
            ("", Changes::Untold),
            ("-v", Changes::Named),
            ("-i", Changes::Itemized),
            ("-n", Changes::Itemized),
            ("-nv", Changes::Itemized),
            ("-nq", Changes::Untold),
        ] {
            assert_eq!(changes(line), expected, "{line}");
        }
    }
}
