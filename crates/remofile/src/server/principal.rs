//! Principals: on whose behalf a session acts, and what the server makes of that.
//!
//! Participants: both handshakes tell which of the server's tokens a peer has proved; the [`Principal`] of that token
//! says what its holder may do, and its [`Grant`] is what every session of it is made from: the hello, the store and
//! the checks (`authorisation`). Invariant: a session has no other way to a store than its grant.

use super::bandwidth::Bandwidth;
use super::options::ServerOptions;
use crate::blocking::Slice;
use crate::store::{Metered, Meters, Prefix, Quota, Store, Unshared, places_of_nothing};
use crate::tokens::TokenEntry;
use remofile_protocol::handshake::ChunkSizes;
use remofile_protocol::handshake::{MAX_PLACES, Place, ServerHello};
pub(super) use remofile_protocol::handshake::{Right, Rights};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::transport::Cipher;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) id: PrincipalId,
    /// The name of its token, for logs and refusals.
    pub(super) name: String,
    /// The directory that it sees as the root directory.
    pub(super) root: RemotePath,
    pub(super) rights: Rights,
    /// True if it sees what others do, and what is left of it.
    pub(super) sees_others: bool,
    pub(super) limits: PrincipalLimits,
}

/// The number of a principal, which no other one of the server has or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PrincipalId(pub(super) usize);

/// The limits of a principal: those of the server, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrincipalLimits {
    /// The largest file that it may store, in bytes.
    pub(super) file_size: u64,
    /// Memory that each of its sessions may make the server use, in bytes.
    pub(super) session_memory: u64,
    /// The largest file that its token allows, in bytes, whatever the server does.
    pub(super) token_file_size: u64,
    /// Sessions that its token allows, whatever the server does.
    pub(super) token_sessions: Option<usize>,
    /// Sessions at most. `None`: as many as the server has.
    pub(super) sessions: Option<usize>,
    /// Bytes a second of all its sessions together, in each direction. `None`: as fast as it goes.
    pub(super) bandwidth: Option<NonZeroU64>,
    /// Bytes that may be used below its root, whoever wrote them. `None`: as many as the disk takes.
    pub(super) quota: Option<u64>,
}

/// The bytes that a principal uses and may use, as far as they are counted and bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) used: Option<u64>,
    pub(super) quota: Option<u64>,
}

/// A principal with all that its sessions are made from.
pub(super) struct Grant {
    pub(super) principal: Principal,
    /// The server's store as the principal sees it.
    pub(super) store: Arc<dyn Store>,
    /// Its root with the meters of the store, if that has some.
    metered: Option<MeteredRoot>,
    /// The statement of the server about itself, but for the cipher of each session.
    pub(super) hello: ServerHello,
    pub(super) names: NameRule,
    /// The bytes that its sessions together send and receive, counted for as long as there is a token of its name.
    pub(super) bandwidth: Arc<Bandwidth>,
    /// True if the server lets nobody change anything.
    pub(super) is_read_only: bool,
}

/// The root of a principal in the store of some meters, with no link on the way to it.
struct MeteredRoot {
    meters: Arc<Meters>,
    directory: RemotePath,
}

impl Principal {
    /// The holder of a server's only token: it may do whatever the server does at all.
    pub(super) fn unlimited(options: &ServerOptions) -> Self {
        Self {
            id: PrincipalId(0),
            name: "default".to_owned(),
            root: RemotePath::root(),
            rights: Rights::ALL,
            sees_others: true,
            limits: PrincipalLimits {
                file_size: options.file_size_limit,
                session_memory: options.session_memory,
                token_file_size: u64::MAX,
                token_sessions: None,
                sessions: options.sessions_per_token,
                bandwidth: None,
                quota: None,
            },
        }
    }

    /// The holder of a token of many.
    pub(super) fn of(entry: &TokenEntry, id: PrincipalId, options: &ServerOptions) -> Self {
        Self {
            id,
            name: entry.name.to_string(),
            root: entry.below.clone(),
            rights: entry.rights.rights(),
            sees_others: entry.rights.sees_others(),
            limits: PrincipalLimits {
                file_size: entry
                    .file_size_limit
                    .map_or(options.file_size_limit, |own| own.min(options.file_size_limit)),
                session_memory: options.session_memory,
                token_file_size: entry.file_size_limit.unwrap_or(u64::MAX),
                token_sessions: entry.sessions,
                sessions: entry.sessions.or(options.sessions_per_token),
                bandwidth: entry.bwlimit.and_then(NonZeroU64::new),
                quota: entry.quota,
            },
        }
    }

    /// Reports whether it may learn what names there are.
    pub(super) fn sees_names(&self) -> bool {
        self.rights.has(Right::Read)
    }

    /// Reports whether its token allows all that another does. Its bandwidth is no matter of this: it is in force at once. Nor
    /// are limits of the server: sessions keep those that they began with.
    pub(super) fn is_no_less_than(&self, other: &Self) -> bool {
        let Self { id, name: _, root, rights, sees_others, limits } = self;
        let PrincipalLimits { token_file_size, token_sessions, quota, .. } = *limits;
        let no_fewer =
            |own: Option<usize>, other: Option<usize>| own.unwrap_or(usize::MAX) >= other.unwrap_or(usize::MAX);
        (*id, root) == (other.id, &other.root)
            && rights.first_missing(other.rights).is_none()
            && *sees_others >= other.sees_others
            && token_file_size >= other.limits.token_file_size
            && no_fewer(token_sessions, other.limits.token_sessions)
            && quota.unwrap_or(u64::MAX) >= other.limits.quota.unwrap_or(u64::MAX)
    }
}

impl Grant {
    /// Makes what the sessions of a principal are made from. `places` are those of the store's root. The principal's root need
    /// not exist yet.
    pub(super) fn new(
        principal: Principal,
        store: &Arc<dyn Store>,
        options: &ServerOptions,
        places: Vec<Place>,
        bandwidth: Arc<Bandwidth>,
    ) -> Self {
        let places = places_seen(&**store, &principal.root, places);
        // Who does not see others sees no partials of theirs either.
        let store = if principal.sees_others { Arc::clone(store) } else { Unshared::of(store, &principal.name) };
        Self::of(scoped(&store, &principal), principal, options, places, bandwidth)
    }

    /// As [`Grant::new`], on the store of some meters: what the principal changes counts, for its own quota and for those
    /// of others.
    pub(super) fn metered(
        principal: Principal,
        meters: &Arc<Meters>,
        options: &ServerOptions,
        places: Vec<Place>,
        bandwidth: Arc<Bandwidth>,
    ) -> Self {
        let directory = meters.followed(&principal.root);
        let quota = principal.limits.quota.map(|bytes| Quota { directory: directory.clone(), bytes });
        let store = Arc::new(Metered::new(Arc::clone(meters), quota)) as Arc<dyn Store>;
        let metered = Some(MeteredRoot { meters: Arc::clone(meters), directory });
        Self { metered, ..Self::new(principal, &store, options, places, bandwidth) }
    }

    /// Returns the bytes that are used below the principal's root, if somebody counts them, and its quota.
    pub(super) fn usage(&self) -> Usage {
        let used = self.metered.as_ref().and_then(|metered| metered.meters.used(&metered.directory));
        Usage { used, quota: self.principal.limits.quota }
    }

    /// Returns the directory that its quota is on, with no link on the way to it.
    pub(super) fn limited_directory(&self) -> Option<&RemotePath> {
        let metered = self.metered.as_ref().filter(|_| self.principal.limits.quota.is_some());
        metered.map(|metered| &metered.directory)
    }

    /// Waits until the principal may write, as its quota is known to have room or not; whether that is so before the slice is
    /// over.
    pub(super) fn await_count(&self, slice: &Slice) -> bool {
        const PAUSE: Duration = Duration::from_millis(20);
        match &self.metered {
            Some(MeteredRoot { meters, directory }) if self.principal.limits.quota.is_some() => loop {
                if meters.await_count(directory, PAUSE) {
                    return true;
                }
                if slice.is_over() {
                    return false;
                }
            },
            _ => true,
        }
    }

    /// All of a store, for whoever is served: a client of its own process, or a test.
    pub(super) fn unlimited(store: Arc<dyn Store>, options: &ServerOptions) -> Self {
        Self::of(store, Principal::unlimited(options), options, Vec::new(), Arc::default())
    }

    /// Makes the grant of a principal that sees all of `store`, which is at `places`.
    fn of(
        store: Arc<dyn Store>,
        principal: Principal,
        options: &ServerOptions,
        places: Vec<Place>,
        bandwidth: Arc<Bandwidth>,
    ) -> Self {
        let hello = ServerHello {
            cipher: Cipher::Unknown,
            agent: crate::agent(),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            names: options.names,
            file_size_limit: principal.limits.file_size,
            read_only: options.read_only || !principal.rights.can_change(),
            places,
            checks_versions: true,
            capabilities: store.capabilities(),
            rights: principal.rights,
            stages_files: true,
            attributes: store.keeps_attributes(),
            as_they_are: true,
            hashes_files: true,
            takes_lanes: true,
            whole_copies: store.keeps_attributes(),
            has_joined: false,
            chunk_sizes: Some(ChunkSizes {
                least: options.chunk_size_range.0.into(),
                most: options.chunk_size_range.1.into(),
            }),
        };
        Self {
            principal,
            store,
            hello,
            names: options.names,
            bandwidth,
            metered: None,
            is_read_only: options.read_only,
        }
    }

    /// Refuses whatever is asked for while the principal's root directory is not there. Of where it should be nothing is told.
    ///
    /// # Errors
    /// `not-found`.
    pub(super) fn refuse_without_root(&self) -> Result<(), Failure> {
        if self.principal.root.is_root() {
            return Ok(());
        }
        match self.store.stat(&RemotePath::root()) {
            Ok(entry) if entry.kind == Kind::Directory => Ok(()),
            _ => Err(Failure::new(ErrorCode::NotFound).because(format_args!(
                "the directory of the token {:?} does not exist on the server: ask whoever runs the server to make it",
                self.principal.name
            ))),
        }
    }
}

/// Returns the store as a principal sees it: its root is the root directory, and nothing else exists.
fn scoped(store: &Arc<dyn Store>, principal: &Principal) -> Arc<dyn Store> {
    if principal.root.is_root() {
        return Arc::clone(store);
    }
    Arc::new(Prefix::of_absent(Arc::clone(store), principal.root.clone()))
}

/// Returns the places of a directory of the store and of those above it, the nearest first. `of_root` are those of the
/// store's root. Who sees a directory for the root learns from their number nothing of how deep that is: there are as many of
/// each directory.
fn places_seen(store: &dyn Store, directory: &RemotePath, of_root: Vec<Place>) -> Vec<Place> {
    let below = std::iter::successors(Some(directory.clone()), RemotePath::parent).filter(|path| !path.is_root());
    // Without its own, the first would be taken for it: then none is told.
    let below: Option<Vec<Place>> = below.map(|path| store.place(&path)).collect();
    let Some(below) = below else { return Vec::new() };
    let others = (!below.is_empty()).then(places_of_nothing).into_iter().flatten();
    below.into_iter().chain(of_root).chain(others).take(MAX_PLACES).collect()
}

/// The store has no words of its own.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("principal", &self.principal).finish_non_exhaustive()
    }
}
