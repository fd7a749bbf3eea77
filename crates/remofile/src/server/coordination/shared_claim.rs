//! The record by which a server tells the others of an operation that claims paths: the value of one key.

use crate::server::leases::{Access, Claim, Claimant, Reach, StorePath, in_order, meet};
use minicbor::{Decode, Encode};
use remofile_protocol::handshake::ClientIdentity;

/// Bytes that the paths of one claim may have. An operation that claims more claims whole directories instead.
const MOST_PATH_BYTES: usize = 64 * 1024;

/// The number of an operation among those of all servers: that of its server, and one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClaimId {
    pub(super) server: u64,
    pub(super) number: u64,
}

/// An operation that claims paths, as all servers know it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct SharedClaim {
    /// The name of its client's token.
    #[n(0)]
    pub(super) token: String,
    /// The client, if it tells who it is.
    #[n(1)]
    pub(super) identity: Option<ClientIdentity>,
    /// The number of the group that it is of. All operations of a group are one client's.
    #[n(2)]
    pub(super) group: Option<u64>,
    /// True if it waits for others.
    #[n(3)]
    pub(super) waits: bool,
    #[n(4)]
    paths: Vec<ClaimedPath>,
    /// The name that its client gives itself, and its address.
    #[n(5)]
    pub(super) name: String,
    #[n(6)]
    pub(super) address: String,
    /// The activity of the operation.
    #[n(7)]
    pub(super) activity: String,
    /// The time at which it was asked for, in milliseconds since 1970, by its server's clock.
    #[n(8)]
    pub(super) asked_at: u64,
}

/// A path that is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct ClaimedPath {
    #[n(0)]
    path: String,
    #[n(1)]
    is_tree: bool,
    #[n(2)]
    writes: bool,
}

impl ClaimId {
    /// The beginning of all keys of claims.
    pub(super) const PREFIX: &str = "claims/";

    /// Returns the key of its value.
    pub(super) fn key(self) -> String {
        format!("{}{:016x}/{:016x}", Self::PREFIX, self.server, self.number)
    }

    /// Reads a key; `None` if it is another one.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let (server, number) = key.strip_prefix(Self::PREFIX)?.split_once('/')?;
        let number_of = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Self { server: number_of(server)?, number: number_of(number)? })
    }
}

impl SharedClaim {
    pub(super) fn new(claimant: &Claimant, claims: &[Claim], asked_at: u64) -> Self {
        let path = |claim: &Claim| ClaimedPath {
            path: claim.place.as_str().to_owned(),
            is_tree: claim.reach == Reach::Subtree,
            writes: claim.access == Access::Write,
        };
        Self {
            token: claimant.token.clone(),
            identity: claimant.identity,
            group: claimant.group.map(|group| group.number),
            waits: claimant.waits,
            paths: coarse(claims).iter().map(path).collect(),
            name: claimant.name.clone(),
            address: claimant.address.clone(),
            activity: claimant.activity.to_owned(),
            asked_at,
        }
    }

    /// Reads a value; `None` if it makes no sense.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        minicbor::decode(value).ok()
    }

    /// Returns the bytes of its value.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A vector takes whatever is written.
        let _written = minicbor::encode(self, &mut bytes);
        bytes
    }

    /// Returns what it claims.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let claim = |path: &ClaimedPath| {
            let reach = if path.is_tree { Reach::Subtree } else { Reach::Entry };
            let access = if path.writes { Access::Write } else { Access::Read };
            Claim::new(StorePath::of_text(&path.path), reach, access)
        };
        self.paths.iter().map(claim).collect()
    }

    /// Reports whether another one is of the same client, so that neither is in the way of the other.
    pub(super) fn is_of_client_of(&self, other: &Self) -> bool {
        if self.token != other.token {
            return false;
        }
        let is_of_group = self.group.is_some() && self.group == other.group;
        let is_own = match (&self.identity, &other.identity) {
            (Some(own), Some(other)) => own.client == other.client && !own.replaces(other) && !other.replaces(own),
            _ => false,
        };
        is_of_group || is_own
    }

    /// Reports whether another one is left of a former session of its client.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.token == other.token
            && self.identity.zip(other.identity).is_some_and(|(own, former)| own.replaces(&former))
    }
}

/// Claims that are at least these and take little room, however many they were.
fn coarse(claims: &[Claim]) -> Vec<Claim> {
    let mut coarse = claims.to_vec();
    while coarse.iter().map(|claim| claim.place.as_str().len()).sum::<usize>() > MOST_PATH_BYTES {
        let Some(depth) = coarse.iter().map(|claim| claim.place.names().count()).max().filter(|depth| *depth > 0)
        else {
            break;
        };
        let cut = |claim: Claim| {
            if claim.place.names().count() < depth {
                return claim;
            }
            Claim::new(StorePath::of_names(claim.place.names().take(depth - 1)), Reach::Subtree, claim.access)
        };
        let mut cut: Vec<Claim> = coarse.into_iter().map(cut).collect();
        cut.sort_unstable();
        cut.dedup();
        coarse = in_order(cut);
    }
    coarse
}

/// Returns the first of some claims that one of others is in the way of, with that.
pub(super) fn meeting<'a>(some: &'a [Claim], others: &'a [Claim]) -> Option<(&'a Claim, &'a Claim)> {
    some.iter().find_map(|one| others.iter().find(|other| meet(one, other)).map(|other| (one, other)))
}
