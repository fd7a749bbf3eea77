//! Listings in our order.
//!
//! A service lists keys by their bytes, so `a-b` comes before `a/c`. We list what is in a directory behind the directory, before
//! any name that goes on behind its own. So a key waits until nothing that comes later can belong before it: as long as one of
//! its *stems* (the part before a character that is smaller than the slash) may still be the name of a directory. If too many
//! wait, the service is asked for that directory, and it is listed at once.

use super::client::{Client, Task};
use super::errors::wrong;
use super::keys::compare;
use super::listing::{Item, ListRequest, Page};
use remofile::store::StoreResult;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

/// Behind every key that has something before it.
const LAST: char = '\u{10FFFF}';

/// A listing in our order.
pub(crate) struct Ordered {
    client: Arc<Client>,
    request: ListRequest,
    page: VecDeque<Item>,
    /// Memory of the page as it came, in bytes.
    page_bytes: usize,
    next: NextPage,
    /// The last key that came from the service.
    last: Option<String>,
    waiting: BTreeSet<Ranked>,
    /// Keys that may wait.
    most_waiting: usize,
    /// Stems of which it is known that they are no directory, or that everything in them was given.
    settled: HashSet<String>,
    /// A directory that is listed out of turn.
    inner: Option<Box<Ordered>>,
}

/// The state of the next page.
enum NextPage {
    /// The listing is asked for already.
    Coming(Task<Page>),
    /// The listing begins there.
    At(Option<String>),
    None,
}

/// An item that is compared as we do.
struct Ranked(Item);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0.key, &other.0.key)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl Ordered {
    pub(crate) fn new(client: &Arc<Client>, request: ListRequest, most_waiting: usize) -> Self {
        Self {
            client: Arc::clone(client),
            request,
            page: VecDeque::new(),
            page_bytes: 0,
            next: NextPage::At(None),
            last: None,
            waiting: BTreeSet::new(),
            most_waiting,
            settled: HashSet::new(),
            inner: None,
        }
    }

    /// Returns the memory of the keys that wait, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of = |item: &Item| {
            item.key.len() + item.object.as_ref().map_or(0, |object| object.etag.len()) + 2 * size_of::<Item>()
        };
        let held: usize = self.page.iter().chain(self.waiting.iter().map(|ranked| &ranked.0)).map(of).sum();
        // The page that comes meanwhile is as large as this one was.
        let coming = if matches!(self.next, NextPage::Coming(_)) { self.page_bytes } else { 0 };
        let settled: usize = self.settled.iter().map(|stem| stem.len() + 2 * size_of::<String>()).sum();
        held + coming + settled + self.inner.as_ref().map_or(0, |inner| inner.memory_bytes())
    }

    /// Returns the next key.
    pub(crate) async fn next(&mut self) -> StoreResult<Option<Item>> {
        loop {
            if let Some(inner) = &mut self.inner {
                match Box::pin(inner.next()).await? {
                    Some(item) => return Ok(Some(item)),
                    None => self.inner = None,
                }
            }
            let unsettled = self.waiting.first().map(|first| self.stems(&first.0.key));
            match unsettled {
                Some(stems) if stems.is_empty() => return Ok(self.waiting.pop_first().map(|ranked| ranked.0)),
                Some(stems) if self.waiting.len() >= self.most_waiting => {
                    if let Some(directory) = self.settle(&stems).await? {
                        return Ok(Some(directory));
                    }
                    continue;
                }
                _ => {}
            }
            match self.take().await? {
                Some(item) => {
                    self.refuse_disorder(&item)?;
                    self.last = Some(item.key.clone());
                    self.waiting.insert(Ranked(item));
                }
                None => match self.waiting.pop_first() {
                    Some(first) => return Ok(Some(first.0)),
                    None => return Ok(None),
                },
            }
        }
    }

    /// Refuses a key that should have come before. Nobody has promised that Azure lists keys by their bytes, and whoever compares two
    /// trees would take one that comes late for a new one.
    fn refuse_disorder(&self, item: &Item) -> StoreResult<()> {
        let is_late = self.last.as_ref().is_some_and(|last| item.key.as_bytes() < last.as_bytes());
        match is_late && !self.client.service.lists_behind_keys() {
            true => Err(wrong("names in another order than that of their bytes")),
            false => Ok(()),
        }
    }

    /// Returns the stems of a key that may still be directories.
    fn stems(&self, key: &str) -> Vec<String> {
        let Some(last) = &self.last else { return Vec::new() };
        if matches!(self.next, NextPage::None) && self.page.is_empty() {
            return Vec::new();
        }
        let from = self.request.prefix.len();
        let is_stem = |at: usize, byte: u8| {
            byte < b'/'
                && at > from
                && key.as_bytes().get(at - 1) != Some(&b'/')
                // What comes is behind the last key: only what that may have before it is open.
                && last.as_bytes().get(..at) == key.as_bytes().get(..at)
                && last.as_bytes().get(at).is_none_or(|byte| *byte <= b'/')
        };
        let stems =
            key.bytes().enumerate().filter(|(at, byte)| is_stem(*at, *byte)).filter_map(|(at, _)| key.get(..at));
        stems.filter(|stem| !self.settled.contains(*stem)).map(str::to_owned).collect()
    }

    /// Asks whether stems are directories. The first that is one is listed now, and no more when its turn comes.
    async fn settle(&mut self, stems: &[String]) -> StoreResult<Option<Item>> {
        for stem in stems {
            let prefix = format!("{stem}/");
            self.settled.insert(stem.clone());
            if !self.client.has_below(&prefix).await? {
                continue;
            }
            if self.request.is_flat {
                return Ok(Some(Item { key: prefix, object: None, told: None }));
            }
            let request = ListRequest { prefix, after: None, ..self.request.clone() };
            self.inner = Some(Box::new(Self::new(&self.client, request, self.most_waiting)));
            return Ok(None);
        }
        Ok(None)
    }

    /// Takes the next key of the service that was not given out of turn.
    async fn take(&mut self) -> StoreResult<Option<Item>> {
        loop {
            match self.page.pop_front() {
                Some(item) => match self.given_before(&item.key) {
                    None => return Ok(Some(item)),
                    Some(stem)
                        if self.page.is_empty()
                            && !matches!(self.next, NextPage::None)
                            && self.client.service.lists_behind_keys() =>
                    {
                        let after = Some(format!("{stem}/{LAST}"));
                        // The rest of that directory is not even read. What is behind even that comes page by page.
                        if self.request.after != after {
                            self.request.after = after;
                            self.next = NextPage::At(None);
                        }
                    }
                    Some(_) => {}
                },
                None => {
                    if !self.turn().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Returns the stem that is a directory which a key is in, if that was given out of turn.
    fn given_before(&self, key: &str) -> Option<String> {
        if self.settled.is_empty() {
            return None;
        }
        let from = self.request.prefix.len();
        let ends = key.bytes().enumerate().filter(|(at, byte)| *byte == b'/' && *at > from);
        let mut stems = ends.filter_map(|(at, _)| key.get(..at));
        stems.find(|stem| self.settled.contains(*stem)).map(str::to_owned)
    }

    /// Reads the next page, and has the one behind it come meanwhile. Returns false at the end.
    async fn turn(&mut self) -> StoreResult<bool> {
        let page = match std::mem::replace(&mut self.next, NextPage::None) {
            NextPage::None => return Ok(false),
            NextPage::At(token) => self.client.list(&self.request, token.as_deref()).await?,
            NextPage::Coming(mut task) => task.outcome().await?,
        };
        self.next = match page.next {
            None => NextPage::None,
            Some(token) => {
                let (client, request) = (Arc::clone(&self.client), self.request.clone());
                let at = Some(token.clone());
                let task = self.client.spawn(async move { client.list(&request, Some(&token)).await });
                task.map_or(NextPage::At(at), NextPage::Coming)
            }
        };
        self.page_bytes = page.items.iter().map(|item| item.key.len() + 2 * size_of::<Item>()).sum();
        self.page = page.items.into();
        Ok(true)
    }
}
