//! The attributes that a download gives when all content is there.

use crate::carrier::Produced;
use crate::client::Client;
use crate::client::abilities::{KeptAttributes, kept_attributes};
use crate::client::download::plan::{Arriving, DownloadPlan};
use crate::client::download::selecting::Selecting;
use crate::client::listing::handler::decode;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::store::Store;
use crate::transfer::GivenAttributes;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, Element, Failure, Holder, Kind, Listed};
use std::path::Path;

impl Client {
    /// Gives what was downloaded, and what was there already, the attributes that it is to have.
    pub(super) fn take_attributes(
        &mut self,
        plan: &DownloadPlan<'_>,
        store: &dyn Store,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<()> {
        let wanted = plan.options.send.attributes;
        match kept_attributes(self.session(&attempts.context)?.hello(), wanted, false)? {
            KeptAttributes::All => {}
            KeptAttributes::None => return Ok(()),
            KeptAttributes::Told(failure) => {
                recorder.failed(failure.at(plan.destination.display()));
                return Ok(());
            }
        }
        let taking = TakingAttributes::new(store, plan.destination, wanted);
        let mut handler = AttributesHandler { plan, taking, selecting: plan.selecting(), recorder };
        self.call_in(&attempts.context, plan.find_request(wanted), &mut handler)?;
        let AttributesHandler { taking, recorder, .. } = handler;
        taking.finish(recorder);
        Ok(())
    }
}

/// The attributes that come for the files of a local directory.
pub(crate) struct TakingAttributes<'a> {
    store: &'a dyn Store,
    destination: &'a Path,
    wanted: AttributeSet,
    given: GivenAttributes,
    failures: Vec<Failure>,
}

/// Failures that are told at most: what fails for each of very many files has one reason.
const MOST_FAILURES: usize = 10_000;

impl<'a> TakingAttributes<'a> {
    pub(crate) fn new(store: &'a dyn Store, destination: &'a Path, wanted: AttributeSet) -> Self {
        Self { store, destination, wanted, given: GivenAttributes::default(), failures: Vec::new() }
    }

    /// Gives what is at a path of the store the attributes that came for it.
    pub(crate) fn take(&mut self, path: &RemotePath, attributes: &Attributes) {
        let shown = self.shown(path);
        if let Err(failure) = self.given.give(self.store, path, &shown, attributes, self.wanted) {
            self.fail(failure.at(shown));
        }
    }

    /// Keeps a failure.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(failure);
        }
    }

    fn shown(&self, path: &RemotePath) -> String {
        self.destination.join(path.as_relative()).display().to_string()
    }

    /// Records what came of it.
    pub(crate) fn finish(self, recorder: &mut ProgressRecorder<'_>) {
        recorder.report.attributes += self.given.changed;
        self.failures.into_iter().chain(self.given.failures()).for_each(|failure| recorder.failed(failure));
    }
}

struct AttributesHandler<'a, 'b> {
    plan: &'a DownloadPlan<'a>,
    taking: TakingAttributes<'a>,
    selecting: Selecting,
    recorder: &'a mut ProgressRecorder<'b>,
}

impl AttributesHandler<'_, '_> {
    fn take(&mut self, element: Element) -> Result<()> {
        match element {
            Element::Attributes { name, attributes } => {
                let path = place(self.plan, &name, &attributes)?;
                self.taking.take(&path, &attributes);
                Ok(())
            }
            Element::Listed(Listed::Failed(failure)) => {
                self.taking.fail(failure);
                Ok(())
            }
            _ => Err(Error::Protocol("elements that were not asked for".to_owned())),
        }
    }
}

/// Returns the path that attributes are for, if they may come: as those of files, they must be of what was asked for.
pub(crate) fn place(plan: &DownloadPlan<'_>, name: &str, attributes: &Attributes) -> Result<RemotePath> {
    let expected = plan.expected();
    match attributes.kind {
        Kind::Directory if name.is_empty() && expected.is_whole_root() => Ok(RemotePath::root()),
        Kind::Directory => expected.check(name, Arriving::Directory),
        Kind::File | Kind::Special => expected.check(name, Arriving::File { size: attributes.size }),
        Kind::Link => expected.check_link(name),
    }
}

impl Handler for AttributesHandler<'_, '_> {
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
