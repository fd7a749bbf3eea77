//! Copies from one server to another, through this client.

use super::ends::{connection_to, refuse_nameless};
use super::target::{Destination, is_no_directory, kind};
use super::within;
use crate::args::{Connection, Copy, Direction, ServerName};
use crate::commands::begun::BegunCopy;
use crate::commands::download::{base, remote_sources};
use crate::commands::file_list::Source;
use crate::commands::sources::Arguments;
use crate::commands::transfer;
use crate::commands::{Context, expand, paths};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::text::harmless;
use crate::output::transfer::{Ask, EventsTo, Show};
use crate::output::{self, json};
use crate::{descriptors, settings, signals};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::Failure;
use remofile::{
    Client, ClientOptions, Error, Event, ForeseenCopy, Monitor, RelayEnd, RelayError, RelaySide, RemoteSource,
    TransferOptions, TransferReport, foresee_relay, relay,
};
use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// The two servers of a copy.
pub(super) struct Ends {
    source: End,
    destination: End,
}

/// A server, as it was named.
struct End {
    name: ServerName,
    options: ClientOptions,
}

impl Ends {
    /// Settles how to reach both servers.
    pub(super) fn of(
        connection: &Connection,
        source: ServerName,
        destination: ServerName,
        context: &Context,
    ) -> Result<Self> {
        refuse_nameless(connection, context.token.is_some(), [&source, &destination])?;
        let end = |name: ServerName| {
            let context = if name == ServerName::Default { context.duplicate() } else { context.without_token() };
            let options = context.of_transfer().telling_options(&connection_to(connection, name.clone()), None);
            options.map(|options| End { name: name.clone(), options }).map_err(|failed| failed.at_server(&name))
        };
        Ok(Self { source: end(source)?, destination: end(destination)? })
    }

    /// One server, which is both.
    pub(super) fn of_one(connection: &Connection, context: Context) -> Result<Self> {
        let name = connection.server.get().cloned().unwrap_or(ServerName::Default);
        let options = context.of_transfer().telling_options(connection, None)?;
        let end = || End { name: name.clone(), options: options.clone() };
        Ok(Self { source: end(), destination: end() })
    }
}

/// Copies through this client; with `within_if_one` a server that turns out to be both copies within itself.
pub(super) fn run(
    copy: &Copy,
    operands: Vec<PathBuf>,
    ends: Ends,
    context: &Context,
    within_if_one: bool,
) -> Result<Exit> {
    let Ends { source, destination: other } = ends;
    let interrupt = other.options.interrupt.clone();
    signals::interrupt_calls(interrupt.clone())?;
    let mut clients = Clients { from: source.connect(interrupt.clone())?, to: other.connect(interrupt)? };
    if within_if_one && source.options.token == other.options.token && clients.are_of_one_root()? {
        return within::run(copy, operands, clients.to);
    }
    let options = options(copy)?;
    let base = base(copy.transfer.relative_directory.as_deref())?;
    let (arguments, refused) = Arguments::of(operands, &copy.transfer, || Ok(Source::Remote(base.clone())))?;
    let text = arguments.destination.ok_or_else(|| Failed::usage("there is no destination"))?;
    let sources = remote_sources(&arguments.sources, arguments.listed, &base)?;
    let may_be_many = match &sources[..] {
        [only] if only.name.is_none() => {
            let may_be_many = expand::stands_for_many(&mut clients.from, &only.path);
            may_be_many.map_err(|failed| failed.at_server(&source.name))?
        }
        sources => !sources.is_empty(),
    };
    let destination = Destination {
        text: paths::text(&text)?,
        holds_several: may_be_many,
        parents: copy.transfer.parents,
        is_named: false,
    };
    let begun = match &sources[..] {
        [only] if !destination.holds_several && copy.transfer.is_recursive() => {
            let (hostname, port) = clients.from.address();
            let from = format!("{hostname}:{port}{}", only.path);
            Some(BegunCopy::of("relay", &clients.to, [from.as_str(), destination.text].map(OsStr::new)))
        }
        _ => None,
    };
    let destination = Destination { is_named: begun.as_ref().is_some_and(BegunCopy::is_unfinished), ..destination };
    let (direction, events) = (Direction::Up, EventsTo::Stdout);
    let wanted = transfer::wanted(&copy.transfer, copy.connection.json, context.verbose, &options, direction, events);
    transfer::warn_of_rate(&copy.transfer.line, &copy.transfer.report);
    descriptors::raise_limit();
    let ask = options.ask.then(|| Ask::new(other.options.interrupt.clone()));
    let target =
        destination.resolve(&mut clients.to, !copy.transfer.dry_run).map_err(|failed| failed.at_server(&other.name))?;
    let begun = begun.filter(|_| target.name.is_some() && !copy.transfer.dry_run);
    let path = target.name.as_deref().and_then(|name| target.directory.join(name).ok());
    let sources = named(sources, target.name);
    let mut show = Show::new(wanted, ask)?;
    if destination.is_named
        && let Some(path) = &path
        && kind(&mut clients.to, path).is_ok_and(|kind| kind.is_some())
    {
        show.goes_on_with(path);
    }
    refused.iter().for_each(|failure| show.report(Event::FileFailed { failure }));
    let options = TransferOptions { total: show.wants_total(), ..options };
    let from = RelayEnd { client: &mut clients.from, label: source.name.label() };
    let to = RelayEnd { client: &mut clients.to, label: other.name.label() };
    if copy.transfer.dry_run {
        let foreseen = foresee_relay(from, to, &sources, &target.directory, &options, &mut show);
        let (copies, report) = foreseen.map_err(|error| explain(error, &source.name, &other.name))?;
        // What shows a transfer keeps standard output to itself until it ends.
        let exit = show.conclude(Ok(with_refused(report, refused)))?;
        tell(copy, &copies, &target.directory, &source.name, &other.name)?;
        return Ok(exit);
    }
    begun.iter().for_each(BegunCopy::begin);
    let relayed = relay(from, to, &sources, &target.directory, &options, &mut show);
    if let (Some(begun), Some(path)) = (&begun, &path) {
        begun.settle(&relayed, |failed| {
            BegunCopy::is_told(failed.map(|RelayError { error, .. }| error)) && is_no_directory(&mut clients.to, path)
        });
    }
    let relayed = relayed.map_err(|error| explain(error, &source.name, &other.name));
    show.conclude(relayed.map(|report| with_refused(report, refused)))
}

/// Adds failures of what was refused before.
fn with_refused(mut report: TransferReport, refused: Vec<Failure>) -> TransferReport {
    report.failures.extend(refused);
    report
}

/// Tells what would be copied, a line a file.
fn tell(
    copy: &Copy,
    copies: &[ForeseenCopy],
    directory: &RemotePath,
    from: &ServerName,
    to: &ServerName,
) -> Result<()> {
    for ForeseenCopy { source, name, .. } in copies {
        let path = directory.join(name).map_err(|error| Failed::usage(error.to_string()))?;
        let (source, path) = (format!("{}{source}", from.label()), format!("{}{path}", to.label()));
        let text = match copy.connection.json {
            true => json::copy_plan(&source, &path).to_string(),
            false => format!("{} -> {}", harmless(&source), harmless(&path)),
        };
        output::data(&format!("{text}\n"))?;
    }
    Ok(())
}

/// The clients of both servers.
struct Clients {
    from: Client,
    to: Client,
}

impl Clients {
    /// Reports whether both see one directory of one server, by whatever names it was reached.
    fn are_of_one_root(&mut self) -> Result<bool> {
        let root = |client: &mut Client| Ok::<_, Failed>(client.server()?.places.first().copied());
        let root_of_source = root(&mut self.from)?;
        Ok(root_of_source.is_some() && root_of_source == root(&mut self.to)?)
    }
}

/// Settles how files are copied: no faster than either limit allows.
fn options(copy: &Copy) -> Result<TransferOptions> {
    // What is linked to is at the destination, a server.
    let mut options = TransferOptions {
        link_dest: settings::earlier(&copy.transfer.fidelity, Direction::Up)?,
        link_dest_here: None,
        ..transfer::options(&copy.transfer, Direction::Down)?
    };
    let rates = copy.transfer.line.bwlimit;
    let least = rates.into_iter().flat_map(|rates| [rates.up, rates.down]).flatten().min();
    options.send.bytes_per_second = least.map(NonZeroU64::get);
    Ok(options)
}

/// Gives a single source the name of its copy.
fn named(mut sources: Vec<RemoteSource>, name: Option<String>) -> Vec<RemoteSource> {
    if let (Some(name), [source]) = (name, &mut sources[..]) {
        source.name = Some(name);
    }
    sources
}

impl End {
    fn connect(&self, interrupt: remofile::Interrupt) -> Result<Client> {
        let options = ClientOptions { interrupt, ..self.options.clone() };
        Client::connect(options).map_err(|error| Failed::from(error).at_server(&self.name))
    }
}

/// Returns the failure of a relay, which names the server unless a path in it does.
fn explain(RelayError { side, error }: RelayError, source: &ServerName, destination: &ServerName) -> Failed {
    let names_it = error.path().is_some() || matches!(error, Error::Interrupted | Error::Timeout(_) | Error::Usage(_));
    let failed = Failed::from(error);
    match side {
        _ if names_it => failed,
        RelaySide::Source => failed.at_server(source),
        RelaySide::Destination => failed.at_server(destination),
    }
}
