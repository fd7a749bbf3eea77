//! Downloads that only tell what they would do.

use crate::client::abilities::kept_attributes;
use crate::client::download::plan::DownloadPlan;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::foretelling::Foretelling;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::{Client, TransferReport};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use crate::plan::Plan;
use crate::store::Store;
use crate::transfer::{ItemRules, numbered_path};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, OnConflict, Timestamp};

impl Client {
    /// Reports the plan of a download to the monitor, and changes nothing.
    pub(super) fn foretell_download(
        &mut self,
        plan: &DownloadPlan<'_>,
        store: &dyn Store,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let mut attempts = Attempts::new(plan.options.retry, self.context());
        let mut recorder = ProgressRecorder::new(monitor, false);
        let before = self.traffic;
        loop {
            recorder.begin_attempt();
            match self.foretell_download_once(plan, store, &attempts, &mut recorder) {
                Ok(foretold) => {
                    recorder.monitor.report(Event::Planned { plan: &foretold });
                    return Ok(recorder.finish(Foretelling::stored(&foretold), self.traffic - before));
                }
                Err(error) => attempts.again(error, &mut recorder)?,
            }
        }
    }

    /// Reports the plan of a download of one file into a writer to the monitor.
    pub(super) fn foretell_download_stream(
        &mut self,
        source: &RemotePath,
        monitor: &mut dyn Monitor,
    ) -> Result<TransferReport> {
        let entry = self.stat(source)?;
        if entry.kind != Kind::File {
            return Err(Error::Remote(Failure::new(ErrorCode::NotAFile).at(source)));
        }
        let mut foretelling = Foretelling::default();
        let name = source.file_name().map(|name| name.to_string()).unwrap_or_default();
        let _nothing_is_there = foretelling.file(&name, &entry, None);
        monitor.report(Event::Planned { plan: &foretelling.into_plan() });
        Ok(TransferReport { files: 1, bytes: entry.size, ..TransferReport::default() })
    }

    fn foretell_download_once(
        &mut self,
        plan: &DownloadPlan<'_>,
        store: &dyn Store,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<Plan> {
        let mut policy = ConflictPolicy::of(plan.options, false);
        let given = plan.options.send.attributes;
        let kept = kept_attributes(self.session(&attempts.context)?.hello(), given, false)?;
        policy.preserve_mode &= !kept.sets_modes(given);
        self.refuse_download_early(plan, attempts)?;
        let wanted = self.find(plan, store, None, policy, attempts, recorder)?;
        let mut foretelling = Foretelling::default();
        let shown = |name: &str| plan.destination.join(name).display().to_string();
        for (name, mode) in &wanted.directories {
            let existing = RemotePath::root().join(name).ok().and_then(|path| store.stat(&path).ok());
            let failure = foretelling.directory(name, existing.as_ref(), *mode);
            failure.into_iter().for_each(|failure| recorder.failed(failure.at(shown(name))));
        }
        for (path, mode) in &wanted.modes {
            foretelling.touch(path.as_relative(), Some(*mode));
        }
        for (file, size) in &wanted.files {
            attempts.context.check_at_work()?;
            if foretelling.is_blocked(&file.name) {
                continue;
            }
            let rule = wanted.rules.get(&ItemRules::key(&file.name)).copied().unwrap_or(policy.on_conflict);
            let existing = existing(store, &file.name);
            let is_beside = rule == OnConflict::Rename && existing.is_some();
            let beside = is_beside.then(|| beside(store, &file.name));
            let (name, existing) = (beside.as_deref().unwrap_or(&file.name), existing.as_ref().filter(|_| !is_beside));
            let failure = if file.as_link {
                let target = self.lstat(&file.path)?.target.unwrap_or_default();
                let here = RemotePath::root().join(name).ok().and_then(|path| store.kept_target(&path).ok());
                if here.is_some_and(|here| here == target) {
                    continue;
                }
                foretelling.link(name, &target, existing)
            } else {
                let new = Entry {
                    path: file.path.clone(),
                    kind: Kind::File,
                    size: *size,
                    modified: wanted.times.get(&ItemRules::key(&file.name)).copied().unwrap_or(Timestamp::new(0, 0)),
                    mode: None,
                    unflushed: false,
                };
                foretelling.file(name, &new, existing)
            };
            failure.into_iter().for_each(|failure| recorder.failed(failure.at(shown(name))));
        }
        let mut foretold = foretelling.into_plan();
        if given.is_any() {
            self.foretell_taken(plan, given, store, attempts, recorder, &mut foretold)?;
        }
        Ok(foretold)
    }
}

/// Returns the entry at a path of the destination; of a link its own.
fn existing(store: &dyn Store, name: &str) -> Option<Entry> {
    let path = RemotePath::root().join(name).ok()?;
    let entry = store.stat(&path).ok()?;
    let is_link = store.read_link(&path).is_ok();
    Some(Entry { kind: if is_link { Kind::Link } else { entry.kind }, ..entry })
}

/// Returns the free name beside a file that is there.
fn beside(store: &dyn Store, name: &str) -> String {
    let mut candidates = (1..).map_while(|number| numbered_path(name, number));
    candidates.find(|candidate| existing(store, candidate).is_none()).unwrap_or_else(|| name.to_owned())
}
