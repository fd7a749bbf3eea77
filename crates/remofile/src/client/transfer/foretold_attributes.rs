//! The attributes that an upload or download is going to give, told before.

use crate::carrier::Produced;
use crate::client::Client;
use crate::client::abilities::{KeptAttributes, kept_attributes};
use crate::client::download::attributes::place;
use crate::client::download::plan::DownloadPlan;
use crate::client::download::selecting::Selecting;
use crate::client::listing::handler::{ListHandler, decode};
use crate::client::session::context::CallContext;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::survey::{MOST_REMEMBERED, too_many_files};
use crate::error::Result;
use crate::monitor::Event;
use crate::plan::{AttributeSteps, AttributesThere, Plan, differences};
use crate::store::Store;
use crate::transfer::{AttributesFeed, Feed, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Element, Holder, Request, Selection};

/// Entries at the destination of an upload that may get other attributes.
pub(crate) struct AttributesAt<'a> {
    pub(crate) destination: &'a RemotePath,
    /// First names at the destination; none if there are too many to ask for.
    pub(crate) names: &'a [String],
    pub(crate) selection: &'a Selection,
}

impl AttributesAt<'_> {
    fn request(&self, attributes: AttributeSet) -> Request {
        let Self { destination, names, selection: Selection { links, devices, .. } } = *self;
        let contents = names.is_empty();
        let sources = match contents {
            true => vec![destination.clone()],
            false => names.iter().filter_map(|name| destination.join(name).ok()).collect(),
        };
        let selection = Some(Selection { links: *links, devices: *devices, contents, ..Selection::default() });
        Request::Find { sources, recursive: true, selection, digests: false, attributes }
    }
}

impl Client {
    /// Adds to the plan of an upload the attributes that it gives to what is there already.
    pub(crate) fn foretell_given(
        &mut self,
        feed: Feed,
        at: &AttributesAt<'_>,
        wanted: AttributeSet,
        context: &CallContext,
        recorder: &mut ProgressRecorder<'_>,
        plan: &mut Plan,
    ) -> Result<()> {
        let kept = kept_attributes(self.session(context)?.hello(), wanted, true)?;
        if !matches!(kept, KeptAttributes::All) {
            return Ok(());
        }
        let mut there = AttributesThere::default();
        // Of names that nothing is at, nothing is told.
        let mut each = |element| {
            if let Element::Attributes { name, attributes } = element {
                there.add(&name, &attributes);
            }
            if there.len() > MOST_REMEMBERED { Err(too_many_files(MOST_REMEMBERED)) } else { Ok(()) }
        };
        self.call_in(context, at.request(wanted), &mut ListHandler::new(&mut each, recorder.monitor))?;
        let (mut steps, mut feed) = (AttributeSteps::new(plan), AttributesFeed::new(feed, wanted));
        loop {
            match feed.next_attributes() {
                Next::Item(Ok((path, attributes))) => steps.add(&path, there.differences(&path, &attributes, wanted)),
                // What cannot be told fails when it is given.
                Next::Item(Err(_)) => {}
                Next::Working => context.check_at_work()?,
                Next::Pending | Next::End => return Ok(()),
            }
        }
    }

    /// Adds to the plan of a download the attributes that it gives to what is here already.
    pub(crate) fn foretell_taken(
        &mut self,
        plan: &DownloadPlan<'_>,
        wanted: AttributeSet,
        store: &dyn Store,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
        foretold: &mut Plan,
    ) -> Result<()> {
        let kept = kept_attributes(self.session(&attempts.context)?.hello(), wanted, false)?;
        if !matches!(kept, KeptAttributes::All) {
            return Ok(());
        }
        let steps = AttributeSteps::new(foretold);
        let mut comparing = Comparing { plan, wanted, store, steps, selecting: plan.selecting(), recorder };
        self.call_in(&attempts.context, plan.find_request(wanted), &mut comparing).map(drop)
    }
}

/// Compares the attributes that are told with those of what is here.
struct Comparing<'a, 'b> {
    plan: &'a DownloadPlan<'a>,
    wanted: AttributeSet,
    store: &'a dyn Store,
    steps: AttributeSteps<'a>,
    selecting: Selecting,
    recorder: &'a mut ProgressRecorder<'b>,
}

impl Comparing<'_, '_> {
    fn take(&mut self, element: Element) -> Result<()> {
        // Failures were told with the files.
        let Element::Attributes { name, attributes } = element else { return Ok(()) };
        let path = place(self.plan, &name, &attributes)?;
        // Where nothing is, it comes with its attributes.
        if let Ok(there) = self.store.attributes(&path, self.wanted) {
            self.steps.add(path.as_relative(), differences(&attributes, &there, self.wanted));
        }
        Ok(())
    }
}

impl Handler for Comparing<'_, '_> {
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
