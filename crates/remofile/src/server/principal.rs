//! Principals: on whose behalf a session acts, and what the server makes of that.
//!
//! Participants: both handshakes tell which of the server's tokens a peer has proved; the [`Principal`] of that token
//! says what its holder may do, and its [`Grant`] is what every session of it is made from: the hello, the store and
//! the checks (`authorisation`). Invariant: a session has no other way to a store than its grant.

use super::options::ServerOptions;
use crate::error::{Error, Result};
use crate::store::{Prefix, Store};
use remofile_protocol::handshake::{MAX_PLACES, Place, ServerHello};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::transport::Cipher;
use std::fmt;
use std::sync::Arc;

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) id: PrincipalId,
    /// The name of its token, for logs and refusals.
    pub(super) name: String,
    /// The directory that it sees as the root directory.
    pub(super) root: RemotePath,
    pub(super) rights: Rights,
    pub(super) limits: PrincipalLimits,
}

/// The number of a principal: the index of its token among those of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PrincipalId(pub(super) usize);

/// A right of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// To list what is there and to read it.
    Read,
    /// To give new files, directories and links names that nothing has.
    Create,
    /// To change what is there, or to put something else in its place.
    Replace,
    /// To remove what is there, or to give it another path.
    Remove,
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights(u8);

/// The limits of a principal: those of the server, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrincipalLimits {
    /// The largest file that it may send or receive, in bytes.
    pub(super) file_size: u64,
    /// Memory that each of its sessions may make the server use, in bytes.
    pub(super) session_memory: u64,
    /// Sessions at most. `None`: as many as the server has.
    pub(super) sessions: Option<usize>,
}

/// A principal with all that its sessions are made from.
pub(super) struct Grant {
    pub(super) principal: Principal,
    /// The server's store as the principal sees it.
    pub(super) store: Arc<dyn Store>,
    /// The statement of the server about itself, but for the cipher of each session.
    pub(super) hello: ServerHello,
    pub(super) names: NameRule,
    /// True if the server lets nobody change anything.
    pub(super) is_read_only: bool,
}

impl Right {
    pub(super) const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Replace, Self::Remove];

    /// The right as refusals name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

impl Rights {
    pub(super) const ALL: Self = Self::of(&Right::ALL);

    pub(super) const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < rights.len() {
            bits |= 1 << rights[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// The first of these rights that is not in the set.
    pub(super) fn first_missing(self, needed: Self) -> Option<Right> {
        let missing = needed.0 & !self.0;
        Right::ALL.into_iter().find(|right| missing & Self::of(&[*right]).0 != 0)
    }

    /// Reports whether something may be changed with them.
    pub(super) fn can_change(self) -> bool {
        self.0 & !Self::of(&[Right::Read]).0 != 0
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Right::ALL.iter().filter(|right| self.0 & Self::of(&[**right]).0 != 0)).finish()
    }
}

impl Principal {
    /// The holder of a server's only token: it may do whatever the server does at all.
    pub(super) fn unlimited(options: &ServerOptions) -> Self {
        Self {
            id: PrincipalId(0),
            name: "default".to_owned(),
            root: RemotePath::root(),
            rights: Rights::ALL,
            limits: PrincipalLimits {
                file_size: options.file_size_limit,
                session_memory: options.session_memory,
                sessions: options.sessions_per_token,
            },
        }
    }
}

impl Grant {
    /// Makes what the sessions of a principal are made from. `places` are those of the store's root.
    ///
    /// # Errors
    /// [`Error::Root`] if the principal's root is no directory of the store.
    pub(super) fn new(
        principal: Principal,
        store: &Arc<dyn Store>,
        options: &ServerOptions,
        places: Vec<Place>,
    ) -> Result<Self> {
        let places = places_seen(&**store, &principal.root, places);
        Ok(Self::of(scoped(store, &principal)?, principal, options, places))
    }

    /// All of a store, for whoever is served: a client of its own process, or a test.
    pub(super) fn unlimited(store: Arc<dyn Store>, options: &ServerOptions) -> Self {
        Self::of(store, Principal::unlimited(options), options, Vec::new())
    }

    /// Makes the grant of a principal that sees all of `store`, which is at `places`.
    fn of(store: Arc<dyn Store>, principal: Principal, options: &ServerOptions, places: Vec<Place>) -> Self {
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
        };
        Self { principal, store, hello, names: options.names, is_read_only: options.read_only }
    }
}

/// Returns the store as a principal sees it: its root is the root directory, and nothing else exists.
fn scoped(store: &Arc<dyn Store>, principal: &Principal) -> Result<Arc<dyn Store>> {
    if principal.root.is_root() {
        return Ok(Arc::clone(store));
    }
    match Prefix::new(Arc::clone(store), principal.root.clone()) {
        Ok(inside) => Ok(Arc::new(inside)),
        Err(failure) => Err(Error::Root { path: principal.root.to_string(), failure }),
    }
}

/// Returns the places of a directory of the store and of those above it, the nearest first. `of_root` are those of the
/// store's root.
fn places_seen(store: &dyn Store, directory: &RemotePath, of_root: Vec<Place>) -> Vec<Place> {
    let below = std::iter::successors(Some(directory.clone()), RemotePath::parent).filter(|path| !path.is_root());
    // Without its own, the first would be taken for it: then none is told.
    let below: Option<Vec<Place>> = below.map(|path| store.place(&path)).collect();
    below.map_or_else(Vec::new, |below| below.into_iter().chain(of_root).take(MAX_PLACES).collect())
}

/// The store has no words of its own.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("principal", &self.principal).finish_non_exhaustive()
    }
}
