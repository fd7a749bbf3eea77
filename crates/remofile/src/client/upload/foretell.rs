//! Uploads that only tell what they would do.

use crate::client::abilities::{kept_attributes, no_links};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::foretelling::{Foretelling, refuse_file, rights_to_store};
use crate::client::transfer::foretold_attributes::AttributesAt;
use crate::client::transfer::progress_recorder::{ProgressRecorder, below};
use crate::client::upload::plan::UploadPlan;
use crate::client::upload::survey::{Present, UploadJudge};
use crate::client::{Client, TransferOptions, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::plan::Plan;
use crate::transfer::{FoundItem, Judge, Next, Verdict, numbered_path};
use remofile_protocol::handshake::{Capability, ServerHello};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict, Timestamp};
use std::sync::Arc;

impl Client {
    /// Reports the plan of an upload to the monitor, and changes nothing.
    pub(super) fn foretell_upload(
        &mut self,
        plan: &UploadPlan<'_>,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let mut attempts = Attempts::new(plan.options.retry, self.context());
        let mut recorder = ProgressRecorder::new(monitor, true);
        let before = self.traffic;
        loop {
            recorder.begin_attempt();
            match self.foretell_upload_once(plan, &attempts, &mut recorder) {
                Ok(foretold) => {
                    plan.reserved().for_each(|failure| recorder.failed(failure));
                    recorder.monitor.report(Event::Planned { plan: &foretold });
                    return Ok(recorder.finish(Foretelling::stored(&foretold), self.traffic - before));
                }
                Err(error) => attempts.again(error, &mut recorder)?,
            }
        }
    }

    /// Reports the plan of an upload of one file without a name of its own to the monitor.
    pub(super) fn foretell_stream(
        &mut self,
        destination: &RemotePath,
        name: &str,
        options: &TransferOptions,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let (context, before) = (self.context(), self.traffic);
        let mut recorder = ProgressRecorder::new(monitor, true);
        let hello = self.session(&context)?.hello().clone();
        self.refuse_without(rights_to_store(options.on_conflict), destination)?;
        let surveyed = self.survey(destination, &[name.to_owned()], &context, &mut recorder);
        let present = or_nothing(surveyed, destination, options)?;
        let new = Entry {
            path: RemotePath::root(),
            kind: Kind::File,
            size: 0,
            // Of now, as it were.
            modified: Timestamp::new(i64::MAX, 0),
            mode: None,
            unflushed: false,
        };
        let mut foretelling = Foretelling::default();
        let existing = present.existing(name);
        let failure = match (refuse_file(&hello, name, 0), options.on_conflict, &existing) {
            (Err(failure), ..) => Some(failure),
            (Ok(()), OnConflict::Abort, Some(_)) => Some(ErrorCode::AlreadyExists.into()),
            (Ok(()), OnConflict::Skip, Some(_)) => Some(Failure::new(ErrorCode::Skipped).because("it exists already")),
            (Ok(()), OnConflict::Rename, Some(_)) => foretelling.file(&beside(&present, name), &new, None),
            (Ok(()), _, existing) => foretelling.file(name, &new, existing.as_ref()),
        };
        failure.into_iter().for_each(|failure| recorder.failed(below(destination, failure.at(name))));
        let plan = foretelling.into_plan();
        recorder.monitor.report(Event::Planned { plan: &plan });
        Ok(recorder.finish(Foretelling::stored(&plan), self.traffic - before))
    }

    /// Reports whether a link is at the destination already, with the same target.
    fn is_same_link(&mut self, found: &FoundItem, plan: &UploadPlan<'_>, present: &Present) -> Result<bool> {
        let is_link = |entry: Option<Entry>| entry.is_some_and(|entry| entry.kind == Kind::Link);
        if found.entry.kind != Kind::Link || !is_link(present.existing(&found.path)) {
            return Ok(false);
        }
        let target = found.target(plan.options.selection.links);
        let (Ok(path), Ok(target)) = (plan.destination.join(&found.path), target) else { return Ok(false) };
        Ok(self.lstat(&path)?.target.is_some_and(|there| there == target))
    }

    fn foretell_upload_once(
        &mut self,
        plan: &UploadPlan<'_>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Plan> {
        let mut policy = ConflictPolicy::of(plan.options, false);
        self.refuse_early(plan, attempts)?;
        let hello = self.session(&attempts.context)?.hello().clone();
        let wanted = plan.options.send.attributes;
        policy.preserve_mode &= !kept_attributes(&hello, wanted, true)?.sets_modes(wanted);
        self.refuse_without(rights_to_store(plan.options.on_conflict), plan.destination)?;
        let surveyed = self.survey(plan.destination, &plan.places(), &attempts.context, recorder);
        let mut present = or_nothing(surveyed, plan.destination, plan.options)?;
        let check = || attempts.context.check_at_work();
        present.refuse_conflicts(plan.feed()?, policy, recorder, check)?;
        let present = Arc::new(present);
        let judge = UploadJudge { present: Arc::clone(&present), policy };
        let mut teller = Teller { hello, present, judge, foretelling: Foretelling::default(), plan };
        let mut feed = plan.feed()?;
        loop {
            match feed.find() {
                Next::Item(Ok(found)) if self.is_same_link(&found, plan, &teller.present)? => {}
                Next::Item(Ok(found)) => teller.tell(&found, recorder),
                Next::Item(Err(failure)) => recorder.failed(failure),
                Next::Working => attempts.context.check_at_work()?,
                Next::Pending | Next::End => break,
            }
        }
        let mut foretold = teller.foretelling.into_plan();
        if wanted.is_any() {
            let names = if plan.names_fit() { plan.names.as_slice() } else { &[] };
            let at = AttributesAt { destination: plan.destination, names, selection: &plan.options.selection };
            self.foretell_given(plan.feed()?, &at, wanted, &attempts.context, recorder, &mut foretold)?;
        }
        Ok(foretold)
    }
}

/// Takes a destination that is missing for an empty one, if it is to be.
fn or_nothing(surveyed: Result<Present>, destination: &RemotePath, options: &TransferOptions) -> Result<Present> {
    match surveyed {
        Err(Error::Remote(failure)) if options.missing_is_empty && failure.code == ErrorCode::NotFound => {
            Ok(Present::at(destination))
        }
        surveyed => surveyed,
    }
}

struct Teller<'a> {
    hello: ServerHello,
    present: Arc<Present>,
    judge: UploadJudge,
    foretelling: Foretelling,
    plan: &'a UploadPlan<'a>,
}

impl Teller<'_> {
    /// Tells what becomes of something that was found.
    fn tell(&mut self, found: &FoundItem, recorder: &mut ProgressRecorder<'_>) {
        if found.path.is_empty() || self.foretelling.is_blocked(&found.path) {
            return;
        }
        let existing = self.present.existing(&found.path);
        let failure = match found.entry.kind {
            Kind::Directory => match refuse_file(&self.hello, &found.path, 0) {
                Ok(()) => {
                    let mode = found.entry.mode.filter(|_| self.plan.options.send.preserve_mode);
                    let failure = self.foretelling.directory(&found.path, existing.as_ref(), mode);
                    failure.map(|failure| below(self.plan.destination, failure.at(&found.path)))
                }
                Err(failure) => Some(below(self.plan.destination, failure.at(&found.path))),
            },
            _ => self.file(found, existing.as_ref(), recorder),
        };
        failure.into_iter().for_each(|failure| recorder.failed(failure));
    }

    fn file(
        &mut self,
        found: &FoundItem,
        existing: Option<&Entry>,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Option<Failure> {
        let rule = match self.judge.judge(found) {
            Verdict::Present { mode } => {
                recorder.present(&found.path, found.entry.size);
                self.foretelling.present(&found.path, found.entry.size, mode);
                return None;
            }
            Verdict::Skip(failure) => return Some(failure.at(&found.shown)),
            Verdict::Send { rule, .. } | Verdict::Link { rule, .. } => rule.unwrap_or(self.judge.policy.on_conflict),
        };
        if let Err(failure) = refuse_file(&self.hello, &found.path, found.entry.size) {
            let is_local = failure.code == ErrorCode::FileTooLarge;
            return Some(if is_local {
                failure.at(&found.shown)
            } else {
                below(self.plan.destination, failure.at(&found.path))
            });
        }
        let is_beside = rule == OnConflict::Rename && existing.is_some();
        let beside = is_beside.then(|| beside(&self.present, &found.path));
        let path = beside.as_deref().unwrap_or(&found.path);
        let existing = existing.filter(|_| !is_beside);
        if found.entry.kind == Kind::Link && !self.hello.capabilities.has(Capability::Links) {
            return Some(below(self.plan.destination, no_links().at(path)));
        }
        if existing.is_some() && !self.hello.capabilities.has(Capability::Replacing) {
            let why = "the server replaces no files: remove it first";
            return Some(below(self.plan.destination, Failure::new(ErrorCode::Unsupported).at(path).because(why)));
        }
        let failure = match found.entry.kind {
            Kind::Link => match found.target(self.plan.options.selection.links) {
                Ok(target) => self.foretelling.link(path, &target, existing),
                Err(failure) => return Some(failure),
            },
            Kind::Special => self.foretelling.file(path, &found.entry, existing),
            // Opened, as nothing else tells whether it can be read.
            _ => match found.open() {
                Ok(_) => self.foretelling.file(path, &found.entry, existing),
                Err(failure) => return Some(failure),
            },
        };
        failure.map(|failure| below(self.plan.destination, failure.at(path)))
    }
}

/// Returns the free name beside a file that is there.
fn beside(present: &Present, path: &str) -> String {
    let mut candidates = (1..).map_while(|number| numbered_path(path, number));
    candidates.find(|candidate| present.existing(candidate).is_none()).unwrap_or_else(|| path.to_owned())
}
