//! The calls that upload.

use crate::client::abilities::{kept_attributes, require, sets_directory_modes};
use crate::client::session::context::CallContext;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::deferred_event::DeferredEvents;
use crate::client::transfer::parallel::together;
use crate::client::transfer::places::refuse_upload_into_itself;
use crate::client::transfer::progress_recorder::{ProgressRecorder, ended_early};
use crate::client::upload::handler::UploadHandler;
use crate::client::upload::link_dest::{Earlier, LinkingJudge};
use crate::client::upload::plan::UploadPlan;
use crate::client::upload::survey::{Present, UploadJudge, must_survey_first};
use crate::client::{Client, LocalSource, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Silent};
use crate::transfer::{Census, Counted, Feed, Feeding, Pace, Packer, PackerOptions, SharedFeed, Stored};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::Capability;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Done, ErrorCode, Links, Request, Version};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

impl Client {
    /// Uploads files and directories into an existing remote directory, each under its own name or the one
    /// its source gives. Relative paths are taken from the current directory.
    ///
    /// Files that cannot be uploaded are in the report; all others are uploaded. No file is visible before it is
    /// complete and checked. If the connection is lost, the upload is tried again as often as the options say, and
    /// resumes where it was; so does the same call made again.
    ///
    /// # Errors
    /// The reason why the whole upload ends: no such destination, no connection, files in the way that must not be
    /// touched, a pattern that matches nothing, the lease is held by others...
    pub fn upload<S: Clone + Into<LocalSource>>(
        &mut self,
        sources: &[S],
        destination: &RemotePath,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let sources: Vec<LocalSource> = sources.iter().cloned().map(Into::into).collect();
        let mut adapted = options.clone();
        let encoding =
            self.adapt(&mut adapted.selection, options.send, options.encode_names, options.link_dest.is_some())?;
        let options = &adapted;
        let mut plan = UploadPlan::new(&sources, destination, options, encoding)?;
        if options.dry_run { self.foretell_upload(&plan, monitor) } else { self.upload_plan(&mut plan, monitor) }
    }

    /// Uploads one file in place of a certain version of the present file, which the server checks as it commits it.
    ///
    /// # Errors
    /// `source-changed`, in the report, if there is another version or no file by then.
    pub(crate) fn upload_in_place_of(
        &mut self,
        version: Version,
        source: &LocalSource,
        destination: &RemotePath,
        options: &TransferOptions,
    ) -> Result<TransferReport> {
        let mut plan = UploadPlan::new(std::slice::from_ref(source), destination, options, None)?;
        plan.replaces = Some(version);
        self.upload_plan(&mut plan, &mut Silent)
    }

    fn upload_plan(&mut self, plan: &mut UploadPlan<'_>, monitor: &mut dyn Monitor) -> Result<TransferReport> {
        if plan.is_large_file() {
            self.expected = plan.options.lanes();
        }
        let report = self.upload_attempts(plan, monitor);
        self.end_lanes();
        report
    }

    fn upload_attempts(&mut self, plan: &mut UploadPlan<'_>, monitor: &mut dyn Monitor) -> Result<TransferReport> {
        let options = plan.options;
        let mut attempts = Attempts::new(options.retry, self.context());
        let mut recorder = ProgressRecorder::new(monitor, true);
        if options.total {
            let Counted { files, bytes, roll } = self.count(plan.feed()?, &attempts.context)?;
            plan.roll = Some(roll);
            recorder.total(files, bytes);
        }
        let before = self.traffic;
        loop {
            recorder.begin_attempt();
            match self.upload_once(plan, &mut attempts, &mut recorder) {
                Ok(done) => {
                    // Not before: whoever asks for a name that nothing has yet asks twice.
                    plan.reserved().for_each(|failure| recorder.failed(failure));
                    return Ok(recorder.finish(moved(&done), self.traffic - before));
                }
                Err(error) => attempts.again(error, &mut recorder)?,
            }
        }
    }

    fn upload_once(
        &mut self,
        plan: &UploadPlan<'_>,
        attempts: &mut Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Done> {
        let mut policy = ConflictPolicy::of(plan.options, attempts.is_again());
        // Mostly nothing is in the way: the upload begins without a survey, and makes one if the server reports
        // otherwise.
        let is_blind = !attempts.is_again()
            && !must_survey_first(plan.options, recorder)
            && plan.names_fit()
            && plan.connections(false) == 1;
        self.refuse_early(plan, attempts)?;
        // Refused now, not when everything is there.
        let wanted = plan.options.send.attributes;
        let kept = kept_attributes(self.session(&attempts.context)?.hello(), wanted, true)?;
        policy.preserve_mode &= !kept.sets_modes(wanted);
        let mut present = None;
        if policy.must_look() && !is_blind {
            present = Some(self.look(plan, policy, attempts, recorder)?);
        }
        loop {
            match self.send(plan, policy, present.clone(), attempts, recorder) {
                Err(Error::Remote(failure)) if failure.code == ErrorCode::Occupied && present.is_none() => {
                    present = Some(self.look(plan, policy, attempts, recorder)?);
                }
                Ok(done) => {
                    self.give_attributes(plan, attempts, recorder)?;
                    return Ok(done);
                }
                result => return result,
            }
        }
    }

    /// Refuses what can be seen to be in vain before anything is sent.
    pub(super) fn refuse_early(&mut self, plan: &UploadPlan<'_>, attempts: &Attempts) -> Result<()> {
        // Where there are rules, they may leave the destination out.
        if plan.options.recursive && plan.options.selection.rules.is_empty() && !attempts.is_again() {
            let theirs = self.session(&attempts.context)?.hello().places.clone();
            let mut sources = plan.directories();
            sources.try_for_each(|source| refuse_upload_into_itself(&theirs, &source, plan.destination))?;
        }
        let makes_links = plan.options.selection.links == Links::Copy;
        if plan.options.send.preserve_mode || makes_links {
            let can = self.session(&attempts.context)?.hello().capabilities;
            require(can, plan.options.send.preserve_mode, Capability::Modes)?;
            require(can, makes_links, Capability::Links)?;
        }
        Ok(())
    }

    /// Surveys the destination, and fails if a file there must not be touched.
    fn look(
        &mut self,
        plan: &UploadPlan<'_>,
        policy: ConflictPolicy,
        attempts: &mut Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Arc<Present>> {
        let mut present = self.survey(plan.destination, &plan.places(), &attempts.context, recorder)?;
        attempts.got_to(present.bytes);
        let check = || attempts.context.check_at_work();
        present.refuse_conflicts(plan.feed()?, policy, recorder, check)?;
        Ok(Arc::new(present))
    }

    /// Sends all files, over as many connections as the options say.
    fn send(
        &mut self,
        plan: &UploadPlan<'_>,
        policy: ConflictPolicy,
        present: Option<Arc<Present>>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Done> {
        let names = (present.is_none() && policy.must_look()).then(|| plan.names.clone());
        let judge = present.map(|present| UploadJudge { present, policy });
        let feed = match (self.earlier_upload(plan, attempts, recorder)?, judge) {
            (Some(earlier), judge) => {
                let is_alone = plan.names.len() == 1;
                plan.sending_feed()?.judged_by(Box::new(LinkingJudge { judge, earlier, is_alone }))
            }
            (None, Some(judge)) => plan.sending_feed()?.judged_by(Box::new(judge)),
            (None, None) => plan.sending_feed()?,
        };
        let connections = plan.connections(recorder.monitor.chunk_size().is_some());
        let UploadPlan { destination, options, replaces, .. } = *plan;
        if connections == 1 {
            // New names are claimed anyway.
            let claims = if names.is_some() { None } else { plan.claims() };
            let part = UploadPart { destination, options, feed, names, group: None, claims, replaces };
            return self.send_part(part, attempts, recorder);
        }
        let (shares, stop) = SharedFeed::share(feed, connections.into());
        // Connections of one group share a lease.
        let group = Some(random());
        let part =
            |feed| UploadPart { destination, options, feed, names: None, group, claims: plan.claims(), replaces };
        let parts = shares.into_iter().map(part).collect();
        let work =
            |client: &mut Self, part, recorder: &mut ProgressRecorder<'_>| client.send_part(part, attempts, recorder);
        let done = together(self, recorder, parts, work, || stop.stop())?;
        let sum = |sum: Done, done: Done| Done {
            files: sum.files + done.files,
            directories: sum.directories + done.directories,
            bytes: sum.bytes + done.bytes,
            ..sum
        };
        Ok(done.into_iter().fold(Done::default(), sum))
    }

    /// Returns the earlier upload that files may be linked to, if one is named and there.
    fn earlier_upload(
        &mut self,
        plan: &UploadPlan<'_>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Option<Arc<Earlier>>> {
        let Some(directory) = &plan.options.link_dest else { return Ok(None) };
        self.earlier(directory, plan.options.send.sets_modes(), &attempts.context, recorder)
    }

    /// Sends the files of one connection.
    pub(crate) fn send_part<F: Feeding + 'static>(
        &mut self,
        part: UploadPart<'_, F>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Done> {
        let UploadPart { destination, options, feed, names, group, claims, replaces } = part;
        let context = &attempts.context;
        let file_size_limit = self.session(context)?.hello().file_size_limit;
        let mut packing = PackerOptions::of(options.send, file_size_limit, DigestKind::Xxh3).map_err(Error::Local)?;
        packing.replaces = replaces;
        packing.directory_modes = sets_directory_modes(self.session(context)?.hello());
        if !kept_attributes(self.session(context)?.hello(), options.send.attributes, true)?
            .sets_modes(options.send.attributes)
        {
            packing.send.attributes = AttributeSet::NONE;
        }
        let mut handler = UploadHandler {
            destination,
            packer: Packer::new(feed, packing).map_err(Error::Local)?,
            pace: Pace::of(&options.send),
            ready_at: None,
            deferred: names.is_some().then(DeferredEvents::default),
            blind: 0,
            // A file that is taken from a shared feed could not be given back if the upload were refused.
            awaits_grant: group.is_some(),
            finished: false,
            packed_files: 0,
            failures: 0,
            recorder,
        };
        let (destination, on_conflict) = (destination.clone(), options.on_conflict);
        let request = Request::Upload { destination, on_conflict, names, group, claims };
        // Sessions of one group have a connection each.
        let lanes = if group.is_some() { LaneChoice::One } else { options.lanes() };
        let done = self.call_over(lanes, context, request, &mut handler)?;
        if !handler.finished {
            return ended_early();
        }
        if handler.packer.has_more() {
            handler.recorder.leave_more();
        }
        handler.recorder.report.attributes += u64::from(done.attributes);
        // A server that loses files silently must not look like one that stored them.
        if done.files.saturating_add(handler.failures) < handler.packed_files {
            return Err(Error::Protocol("it stored fewer files than were sent, and did not say which".to_owned()));
        }
        if let Some(deferred) = handler.deferred.take() {
            handler.recorder.release(deferred);
        }
        Ok(done)
    }

    /// Counts the files of a feed and their bytes.
    fn count(&self, feed: Feed, context: &CallContext) -> Result<Counted> {
        let mut census = Census::new(feed);
        loop {
            context.check_at_work()?;
            if let Some(counted) = census.step() {
                return Ok(counted);
            }
        }
    }
}

pub(crate) fn moved(done: &Done) -> Stored {
    Stored { files: done.files, directories: done.directories, bytes: done.bytes, ..Stored::default() }
}

/// The part of an upload that one connection sends.
pub(crate) struct UploadPart<'a, F> {
    pub(crate) destination: &'a RemotePath,
    pub(crate) options: &'a TransferOptions,
    pub(crate) feed: F,
    pub(crate) names: Option<Vec<String>>,
    pub(crate) group: Option<u64>,
    /// Names in the destination that are kept from others meanwhile. Without them all of it is.
    pub(crate) claims: Option<Vec<String>>,
    /// Version that its one file must replace, if it must be a certain one.
    pub(crate) replaces: Option<Version>,
}

/// Returns a random number, by which the server knows the connections of one upload.
pub(crate) fn random() -> u64 {
    // Its keys come from the operating system.
    RandomState::new().hash_one(std::process::id())
}
