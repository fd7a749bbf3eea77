//! The call that relays files.

use super::adapting::{Adapted, Names, adapted};
use super::end::{OfSide, RelayEnd, RelayError, RelaySide};
use super::passing::{Part, Passed, PassedFiles, Relayed, Shared};
use super::wanted::{Choosing, RelayWork, Seeking, first_names};
use crate::client::abilities::require;
use crate::client::download::plan::{DownloadPlan, Expected};
use crate::client::download::selecting::{Chosen, Selecting, SharedQueue};
use crate::client::session::context::CallContext;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::session::traffic::Traffic;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::foretelling::rights_to_store;
use crate::client::transfer::parallel::together;
use crate::client::transfer::places::refuse_relay_into_itself;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::call::{moved, random};
use crate::client::upload::plan::{claims_of, places_of};
use crate::client::upload::survey::Present;
use crate::client::{Client, RemoteSource, RetryOptions, TransferOptions, TransferReport};
use crate::error::Error;
use crate::monitor::Monitor;
use crate::transfer::Stored;
use remofile_protocol::handshake::Capability;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Done, ErrorCode, Found, Kind, Links};
use std::path::Path;

/// Copies files and directories of one server into an existing directory of another, each under its own name or the one its
/// source gives. They pass through this client, which holds some MiB of them at a time and keeps nothing.
///
/// Options mean what they mean for uploads and downloads; the limits of the call (timeout, wait, interrupt) are those of the
/// destination's client. Files that cannot be copied are in the report; all others are copied. No file is visible before it
/// is complete and checked, by the digest that the source's server made of it. If a connection is lost, the relay is tried
/// again as often as the options say, and goes on where it was; so does the same call made again.
///
/// Two clients of one server are allowed, but [`Client::copy`] sends nothing.
///
/// # Errors
/// The reason why the whole relay ends, and the side that it is about: no such destination, files in the way that must not be
/// touched, a source and a destination that are the same, ...
///
/// # Examples
/// ```no_run
/// use remofile::{Client, RelayEnd, Silent, TransferOptions, relay};
///
/// # fn example(nas: &mut Client, backup: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
/// let photos: remofile::protocol::path::RemotePath = "/photos".parse()?;
/// let options = TransferOptions { recursive: true, ..TransferOptions::default() };
/// let report =
///     relay(RelayEnd::new(nas), RelayEnd::new(backup), &[photos], &"/".parse()?, &options, &mut Silent)?;
/// println!("{} files", report.files);
/// # Ok(())
/// # }
/// ```
pub fn relay<S: Clone + Into<RemoteSource>>(
    mut source: RelayEnd<'_>,
    mut destination: RelayEnd<'_>,
    sources: &[S],
    directory: &RemotePath,
    options: &TransferOptions,
    monitor: &mut dyn Monitor,
) -> Relayed<TransferReport> {
    let sources: Vec<RemoteSource> = sources.iter().cloned().map(Into::into).collect();
    let Adapted { options, names } = adapted(&mut source, &mut destination, options)?;
    let options = &options;
    let shown = Path::new(directory.as_str());
    let plan = DownloadPlan::new(&sources, shown, options).of(RelaySide::Source, &source.label)?;
    let mut attempts = Attempts::new(options.retry, destination.client.context());
    let mut recorder = ProgressRecorder::new(monitor, true);
    let before = destination.client.traffic + source.client.traffic;
    let mut relaying = Relaying { source, destination, sources: &sources, plan: &plan, directory, options, names };
    loop {
        recorder.begin_attempt();
        match relaying.attempt(&mut attempts, &mut recorder) {
            Ok(done) => {
                relaying.source.client.end_lanes();
                relaying.destination.client.end_lanes();
                return Ok(recorder.finish(moved(&done), relaying.traffic() - before));
            }
            Err(RelayError { side, error }) => {
                if let Err(error) = attempts.again(error, &mut recorder) {
                    relaying.source.client.end_lanes();
                    relaying.destination.client.end_lanes();
                    return Err(RelayError { side, error });
                }
            }
        }
    }
}

/// A file or link that a relay would copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenCopy {
    /// Path at the source.
    pub source: RemotePath,
    /// Path below the directory at the destination; with a rule of renaming the copy may get a number.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
}

/// Finds out what [`relay`] would copy now, in one attempt, and changes nothing. A directory that is missing at the destination
/// is taken for an empty one. The report tells what would fail, be left out, or is there already.
///
/// # Errors
/// As [`relay`].
pub fn foresee_relay<S: Clone + Into<RemoteSource>>(
    mut source: RelayEnd<'_>,
    mut destination: RelayEnd<'_>,
    sources: &[S],
    directory: &RemotePath,
    options: &TransferOptions,
    monitor: &mut dyn Monitor,
) -> Relayed<(Vec<ForeseenCopy>, TransferReport)> {
    let sources: Vec<RemoteSource> = sources.iter().cloned().map(Into::into).collect();
    let Adapted { options, names } = adapted(&mut source, &mut destination, options)?;
    let options = &options;
    let shown = Path::new(directory.as_str());
    let plan = DownloadPlan::new(&sources, shown, options).of(RelaySide::Source, &source.label)?;
    let mut attempts = Attempts::new(RetryOptions::NEVER, destination.client.context());
    let mut recorder = ProgressRecorder::new(monitor, true);
    let before = destination.client.traffic + source.client.traffic;
    let rights = rights_to_store(options.on_conflict);
    destination.client.refuse_without(rights, directory).of(RelaySide::Destination, &destination.label)?;
    let mut relaying = Relaying { source, destination, sources: &sources, plan: &plan, directory, options, names };
    let (wanted, _) = relaying.prepare(&mut attempts, &mut recorder, MissingDirectory::IsEmpty)?;
    let copy = |(file, size): Chosen| ForeseenCopy { source: file.path, name: file.name, size };
    let copies = wanted.files.into_iter().map(copy).collect();
    Ok((copies, recorder.finish(Stored::default(), relaying.traffic() - before)))
}

/// The meaning of a directory that is missing at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissingDirectory {
    IsError,
    IsEmpty,
}

/// A relay and what it was asked for.
pub(super) struct Relaying<'a> {
    pub(super) source: RelayEnd<'a>,
    pub(super) destination: RelayEnd<'a>,
    sources: &'a [RemoteSource],
    pub(super) plan: &'a DownloadPlan<'a>,
    pub(super) directory: &'a RemotePath,
    pub(super) options: &'a TransferOptions,
    pub(super) names: Names,
}

impl Relaying<'_> {
    /// Returns the bytes that were sent and received so far.
    fn traffic(&self) -> Traffic {
        self.destination.client.traffic + self.source.client.traffic
    }

    fn attempt(&mut self, attempts: &mut Attempts, recorder: &mut ProgressRecorder<'_>) -> Relayed<Done> {
        // Refused now, not when everything is there.
        let (attributes, left_out) = self.kept_attributes(&attempts.context)?;
        let (wanted, names) = self.prepare(attempts, recorder, MissingDirectory::IsError)?;
        let claims = if self.options.ask { None } else { claims_of(&names, self.options.on_conflict) };
        let done = self.carry(wanted, claims.clone(), attempts, recorder)?;
        left_out.into_iter().for_each(|failure| recorder.failed(failure));
        if attributes.is_any() && recorder.no_room().is_none() {
            self.pass_attributes(attributes, claims, attempts, recorder)?;
        }
        Ok(done)
    }

    /// Finds out which files are to pass, and the first names that they get at the destination.
    fn prepare(
        &mut self,
        attempts: &mut Attempts,
        recorder: &mut ProgressRecorder<'_>,
        missing: MissingDirectory,
    ) -> Relayed<(RelayWork, Vec<String>)> {
        let mut policy = ConflictPolicy::of(self.options, attempts.is_again());
        let (attributes, _) = self.kept_attributes(&attempts.context)?;
        policy.preserve_mode &= !attributes.has(AttributeSet::TIMES_AND_MODES);
        if !attempts.is_again() {
            self.check(&attempts.context)?;
        }
        let found = self.seek(&attempts.context, recorder)?;
        if !attempts.is_again() {
            let files = found.iter().filter(|found| found.entry.kind == Kind::File);
            let (files, bytes) =
                files.fold((0, 0_u64), |sum, found| (sum.0 + 1, sum.1.saturating_add(found.entry.size)));
            recorder.total(files, bytes);
        }
        let names = first_names(&found);
        let RelayEnd { client, label } = &mut self.destination;
        let places = places_of(&names, self.options);
        let present = match client.survey(self.directory, &places, &attempts.context, recorder) {
            Err(Error::Remote(failure))
                if failure.code == ErrorCode::NotFound && missing == MissingDirectory::IsEmpty =>
            {
                Present::at(self.directory)
            }
            surveyed => surveyed.of(RelaySide::Destination, label)?,
        };
        attempts.got_to(present.bytes);
        let hello = client.session(&attempts.context).map(|session| session.hello());
        let most = hello.map(|hello| hello.file_size_limit).of(RelaySide::Destination, label)?;
        let earlier = match &self.options.link_dest {
            Some(directory) => client
                .earlier(directory, self.options.send.sets_modes(), &attempts.context, recorder)
                .of(RelaySide::Destination, label)?,
            None => None,
        };
        let choosing = Choosing {
            options: self.options,
            policy,
            most,
            label: &self.source.label,
            earlier: earlier.as_deref().map(|earlier| (earlier, self.plan.has_one_source())),
        };
        let wanted = choosing.choose(found, present, recorder).of(RelaySide::Destination, label)?;
        Ok((wanted, names))
    }

    /// Checks what the servers can do, and that nothing is copied into itself.
    fn check(&mut self, context: &CallContext) -> Relayed<()> {
        let RelayEnd { client, label } = &mut self.source;
        let theirs = client.session(context).map(|session| session.hello().places.clone());
        let theirs = theirs.of(RelaySide::Source, label)?;
        let RelayEnd { client, label } = &mut self.destination;
        let session = client.session(context).of(RelaySide::Destination, label)?;
        let (places, can) = (session.hello().places.clone(), session.hello().capabilities);
        let links = self.options.selection.links == Links::Copy;
        let modes = self.options.send.preserve_mode;
        require(can, modes, Capability::Modes).of(RelaySide::Destination, label)?;
        require(can, links, Capability::Links).of(RelaySide::Destination, label)?;
        if theirs.first().is_some_and(|root| places.first() == Some(root)) {
            let is_whole = self.options.recursive && self.options.selection.rules.is_empty();
            let refused = refuse_relay_into_itself(self.sources, self.directory, is_whole);
            refused.of(RelaySide::Source, &self.source.label)?;
        }
        Ok(())
    }

    fn seek(&mut self, context: &CallContext, recorder: &mut ProgressRecorder<'_>) -> Relayed<Vec<Found>> {
        let RelayEnd { client, label } = &mut self.source;
        let mut seeking = Seeking::new(self.plan, label, self.names, recorder);
        let sought = client.call_in(context, self.plan.find_request(AttributeSet::NONE), &mut seeking);
        let found = seeking.found;
        sought.map(|_| found).of(RelaySide::Source, label)
    }

    /// Has the files pass, over as many connections as the options say.
    fn carry(
        &mut self,
        wanted: RelayWork,
        claims: Option<Vec<String>>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Relayed<Done> {
        let RelayWork { files, leading, rules } = wanted;
        let connections = self.options.connections(false);
        let count = files.len() as u64;
        let passed_files = PassedFiles {
            request: self.plan.selected_request(),
            expected: Expected::files(&files, self.options),
            rules,
        };
        let shared = Shared {
            labels: [&self.source.label, &self.destination.label],
            directory: self.directory,
            on_conflict: self.options.on_conflict,
            claims,
            // Connections of one group share a lease.
            group: (connections > 1).then(random),
            lanes: if connections > 1 { LaneChoice::One } else { self.options.lanes() },
        };
        let source = &mut *self.source.client;
        if connections == 1 {
            let part = Part { source, selecting: Selecting::all(files), leading };
            let passed =
                shared.pass_files(&passed_files, self.destination.client, part, &attempts.context, recorder)?;
            return passed.checked(count);
        }
        let queue = SharedQueue::new(files);
        let mut others: Vec<Client> = (1..connections).map(|_| Client::new(source.options.clone())).collect();
        let mut leading = Some(leading);
        let sources = std::iter::once(source).chain(&mut others);
        let parts = sources.map(|source| {
            let selecting = Selecting::some(queue.clone());
            Part { source, selecting, leading: leading.take().unwrap_or_default() }
        });
        let work = |client: &mut Client, part: Part<'_>, recorder: &mut ProgressRecorder<'_>| {
            // Without this part the relay fails, so the others need not go on.
            let passed = shared.pass_files(&passed_files, client, part, &attempts.context, recorder);
            Ok(passed.inspect_err(|_| queue.clear()))
        };
        let passed = together(self.destination.client, recorder, parts.collect(), work, || queue.clear());
        let traffic = others.iter().fold(self.source.client.traffic, |sum, other| sum + other.traffic);
        self.source.client.traffic = traffic;
        let passed = passed.of(RelaySide::Destination, &self.destination.label)?;
        let sum =
            passed.into_iter().collect::<Relayed<Vec<Passed>>>()?.into_iter().reduce(|sum, other| sum.plus(&other));
        sum.unwrap_or_default().checked(count)
    }
}
