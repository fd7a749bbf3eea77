//! The names in a directory, as far as they are known: many files that go there need no look each.

use super::client::Client;
use super::listing::ListRequest;
use remofile::store::StoreResult;
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Names that are looked for one by one in a directory before it is listed.
const FEW: usize = 3;

/// Names that are remembered of a directory at most, and of all directories of a store.
const MOST_NAMES: usize = 20_000;
const MOST_IN_ALL: usize = 400_000;

/// Keys in an answer of a service.
const PAGE: usize = 1000;

/// The names in a directory, for the files that are staged in it.
pub(crate) struct Names {
    client: Arc<Client>,
    /// The prefix of the keys in the directory.
    prefix: String,
    state: Mutex<State>,
    /// Held while the directory is listed for commits, so that those which begin meanwhile do not list it as well.
    listing: tokio::sync::Mutex<()>,
}

struct State {
    there: There,
    /// The names that were given here; `None` if they are too many.
    given: Option<HashSet<String>>,
    /// The names that were looked for one by one since the directory was listed.
    looks: usize,
    /// The names that the store has counted.
    counted: usize,
}

/// The names that are there.
enum There {
    Unknown,
    /// All names that there were at a time.
    Listed(HashSet<String>, Instant),
    TooMany,
}

impl Names {
    /// A directory of which nothing is known.
    pub(crate) fn unknown(client: &Arc<Client>, prefix: String) -> Self {
        Self::of(client, prefix, There::Unknown)
    }

    /// A directory in which nothing was at a time.
    pub(crate) fn none_at(client: &Arc<Client>, prefix: String, at: Instant) -> Self {
        Self::of(client, prefix, There::Listed(HashSet::new(), at))
    }

    fn of(client: &Arc<Client>, prefix: String, there: There) -> Self {
        let state = State { there, given: Some(HashSet::new()), looks: 0, counted: 0 };
        Self { client: Arc::clone(client), prefix, state: Mutex::new(state), listing: tokio::sync::Mutex::new(()) }
    }

    /// Notes that a name is to be given here. Returns false if it was before: then it has to be looked for.
    pub(crate) fn give(&self, name: &str) -> bool {
        let mut state = self.lock();
        let is_first = state.given.as_mut().is_none_or(|given| given.insert(name.to_owned()));
        self.bound(&mut state);
        is_first
    }

    /// Forgets names where they are too many.
    fn bound(&self, state: &mut State) {
        if self.count(state) || state.given.as_ref().is_some_and(|given| given.len() > MOST_NAMES) {
            state.given = None;
        }
        if self.count(state) && matches!(&state.there, There::Listed(names, _) if !names.is_empty()) {
            state.there = There::TooMany;
            self.count(state);
        }
    }

    /// Counts the names among those of all directories. Returns true if these are too many.
    fn count(&self, state: &mut State) -> bool {
        let listed = if let There::Listed(names, _) = &state.there { names.len() } else { 0 };
        let count = listed + state.given.as_ref().map_or(0, HashSet::len);
        let in_all = &self.client.names;
        in_all.fetch_add(count, Ordering::Relaxed);
        in_all.fetch_sub(std::mem::replace(&mut state.counted, count), Ordering::Relaxed);
        in_all.load(Ordering::Relaxed) > MOST_IN_ALL
    }

    /// Reports whether a name was free when the directory was listed, which it is once there are some names to look for.
    pub(crate) async fn was_free(&self, name: &str) -> StoreResult<bool> {
        if !self.lock().wants_listing() {
            return Ok(self.lock().was_free(name));
        }
        self.list().await?;
        Ok(self.lock().was_free(name))
    }

    /// Returns a time not long ago at which a key was free; `None` if it has to be looked for. A listing that is old is made
    /// anew, where that costs no more than the looks.
    pub(crate) async fn free_since(&self, key: &str) -> StoreResult<Option<Instant>> {
        let (name, most_age) = (key.strip_prefix(&self.prefix).unwrap_or_default(), self.client.options.names_age);
        if self.lock().is_stale(most_age) {
            let _turn = self.listing.lock().await;
            // Another one may have been made meanwhile.
            if self.lock().is_stale(most_age) {
                self.list().await?;
            }
        }
        Ok(self.lock().free_since(name, most_age))
    }

    async fn list(&self) -> StoreResult<()> {
        let request = ListRequest { prefix: self.prefix.clone(), is_flat: true, ..ListRequest::default() };
        let (at, mut names, mut token) = (Instant::now(), HashSet::new(), None);
        let there = loop {
            let page = self.client.list(&request, token.as_deref()).await?;
            for item in page.items {
                let name = item.key.strip_prefix(&self.prefix).unwrap_or_default();
                names.insert(name.trim_end_matches('/').to_owned());
            }
            token = page.next;
            if token.is_none() {
                break There::Listed(names, at);
            }
            if names.len() > MOST_NAMES {
                break There::TooMany;
            }
        };
        let mut state = self.lock();
        (state.there, state.looks) = (there, 0);
        self.bound(&mut state);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let counted = self.lock().counted;
        self.client.names.fetch_sub(counted, Ordering::Relaxed);
    }
}

impl State {
    /// Counts a look, and reports whether there have been so many that a listing pays.
    fn wants_listing(&mut self) -> bool {
        let is_unknown = matches!(self.there, There::Unknown);
        self.looks += usize::from(is_unknown);
        is_unknown && self.looks > FEW
    }

    /// Reports whether the listing is old, and there have been as many looks since that another one pays.
    fn is_stale(&mut self, most_age: Duration) -> bool {
        match &self.there {
            There::Listed(names, at) if self.given.is_some() && at.elapsed() > most_age => {
                self.looks += 1;
                self.looks > names.len() / PAGE
            }
            There::Listed(..) | There::Unknown | There::TooMany => false,
        }
    }

    /// Returns the time of the listing, if it is not old and does not have a name. Without the names that were given here nobody
    /// would know which of them came behind it.
    fn free_since(&self, name: &str, most_age: Duration) -> Option<Instant> {
        match &self.there {
            There::Listed(names, at) if self.given.is_some() && !names.contains(name) => {
                Some(*at).filter(|at| at.elapsed() <= most_age)
            }
            There::Listed(..) | There::Unknown | There::TooMany => None,
        }
    }

    /// Reports whether the listing, however old, does not have a name.
    fn was_free(&self, name: &str) -> bool {
        matches!(&self.there, There::Listed(names, _) if !names.contains(name))
    }
}
