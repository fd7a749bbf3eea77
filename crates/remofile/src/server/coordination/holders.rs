//! Those at other servers who hold leases, as they are told to a client.

use super::queue::Queued;
use super::shared_claim::meeting;
use crate::server::leases::{Claim, SOMEBODY, StorePath, View};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Holder;
use std::time::Duration;

/// Tells who is in the way of claims, and where, as far as their client may know.
pub(super) fn holder(other: &Queued, claims: &[Claim], view: &View, now: Duration) -> Option<Holder> {
    let (own, theirs) = meeting(claims, &other.claims)?;
    // Below the client's own path is something whose name it may not know.
    let place = if theirs.place.is_within(&own.place) && !view.sees_names { &own.place } else { &theirs.place };
    let root = StorePath::new(&view.root, &RemotePath::root());
    Some(told(other, place.seen_from(&root), now))
}

/// Tells who claims something in a directory; `None` if it claims nothing there.
pub(super) fn seen_from(other: &Queued, root: &RemotePath, now: Duration) -> Option<Holder> {
    let root = StorePath::new(root, &RemotePath::root());
    if !other.claims.iter().any(|claim| claim.meets_tree(&root)) {
        return None;
    }
    let path = other.claims.iter().find_map(|claim| claim.place.seen_from(&root));
    Some(told(other, path, now))
}

fn told(other: &Queued, path: Option<&str>, now: Duration) -> Holder {
    let claim = &other.claim;
    let held = now.saturating_sub(other.since).as_millis();
    let (client, address) = if path.is_some() { (claim.name.as_str(), claim.address.as_str()) } else { (SOMEBODY, "") };
    Holder {
        client: client.to_owned(),
        address: address.to_owned(),
        activity: claim.activity.clone(),
        held_milliseconds: u64::try_from(held).unwrap_or(u64::MAX),
        path: Some(path.unwrap_or("/").to_owned()),
    }
}
