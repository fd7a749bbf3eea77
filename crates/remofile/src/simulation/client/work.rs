//! A task that is under way: what it asks for next, and what comes of that.

use super::mirroring::{Fetching, Mirroring};
use super::{Checked, Moment};
use crate::client::Present;
use crate::simulation::disk::Disk;
use crate::simulation::download::{Receiver, path_of};
use crate::simulation::model::{Change, Version};
use crate::simulation::mutant::Mutant;
use crate::simulation::sending::{Sources, Uploading};
use crate::simulation::task::{Mirror, Task, Upload};
use remofile_protocol::path::RemotePath;
use remofile_protocol::session::ClientSession;
use remofile_protocol::wire::{Done, Element, ErrorCode, Failure, OnConflict, OperationId, Request};
use std::sync::Arc;

/// A task that is under way.
pub(super) struct Work {
    pub(super) task: Task,
    change: Change,
    began: u64,
    sources: Option<Sources>,
    mirroring: Option<Mirroring>,
    /// True if an attempt of it broke off, or its user has asked before.
    is_again: bool,
    present: Option<Arc<Present>>,
    pub(super) hold: Hold,
    pub(super) part: Option<(OperationId, Part)>,
    /// True when it is done but for the lease that is given back.
    pub(super) is_done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    None,
    Asked(OperationId),
    Held(OperationId),
    Returned(OperationId),
}

/// One request and what comes of it.
pub(super) enum Part {
    Survey(Present),
    Upload(Box<Uploading>),
    Receive(Receiver),
    /// Elements that are kept until all have come.
    Elements(Vec<Element>),
    Fetch(Box<Fetching>),
    List,
    Change,
}

/// The step that follows a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Part,
    /// The same again, after a pause.
    Pause,
    Task,
}

impl Work {
    pub(super) fn begin(task: Task, disk: &Disk, mutant: Option<Mutant>, moment: &mut Moment<'_>) -> Self {
        let change = moment.model.number();
        let (mut sources, mut mirroring) = (None, None);
        match &task {
            Task::Upload(Upload { directory, files, .. }) | Task::Mirror(Mirror { directory, files, .. }) => {
                let own = Sources::make(change, files);
                for (path, version) in own.versions(directory) {
                    moment.model.begin(change, &path, version, moment.step);
                }
                if let Task::Mirror(mirror) = &task {
                    for path in mirror.deleted() {
                        moment.model.begin(change, &path, Version::Absent, moment.step);
                    }
                    mirroring = Some(Mirroring::begin(mirror, &own, disk, mutant, moment.step));
                }
                sources = Some(own);
            }
            Task::Remove(path) => moment.model.begin(change, path, Version::Absent, moment.step),
            Task::Move(from, to) => {
                moment.model.begin(change, from, Version::Absent, moment.step);
                moment.model.begin(change, to, Version::Of(from.clone()), moment.step);
            }
            Task::Download(_) | Task::List(_) | Task::Tree(_) => {}
        }
        // Before they share files, connections know what is there.
        let is_again = matches!(task, Task::Upload(Upload { group: Some(_), .. }));
        Self {
            task,
            change,
            began: moment.step,
            sources,
            mirroring,
            is_again,
            present: None,
            hold: Hold::None,
            part: None,
            is_done: false,
        }
    }

    pub(super) fn again(&mut self) {
        self.is_again = true;
        self.present = None;
        self.hold = Hold::None;
        if let Some((_, Part::Fetch(fetching))) = self.part.take() {
            fetching.interrupt();
        }
        if let Some(mirroring) = &mut self.mirroring {
            mirroring.again();
        }
    }

    /// Reports whether nothing is left to ask for.
    pub(super) fn is_finished(&self) -> bool {
        self.mirroring.as_ref().is_some_and(Mirroring::is_finished)
    }

    pub(super) fn ask(&mut self, machine: &mut ClientSession, moment: &mut Moment<'_>, wait: u64) -> Checked<()> {
        let now = moment.now;
        let (request, part) = match &self.task {
            Task::Mirror(mirror) => return self.ask_for_mirror(&mirror.clone(), machine, moment, wait),
            Task::Upload(upload) => match self.upload(upload) {
                Some(asked) => asked,
                None => {
                    let request = Request::Hold { write: true, paths: vec![upload.directory.clone()] };
                    self.hold = Hold::Asked(machine.start(now, request, wait));
                    return Ok(());
                }
            },
            Task::Download(path) => (download(path, false), Part::Receive(Receiver::default())),
            Task::Tree(path) => (download(path, true), Part::Receive(Receiver::default())),
            Task::Remove(path) => (Request::Remove { path: path.clone(), recursive: false }, Part::Change),
            Task::Move(from, to) => {
                let (source, destination) = (from.clone(), to.clone());
                (Request::Move { source, destination, replace: true }, Part::Change)
            }
            Task::List(path) => {
                let (path, rules) = (path.clone(), Vec::new());
                (
                    Request::List { path, recursive: true, rules, targets: false, unflushed: true, extras: false },
                    Part::List,
                )
            }
        };
        self.part = Some((machine.start(now, request, wait), part));
        // What was asked for is sought with the next attempt.
        self.began = self.began.max(1);
        Ok(())
    }

    /// The next request of a sync: its lease first, if it has none.
    fn ask_for_mirror(
        &mut self,
        mirror: &Mirror,
        machine: &mut ClientSession,
        moment: &mut Moment<'_>,
        wait: u64,
    ) -> Checked<()> {
        let Some(mirroring) = &mut self.mirroring else { return Ok(()) };
        if !matches!(self.hold, Hold::Held(_)) {
            let request = Request::Hold { write: mirror.is_upload, paths: vec![mirror.directory.clone()] };
            self.hold = Hold::Asked(machine.start(moment.now, request, wait));
            return Ok(());
        }
        self.part = mirroring.ask(machine, moment.now)?;
        if mirroring.is_finished() {
            self.mirrored(moment)?;
        }
        Ok(())
    }

    /// A sync is done, and its user knows.
    fn mirrored(&mut self, moment: &mut Moment<'_>) -> Checked<()> {
        let (Task::Mirror(mirror), Some(mirroring)) = (&self.task, &self.mirroring) else { return Ok(()) };
        if !mirror.is_upload {
            return mirroring.check_copy(mirror, moment);
        }
        for path in mirror.paths() {
            moment.model.acknowledge(self.change, &path, moment.step);
        }
        moment.model.end(self.change, moment.step);
        Ok(())
    }

    /// The next request of an upload; `None` if it needs its lease before.
    fn upload(&self, upload: &Upload) -> Option<(Request, Part)> {
        if upload.is_held && !matches!(self.hold, Hold::Held(_)) {
            return None;
        }
        let names: Vec<String> = upload.files.iter().map(|(name, _)| name.clone()).collect();
        let destination = upload.directory.clone();
        if self.is_again && self.present.is_none() {
            let present = Present::at(&destination);
            return Some((Request::Survey { destination, names, unflushed: true }, Part::Survey(present)));
        }
        let is_blind = self.present.is_none();
        let sources = self.sources.as_ref().expect("an upload has sources");
        let uploading = Uploading::new(sources, self.present.clone(), upload.group.is_some());
        let group = upload.group;
        // As the client does: blindly it asks for new names, which are claimed by that.
        let (names, claims) = if is_blind { (Some(names), None) } else { (None, Some(names)) };
        let request = Request::Upload { destination, on_conflict: OnConflict::Replace, names, group, claims };
        Some((request, Part::Upload(Box::new(uploading))))
    }

    pub(super) fn learn(
        &mut self,
        part: Part,
        outcome: Result<Done, Failure>,
        moment: &mut Moment<'_>,
    ) -> Checked<Next> {
        if let Some(mirroring) = &mut self.mirroring {
            let next = mirroring.learn(part, &outcome)?;
            if next == Next::Task {
                self.mirrored(moment)?;
            }
            return Ok(next);
        }
        match (part, outcome) {
            (Part::Survey(present), Ok(_)) => {
                self.present = Some(Arc::new(present));
                Ok(Next::Part)
            }
            (Part::Upload(uploading), Ok(done)) => self.uploaded(&uploading, &done, moment),
            (Part::Receive(receiver), outcome) => {
                self.received(&receiver, moment)?;
                Ok(if outcome.is_ok() || is_final(&outcome) { Next::Task } else { Next::Pause })
            }
            (Part::Change, Ok(_)) => {
                for path in self.task.changed() {
                    moment.model.acknowledge(self.change, &path, moment.step);
                }
                moment.model.end(self.change, moment.step);
                Ok(Next::Task)
            }
            (Part::List | Part::Elements(_) | Part::Fetch(_), Ok(_)) => Ok(Next::Task),
            (_, Err(failure)) => {
                if matches!(self.task, Task::Upload(_)) {
                    // A file is there, or something was kept of one: it is looked at before the next attempt.
                    let waits = failure.code != ErrorCode::Occupied;
                    (self.is_again, self.present) = (true, None);
                    return Ok(if waits { Next::Pause } else { Next::Part });
                }
                if !is_final(&Err(failure)) {
                    return Ok(Next::Pause);
                }
                moment.model.end(self.change, moment.step);
                Ok(Next::Task)
            }
        }
    }

    fn uploaded(&mut self, uploading: &Uploading, done: &Done, moment: &mut Moment<'_>) -> Checked<Next> {
        let Task::Upload(upload) = &self.task else { return Ok(Next::Task) };
        if done.files + uploading.failures() < uploading.packed() {
            return Err(format!("{} files were packed and {} stored", uploading.packed(), done.files));
        }
        for (name, _) in &upload.files {
            let path = upload.directory.join(name).map_err(|error| error.to_string())?;
            if !uploading.has_failed(name) {
                moment.model.acknowledge(self.change, &path, moment.step);
            }
        }
        if uploading.failures() > 0 {
            (self.is_again, self.present) = (true, None);
            return Ok(Next::Pause);
        }
        moment.model.end(self.change, moment.step);
        Ok(Next::Task)
    }

    fn received(&self, receiver: &Receiver, moment: &Moment<'_>) -> Checked<()> {
        for (name, content) in &receiver.whole {
            let path = match &self.task {
                Task::Download(source) | Task::Tree(source) => path_of(source, name),
                _ => None,
            };
            let path = path.ok_or("files that nobody asked for")?;
            if !moment.model.allows(&path, Some(content), self.began) && !(moment.is_damaged)(content) {
                let told = moment.model.told(&path);
                return Err(format!("{path} was read with {} bytes of no version: {told}", content.len()));
            }
        }
        Ok(())
    }
}

impl Task {
    fn changed(&self) -> Vec<RemotePath> {
        match self {
            Self::Remove(path) => vec![path.clone()],
            Self::Move(from, to) => vec![from.clone(), to.clone()],
            Self::Upload(_) | Self::Download(_) | Self::List(_) | Self::Tree(_) | Self::Mirror(_) => Vec::new(),
        }
    }
}

fn download(path: &RemotePath, recursive: bool) -> Request {
    let (sources, credit) = (vec![path.clone()], 256 * 1024);
    Request::Download { sources, recursive, total: false, credit, selection: None, send_options: None }
}

/// Reports whether the same request would fail again.
fn is_final(outcome: &Result<Done, Failure>) -> bool {
    let again = [
        ErrorCode::Busy,
        ErrorCode::Cancelled,
        ErrorCode::CoordinatorLost,
        ErrorCode::DiskFailure,
        ErrorCode::NoSpace,
        ErrorCode::OutOfResources,
        ErrorCode::ShuttingDown,
    ];
    outcome.as_ref().is_err_and(|failure| !again.contains(&failure.code))
}
