//! Claims: the paths that an operation needs for itself, or to stay as they are.

use crate::server::principal::PrincipalId;
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::OperationId;
use std::collections::HashMap;
use std::fmt;

/// Directories on the way to a claim that are told apart. A claim further down is one of the whole tree at that depth:
/// so no path, however deep, makes a claim that takes much memory or time.
const MAX_DEPTH: usize = 64;

/// Memory of a claim at each place on its way, in bytes.
const POST_BYTES: usize = 1024;

/// The kind of access that an operation needs to what it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) enum Access {
    /// Others may read, and change nothing.
    Read,
    /// Others do neither.
    Write,
}

/// The extent of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) enum Reach {
    /// The path itself: a file, a link, or a directory without what is in it.
    Entry,
    /// The path and everything below it.
    Subtree,
}

/// A path in the server's store, whoever sees which part of that. Empty for the root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::server) struct StorePath(Box<str>);

/// A path that an operation claims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) struct Claim {
    pub(in crate::server) place: StorePath,
    pub(in crate::server) reach: Reach,
    pub(in crate::server) access: Access,
}

/// A client: all that is done on its behalf is never in its own way, over however many sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::server) struct ClientKey(u64);

/// Keeps the keys of clients apart from those of single sessions.
const OF_CLIENT: u64 = 1 << 63;

impl ClientKey {
    /// The client of a session that has no other one.
    pub(in crate::server) fn of_session(session: u64) -> Self {
        Self(session)
    }

    /// The client that tells who it is, by the first of its sessions.
    pub(in crate::server) fn of_first_session(session: u64) -> Self {
        Self(session | OF_CLIENT)
    }
}

/// A group of operations: those of one principal with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) struct GroupKey {
    /// Clients choose the numbers, so those of two principals may be the same.
    pub(in crate::server) principal: PrincipalId,
    pub(in crate::server) number: u64,
}

/// An operation that makes claims, and on whose behalf.
#[derive(Debug, Clone)]
pub(in crate::server) struct Claimant {
    pub(in crate::server) session: u64,
    pub(in crate::server) operation: OperationId,
    pub(in crate::server) client: ClientKey,
    /// Operations of one group are one client's, and one piece of work.
    pub(in crate::server) group: Option<GroupKey>,
    /// True if other operations of the session run under its lease.
    pub(in crate::server) is_hold: bool,
    /// True if it ends by itself, whatever its client does.
    pub(in crate::server) is_brief: bool,
    /// True if it waits for other clients. For its own it waits without a word.
    pub(in crate::server) waits: bool,
    /// The directory that its client sees as the root.
    pub(in crate::server) root: RemotePath,
    /// True if its client may learn the names that there are.
    pub(in crate::server) sees_names: bool,
    pub(in crate::server) name: String,
    pub(in crate::server) address: String,
    pub(in crate::server) activity: &'static str,
    /// The name of its client's token, and who the client is, if it tells: other servers know it by these.
    pub(in crate::server) token: String,
    pub(in crate::server) identity: Option<ClientIdentity>,
}

/// The part of the store that a client may learn of.
pub(in crate::server) struct View {
    /// The directory that it sees as the root.
    pub(in crate::server) root: RemotePath,
    /// False: of names it knows those alone that it has said itself.
    pub(in crate::server) sees_names: bool,
}

impl View {
    pub(in crate::server) fn of(claimant: &Claimant) -> Self {
        Self { root: claimant.root.clone(), sees_names: claimant.sees_names }
    }
}

impl StorePath {
    /// The place of a path in a directory that a client sees as the root.
    pub(in crate::server) fn new(root: &RemotePath, path: &RemotePath) -> Self {
        let part = |path: &RemotePath| if path.is_root() { String::new() } else { path.as_str().to_owned() };
        Self((part(root) + &part(path)).into())
    }

    /// The place of these names from the root down.
    pub(in crate::server) fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.flat_map(|name| ["/", name]).collect::<String>().into())
    }

    /// The place of a text that [`StorePath::as_str`] gave.
    pub(in crate::server) fn of_text(text: &str) -> Self {
        Self::of_names(text.split('/').filter(|name| !name.is_empty()))
    }

    /// Returns its text; empty for the root.
    pub(in crate::server) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directories above it from the root down, and itself.
    pub(in crate::server) fn prefixes(&self) -> impl Iterator<Item = &str> {
        prefixes(&self.0)
    }

    /// The names from the root down.
    pub(in crate::server) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// Reports whether it is `other` or lies below it.
    pub(in crate::server) fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path that a client sees whose root this directory is; `None` if it is not in there.
    pub(in crate::server) fn seen_from(&self, root: &Self) -> Option<&str> {
        let rest = self.is_within(root).then(|| &self.0[root.0.len()..])?;
        Some(if rest.is_empty() { "/" } else { rest })
    }

    /// The place at the greatest depth that is told apart, if this one is deeper.
    fn cut(&self) -> Option<Self> {
        let (end, _) = self.0.match_indices('/').nth(MAX_DEPTH)?;
        Some(Self(self.0[..end].into()))
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(if self.0.is_empty() { "/" } else { &self.0 }, f)
    }
}

impl Claim {
    pub(in crate::server) fn new(place: StorePath, reach: Reach, access: Access) -> Self {
        match place.cut() {
            None => Self { place, reach, access },
            Some(place) => Self { place, reach: Reach::Subtree, access },
        }
    }

    /// The whole of the server's store.
    pub(in crate::server) fn of_all(access: Access) -> Self {
        Self::new(StorePath("".into()), Reach::Subtree, access)
    }

    /// Reports whether a lease of this claim is one of another, too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let reaches = match self.reach {
            Reach::Subtree => other.place.is_within(&self.place),
            Reach::Entry => self.place == other.place && other.reach == Reach::Entry,
        };
        reaches && self.access >= other.access
    }

    /// Reports whether a place is claimed by it.
    pub(super) fn reaches(&self, place: &StorePath) -> bool {
        self.place == *place || (self.reach == Reach::Subtree && place.is_within(&self.place))
    }

    /// Reports whether it reaches into a directory.
    pub(in crate::server) fn meets_tree(&self, directory: &StorePath) -> bool {
        self.place.is_within(directory) || (self.reach == Reach::Subtree && directory.is_within(&self.place))
    }
}

/// The directories above a place from the root down, and itself.
pub(super) fn prefixes(place: &str) -> impl Iterator<Item = &str> {
    place.match_indices('/').map(|(end, _)| end).chain([place.len()]).map(|end| &place[..end])
}

/// Reports whether claims of two clients are in each other's way.
pub(super) fn conflict(some: &[Claim], others: &[Claim]) -> bool {
    some.iter().any(|one| others.iter().any(|other| meet(one, other)))
}

/// Reports whether two claims of two clients are in each other's way.
pub(in crate::server) fn meet(one: &Claim, other: &Claim) -> bool {
    let is_write = one.access == Access::Write || other.access == Access::Write;
    is_write && (one.reaches(&other.place) || other.reaches(&one.place))
}

/// Reports whether leases of some claims are leases of others, too.
pub(in crate::server) fn cover(all: &[Claim], others: &[Claim]) -> bool {
    if all.len() == 1 || others.len() == 1 {
        return others.iter().all(|other| all.iter().any(|claim| claim.covers(other)));
    }
    // Both may be many: the claims above and at a path are few.
    let mut at: HashMap<&str, Vec<&Claim>> = HashMap::with_capacity(all.len());
    all.iter().for_each(|claim| at.entry(&claim.place.0).or_default().push(claim));
    let is_covered = |other: &Claim| {
        let mut above = other.place.prefixes().filter_map(|prefix| at.get(prefix)).flatten();
        above.any(|claim| claim.covers(other))
    };
    others.iter().all(is_covered)
}

/// Returns the memory that claims take in the tree of leases, in bytes.
pub(in crate::server) fn memory_bytes(claims: &[Claim]) -> usize {
    let mut before: Option<&Claim> = None;
    let mut bytes = 0;
    for claim in claims {
        let names = claim.place.names().count();
        // Those of one directory share the way there.
        let shared = before.replace(claim).map_or(0, |before| {
            before.place.names().zip(claim.place.names()).take_while(|(one, other)| one == other).count()
        });
        bytes += (1 + names - shared) * POST_BYTES + 2 * claim.place.0.len();
    }
    bytes
}

/// Puts claims in their order, and drops those that another covers.
pub(in crate::server) fn in_order(mut claims: Vec<Claim>) -> Vec<Claim> {
    // What is written and reaches far comes first at its place, and a directory before what is below it.
    claims.sort_unstable_by(|one, other| {
        let names = one.place.names().cmp(other.place.names());
        names.then((other.reach, other.access).cmp(&(one.reach, one.access)))
    });
    let mut kept: Vec<Claim> = Vec::with_capacity(claims.len());
    for claim in claims {
        // Mostly it is the last before it that covers it. One that is kept in vain does no harm.
        if !kept.last().is_some_and(|last| last.covers(&claim)) {
            kept.push(claim);
        }
    }
    kept
}
