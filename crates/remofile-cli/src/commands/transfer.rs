//! The part that `upload` and `download` do alike.

use super::Context;
use crate::args::{Connection, OnConflict, Transfer};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::transfer::{Ask, Changes, EventsTo, Show, Wanted};
use crate::settings::{Direction, transfer_settings};
use crate::signals;
use remofile::{Client, TransferOptions, TransferReport};
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
}

/// Uploads or downloads with `call`.
pub(super) fn transfer(
    transfer: &Transfer,
    connection: &Connection,
    context: Context,
    setup: &TransferSetup,
    mut options: TransferOptions,
    call: impl FnOnce(&mut Client, &TransferOptions, &mut Show) -> Result<TransferReport>,
) -> Result<Exit> {
    let wanted = Wanted {
        events: connection.json.then_some(setup.events),
        quiet: transfer.report.quiet,
        files: context.verbose > 0,
        changes: Changes::Untold,
        left: false,
        dry_run: false,
        progress: transfer.report.progress,
        stats: transfer.report.stats,
        compression: options.send.compress_level.is_some(),
        direction: setup.direction,
    };
    let ask = options.ask;
    run(wanted, ask, connection, context, |client, show| {
        options.total = show.wants_total();
        call(client, &options, show)
    })
}

/// Connects, does with `call` what moves files, and shows what happens; `ask` if it may ask for answers.
pub(super) fn run(
    wanted: Wanted,
    ask: bool,
    connection: &Connection,
    context: Context,
    call: impl FnOnce(&mut Client, &mut Show) -> Result<TransferReport>,
) -> Result<Exit> {
    let client = context.of_transfer().options(connection, None)?;
    signals::interrupt_calls(client.interrupt.clone())?;
    let ask = ask.then(|| Ask::new(client.interrupt.clone()));
    let mut client = Client::connect(client)?;
    let mut show = Show::new(wanted, ask)?;
    let result = call(&mut client, &mut show);
    show.conclude(result)
}
