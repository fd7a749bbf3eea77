//! The part that `upload` and `download` do alike.

use super::Context;
use crate::args::{Connection, Line, OnConflict, ReportArgs, Transfer};
use crate::descriptors;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output;
use crate::output::transfer::{Ask, Changes, EventsTo, OutputOptions, Show};
use crate::settings::{Direction, transfer_settings};
use crate::signals;
use remofile::protocol::wire::Failure;
use remofile::{Client, Event, Monitor, TransferOptions, TransferReport};
use std::path::Path;

/// Settles how files are transferred, before anything is connected.
pub(super) fn options(transfer: &Transfer, direction: Direction) -> Result<TransferOptions> {
    if transfer.on_conflict == OnConflict::Ask && (is_stdin_taken(transfer) || !Ask::is_possible()) {
        return Err(Failed::usage(
            "'--on-conflict ask' needs a terminal to ask on: choose abort, replace, skip, rename or newer",
        ));
    }
    transfer_settings(transfer, direction)
}

fn is_stdin_taken(transfer: &Transfer) -> bool {
    transfer.files_from.as_deref() == Some(Path::new("-")) || transfer.rules.take_stdin()
}

/// The direction of a transfer, and where its events go if they are wanted.
pub(super) struct TransferSetup {
    pub(super) direction: Direction,
    pub(super) events: EventsTo,
    /// Failures of what was refused before, as no path can be made of it.
    pub(super) refused: Vec<Failure>,
    /// True if it is going to move a large file.
    pub(super) is_large: bool,
}

/// Uploads or downloads with `call`.
pub(super) fn transfer(
    transfer: &Transfer,
    connection: &Connection,
    context: Context,
    setup: TransferSetup,
    mut options: TransferOptions,
    call: impl FnOnce(&mut Client, &TransferOptions, &mut Show) -> Result<TransferReport>,
) -> Result<Exit> {
    let TransferSetup { direction, events, refused, is_large } = setup;
    let expected = (is_large && !options.dry_run).then_some(options.transfers);
    let wanted = wanted(transfer, connection.json, context.verbose, &options, direction, events);
    warn_of_rate(&transfer.line, &transfer.report);
    let (ask, chunk_size) = (options.ask, options.send.chunk());
    run(wanted, ask, Server { connection, context, expected }, refused, |client, show| {
        if chunk_size.is_some() {
            client.set_chunk_size(chunk_size)?;
        }
        options.total = show.wants_total() && !options.dry_run;
        if !options.resume {
            show.begins_anew();
        }
        call(client, &options, show)
    })
}

/// Returns what is shown of a transfer that way, whose events go there.
pub(super) fn wanted(
    transfer: &Transfer,
    json: bool,
    verbose: u8,
    options: &TransferOptions,
    direction: Direction,
    events: EventsTo,
) -> OutputOptions {
    OutputOptions {
        is_sync: false,
        events: json.then_some(events),
        quiet: transfer.report.quiet,
        files: verbose > 0,
        changes: match transfer.dry_run && !transfer.report.quiet {
            true => Changes::Itemized(events),
            false => Changes::Untold,
        },
        left: false,
        dry_run: transfer.dry_run,
        progress: transfer.report.progress,
        stats: transfer.report.stats,
        compression: options.send.compress_level.is_some(),
        direction,
    }
}

/// Says for what a rate was taken that has no unit.
pub(super) fn warn_of_rate(line: &Line, report: &ReportArgs) {
    if line.bwlimit.is_some_and(|rates| rates.is_bare) && !report.quiet {
        output::warn(
            "'--bwlimit' without a unit is a number of bytes a second (rsync's is of KiB: write 2000K for 2000)",
        );
    }
}

/// The server of a transfer.
pub(super) struct Server<'a> {
    pub(super) connection: &'a Connection,
    pub(super) context: Context,
    /// The number of `--transfers`, if a large file is known to come.
    pub(super) expected: Option<u8>,
}

/// Connects, does with `call` what moves files, and shows what happens; `ask` if it may ask for answers. What was refused
/// before are failures of it.
pub(super) fn run(
    wanted: OutputOptions,
    ask: bool,
    server: Server<'_>,
    refused: Vec<Failure>,
    call: impl FnOnce(&mut Client, &mut Show) -> Result<TransferReport>,
) -> Result<Exit> {
    let Server { connection, context, expected } = server;
    descriptors::raise_limit();
    let client = context.of_transfer().options(connection, None)?;
    signals::interrupt_calls(client.interrupt.clone())?;
    let ask = ask.then(|| Ask::new(client.interrupt.clone()));
    let mut client = match expected {
        Some(transfers) => Client::connect_to_transfer(client, transfers)?,
        None => Client::connect(client)?,
    };
    let mut show = Show::new(wanted, ask)?;
    refused.iter().for_each(|failure| show.report(Event::FileFailed { failure }));
    let result = call(&mut client, &mut show).map(|mut report| {
        report.failures.extend(refused);
        report
    });
    show.conclude(result)
}
