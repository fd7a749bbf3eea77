//! The files of a relay: found at the source, and compared with what is at the destination.

use super::adapting::Names;
use super::end::labelled;
use crate::carrier::Produced;
use crate::client::TransferOptions;
use crate::client::download::find::{SeenNames, admit};
use crate::client::download::plan::DownloadPlan;
use crate::client::download::selecting::{Chosen, Selecting};
use crate::client::listing::handler::decode;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::link_dest::Earlier;
use crate::client::upload::survey::{MOST_REMEMBERED, Present, UploadJudge, too_many_files};
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::transfer::{ItemRules, Verdict};
use remofile_protocol::wire::{Element, ErrorCode, Failure, Found, Holder, Item, Kind, Listed, OnConflict, Selected};
use std::collections::HashMap;
use std::sync::Arc;

/// Looks for the files at the source.
pub(super) struct Seeking<'a, 'b> {
    plan: &'a DownloadPlan<'a>,
    label: &'a str,
    /// Names that files get at the destination.
    given: Names,
    names: SeenNames,
    pub(super) found: Vec<Found>,
    selecting: Selecting,
    recorder: &'a mut ProgressRecorder<'b>,
}

impl<'a, 'b> Seeking<'a, 'b> {
    pub(super) fn new(
        plan: &'a DownloadPlan<'a>,
        label: &'a str,
        given: Names,
        recorder: &'a mut ProgressRecorder<'b>,
    ) -> Self {
        let selecting = plan.selecting();
        Self { plan, label, given, names: SeenNames::default(), found: Vec::new(), selecting, recorder }
    }

    fn take(&mut self, element: Element) -> Result<()> {
        let found = match element {
            Element::Found(found) => found,
            Element::Listed(Listed::Failed(failure)) => {
                self.recorder.failed(labelled(self.label, failure));
                return Ok(());
            }
            _ => return Err(Error::Protocol("elements that were not asked for".to_owned())),
        };
        if found.entry.kind == Kind::Directory && found.name.is_empty() {
            return Ok(()); // The root itself, whose contents are copied.
        }
        admit(self.plan.expected(), &mut self.names, &found.name, &found.entry)?;
        if found.entry.kind != Kind::Special || self.plan.takes_devices() {
            let name = self.given.path(&found.name).into_owned();
            self.found.push(Found { name, ..found });
        }
        // The server may name files without end.
        if self.found.len() > MOST_REMEMBERED { Err(too_many_files(MOST_REMEMBERED)) } else { Ok(()) }
    }
}

impl Handler for Seeking<'_, '_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        decode(payload, &mut |element| self.take(element)).map(|()| 0)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.recorder.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.selecting.produce(call)
    }
}

/// Returns the first names at the destination, each once.
pub(super) fn first_names(found: &[Found]) -> Vec<String> {
    let mut names: Vec<String> =
        found.iter().map(|found| found.name.split('/').next().unwrap_or_default().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The files that pass through a relay, and what else is changed at the destination.
#[derive(Default)]
pub(super) struct RelayWork {
    pub(super) files: Vec<Chosen>,
    /// Directories, permission bits of files that are there already, and files that are there by another name.
    pub(super) leading: Vec<Item>,
    /// Conflict rules of single files, by their keys.
    pub(super) rules: HashMap<u128, OnConflict>,
}

/// The choice among the files that were found.
pub(super) struct Choosing<'a> {
    pub(super) options: &'a TransferOptions,
    pub(super) policy: ConflictPolicy,
    /// Largest file that the destination takes, in bytes.
    pub(super) most: u64,
    /// Label of the source.
    pub(super) label: &'a str,
    /// Files of an earlier copy that those which did not change since are linked to, and whether there is a single source.
    pub(super) earlier: Option<(&'a Earlier, bool)>,
}

impl Choosing<'_> {
    /// Chooses the files that pass.
    ///
    /// # Errors
    /// [`Error::Conflicts`] if there is something at the destination that must not be touched.
    pub(super) fn choose(
        &self,
        found: Vec<Found>,
        mut present: Present,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<RelayWork> {
        let Self { options, policy, most, label, earlier } = *self;
        let files = found.iter().map(|found| (found.name.as_str(), &found.entry));
        present.refuse_conflicts_of(files, policy, recorder)?;
        let (judge, mut wanted) = (UploadJudge { present: Arc::new(present), policy }, RelayWork::default());
        for Found { name, entry } in found {
            if entry.kind == Kind::Directory {
                let mode = entry.mode.filter(|_| options.send.preserve_mode);
                wanted.leading.push(Item::Directory { path: name, mode });
                continue;
            }
            match judge.judge_entry(&name, &entry) {
                Verdict::Send { .. } if entry.kind == Kind::File && entry.size > most => {
                    recorder.failed(labelled(label, Failure::new(ErrorCode::FileTooLarge).at(&entry.path)));
                }
                Verdict::Link { .. } => {} // No judge of a relay links.
                Verdict::Send { rule, known } => {
                    wanted.rules.extend(rule.map(|rule| (ItemRules::key(&name), rule)));
                    if let Some(of) = earlier.and_then(|(earlier, is_alone)| earlier.same_of(&name, &entry, is_alone)) {
                        // It was compared here: a name has no time by which the server could.
                        if rule.unwrap_or(policy.on_conflict) == OnConflict::Newer {
                            wanted.rules.insert(ItemRules::key(&name), OnConflict::Replace);
                        }
                        wanted.leading.push(Item::HardLink { path: name, of: of.to_string(), rule: None });
                        continue;
                    }
                    let as_link = entry.kind == Kind::Link;
                    let size = entry.size;
                    wanted.files.push((Selected { path: entry.path, name, known, as_link, parts: Vec::new() }, size));
                }
                Verdict::Present { mode } => {
                    recorder.present(&name, entry.size);
                    let touch = |mode| Item::Touch { path: name, modified: None, mode: Some(mode) };
                    wanted.leading.extend(mode.map(touch));
                }
                Verdict::Skip(failure) => recorder.failed(labelled(label, failure.at(&entry.path))),
            }
        }
        Ok(wanted)
    }
}
