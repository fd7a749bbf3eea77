//! Holders as they are told to others: who they are, and where, as far as the one who asks may know.

use super::claim::{Claim, Claimant, StorePath, View};
use super::entry::Entry;
use super::table::{InTheWay, Table};
use super::wake::Wake;
use remofile_protocol::limits::MAX_HOLDERS;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Holder;
use std::collections::HashSet;
use std::time::Instant;

/// The name of a client for those who must not know more of it.
pub(in crate::server) const SOMEBODY: &str = "another client";

/// The state of all leases, as a client is told.
#[derive(Debug, Default)]
pub(in crate::server) struct LeaseStatus {
    pub(in crate::server) holders: Vec<Holder>,
    /// Number of operations that wait.
    pub(in crate::server) waiting: usize,
}

impl<W: Wake> Table<W> {
    /// Tells a client who is in its way.
    pub(super) fn told(&self, now: Instant, view: &View, in_the_way: &[InTheWay]) -> Vec<Holder> {
        let root = StorePath::new(&view.root, &RemotePath::root());
        let tell = |other: &InTheWay| {
            let entry = self.entries.get(&other.ticket)?;
            let at = self.tree.place(other.at.node);
            // If it passes there its own path is further down.
            let below = || entry.claims.iter().map(|claim| &claim.place).find(|place| place.is_within(&at));
            let place = if other.at.mode.passes() && view.sees_names { below().unwrap_or(&at) } else { &at };
            Some(entry.told(now, place.seen_from(&root)))
        };
        in_the_way.iter().filter_map(tell).collect()
    }

    /// Tells who holds leases that reach into the directory that a client has for its root: each client once, by what it
    /// began with. With `only_token`, those of this token alone.
    pub(super) fn all_told(&self, now: Instant, root: &RemotePath, only_token: Option<&str>) -> LeaseStatus {
        let root = StorePath::new(root, &RemotePath::root());
        let meets = |entry: &Entry<W>| {
            let is_asked_for = only_token.is_none_or(|token| token == entry.claimant.token);
            is_asked_for && entry.claims.iter().any(|claim| claim.meets_tree(&root))
        };
        let mut clients = HashSet::new();
        let (mut holders, mut waiting) = (Vec::new(), 0);
        for entry in self.entries.values().filter(|entry| meets(entry)) {
            if !entry.is_held() {
                waiting += 1;
            } else if holders.len() < MAX_HOLDERS && clients.insert(entry.claimant.client) {
                holders.push(entry.told(now, seen(&entry.claims, &root).as_deref()));
            }
        }
        LeaseStatus { holders, waiting }
    }
}

impl<W> Entry<W> {
    /// Tells of it to a client that sees its path, or may not.
    fn told(&self, now: Instant, path: Option<&str>) -> Holder {
        let Claimant { name, address, activity, .. } = &self.claimant;
        let held = now.saturating_duration_since(self.since).as_millis();
        let (client, address) = if path.is_some() { (name.as_str(), address.as_str()) } else { (SOMEBODY, "") };
        Holder {
            client: client.to_owned(),
            address: address.to_owned(),
            activity: (*activity).to_owned(),
            held_milliseconds: u64::try_from(held).unwrap_or(u64::MAX),
            path: Some(path.unwrap_or("/").to_owned()),
        }
    }
}

/// Returns the path of what is claimed below a root, or the directory that all of it is in.
fn seen(claims: &[Claim], root: &StorePath) -> Option<String> {
    let mut places = claims.iter().filter(|claim| claim.place.is_within(root)).map(|claim| &claim.place);
    let first: Vec<&str> = places.next()?.names().collect();
    let mut common = first.len();
    for place in places {
        common = place.names().zip(&first).take(common).take_while(|(name, of_first)| name == *of_first).count();
    }
    StorePath::of_names(first.into_iter().take(common)).seen_from(root).map(str::to_owned)
}
