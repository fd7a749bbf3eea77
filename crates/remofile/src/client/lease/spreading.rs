//! Parts of a sync over connections of their own, while the connection that has the lease keeps it.

use crate::carrier::Waker;
use crate::client::download::call::DownloadPart;
use crate::client::download::item_merger::ItemMerger;
use crate::client::download::plan::{DownloadPlan, Expected};
use crate::client::download::selecting::{Chosen, Selecting};
use crate::client::lease::holding::Until;
use crate::client::lease::syncing::{LocalDestination, Syncing};
use crate::client::session::lane_choice::LaneChoice;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::parallel::together_noticing;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::call::{UploadPart, moved, random};
use crate::client::{Client, RemoteSource, TransferOptions};
use crate::error::{Error, Result};
use crate::monitor::Silent;
use crate::transfer::{Checked, Feeding, Stored};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Known;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The part of an upload that one connection sends.
pub(crate) struct FeedPart<F> {
    pub(crate) feed: F,
    /// Files of it that the server has partials of. Each connection asks for those of its own.
    pub(crate) partials: Vec<String>,
}

/// The part of a download that one connection receives.
pub(crate) struct FetchPart<'a> {
    /// Files that are asked for; `None` if there are none.
    pub(crate) files: Option<Box<dyn Iterator<Item = Chosen> + Send>>,
    pub(crate) checked: Checked,
    pub(crate) merger: Box<dyn ItemMerger + Send + 'a>,
}

impl Syncing<'_> {
    /// Sends the items of several feeds at once. `adopt` gives a feed the partials of its files.
    pub(crate) fn send_together<F: Feeding + 'static>(
        &mut self,
        parts: Vec<FeedPart<F>>,
        destination: &RemotePath,
        options: &TransferOptions,
        adopt: impl Fn(&mut F, HashMap<Box<str>, Known>) + Sync,
    ) -> Result<()> {
        let group = Some(random());
        let work =
            |client: &mut Client, part: FeedPart<F>, attempts: &Attempts, recorder: &mut ProgressRecorder<'_>| {
                let FeedPart { mut feed, partials } = part;
                if !partials.is_empty() {
                    let present = client.survey(destination, &partials, &attempts.context, recorder)?;
                    let known = |name: &String| Some((name.as_str().into(), present.partial(name)?.clone()));
                    adopt(&mut feed, partials.iter().filter_map(known).collect());
                }
                let part = UploadPart { destination, options, feed, names: None, group, claims: None, replaces: None };
                client.send_part(part, attempts, recorder)
            };
        for done in self.spread(parts, work)? {
            self.add_stored(moved(&done));
        }
        Ok(())
    }

    /// Fetches files at once, and takes the items that each part's merger adds.
    pub(crate) fn fetch_together(
        &mut self,
        destination: LocalDestination<'_>,
        parts: Vec<FetchPart<'_>>,
        options: &TransferOptions,
    ) -> Result<()> {
        let LocalDestination { store, path } = destination;
        let plan = DownloadPlan::new(&[] as &[RemoteSource], path, options)?;
        let mut stored = Stored::default();
        let sum = Mutex::new(&mut stored);
        let work =
            |client: &mut Client, part: FetchPart<'_>, attempts: &Attempts, recorder: &mut ProgressRecorder<'_>| {
                let FetchPart { files, checked, mut merger } = part;
                let part = DownloadPart {
                    plan: &plan,
                    store,
                    request: files.is_some().then(|| plan.selected_request()),
                    expected: Expected::merged(),
                    selecting: files.map_or_else(Selecting::none, Selecting::coming),
                    directories: Vec::new(),
                    rules: HashMap::new(),
                    checked,
                    lanes: LaneChoice::One,
                };
                client.receive_part(part, &mut *merger, attempts, recorder, &sum)
            };
        let fetched = self.spread(parts, work);
        self.add_stored(stored);
        fetched.map(drop)
    }

    /// Does each part on a connection and a thread of its own, while this session answers the server.
    fn spread<P: Send, T: Send>(
        &mut self,
        parts: Vec<P>,
        work: impl Fn(&mut Client, P, &Attempts, &mut ProgressRecorder<'_>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot wait", source })?;
        let under_way = UnderWay {
            parts: AtomicUsize::new(parts.len()),
            is_done: AtomicBool::new(parts.is_empty()),
            has_worked: AtomicBool::new(false),
            waker,
        };
        let parts = parts.into_iter().map(|part| Some((part, Ending(&under_way))));
        let (client, attempts, recorder) = self.split();
        let work = |client: &mut Client, part: Option<(P, Ending<'_>)>, recorder: &mut ProgressRecorder<'_>| match part
        {
            Some((part, _ending)) => work(client, part, attempts, recorder).map(Some),
            None => {
                let (is_done, has_worked) = (&under_way.is_done, &under_way.has_worked);
                let until = Until::Done { is_done, has_worked };
                client.attend_until(until, &attempts.context, &[&under_way.waker], &mut Silent).map(|()| None)
            }
        };
        let notice = || under_way.has_worked.store(true, Ordering::Relaxed);
        // The others go on if one fails: what they store, the next attempt finds.
        let done =
            together_noticing(client, recorder, std::iter::once(None).chain(parts).collect(), work, || {}, notice)?;
        Ok(done.into_iter().flatten().collect())
    }
}

/// The parts that are under way.
struct UnderWay {
    parts: AtomicUsize,
    /// True when all have ended.
    is_done: AtomicBool,
    /// True if some part has got on.
    has_worked: AtomicBool,
    waker: Waker,
}

/// Notes the end of a part, however it ends.
struct Ending<'a>(&'a UnderWay);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.0.parts.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.is_done.store(true, Ordering::Release);
            self.0.waker.wake();
        }
    }
}
