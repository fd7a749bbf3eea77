//! The registration of a server: what all servers of one coordinator must have in common.

use super::coordinator::{Change, Condition, Coordinator, CoordinatorError, CoordinatorResult, Snapshot, Term};
use crate::server::options::ServerOptions;
use crate::store::{ServedDirectory, Store};
use minicbor::{Decode, Encode};
use remofile_protocol::path::NameRule;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Weak};

/// The way in which servers of now tell each other what they do. Others are refused.
const FORMAT: u32 = 2;

/// The setting that tells what is served; it is empty of a directory in which its server changes nothing.
const STORE: &str = "directory or bucket";

/// The beginning of the keys of servers.
pub(super) const SERVERS: &str = "servers/";

/// The key of the number by which a directory knows its coordinator.
const CLUSTER: &str = "cluster";

/// A server, as it tells others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Record {
    #[n(0)]
    format: u32,
    /// The machine, for people.
    #[n(1)]
    name: String,
    /// Settings that must be the same at all servers: names and values.
    #[n(2)]
    settings: Vec<(String, String)>,
}

/// A server among those of its coordinator.
pub(in crate::server) struct Registration {
    server: u64,
    record: Record,
    root: SharedRoot,
}

/// The thing that a server shares with others: a local directory, or a store.
pub(in crate::server) struct SharedRoot {
    /// The name of a store.
    pub(in crate::server) name: Option<String>,
    /// The directory, if the server may change it. It is its server's, and free as soon as that has ended, whoever still has this.
    pub(in crate::server) directory: Option<Weak<ServedDirectory>>,
    /// The store, if the server may change it.
    pub(in crate::server) store: Option<Arc<dyn Store>>,
}

/// The reason a server may not be one of those of its coordinator.
pub(super) enum Unfit {
    Coordinator(CoordinatorError),
    Settings(String),
}

impl Registration {
    /// The registration of a server.
    pub(in crate::server) fn new(options: &ServerOptions, token: String, root: SharedRoot) -> Self {
        let directory = || Some(format!("directory {}", root.directory.as_ref()?.upgrade()?.identity()?));
        let name = root.name.clone().or_else(directory);
        let names = if options.names == NameRule::Portable { "portable" } else { "posix" };
        let settings = [
            (STORE, name.unwrap_or_default()),
            ("token", token),
            ("--names", names.to_owned()),
            ("--exclusive", options.exclusive.to_string()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let record = Record { format: FORMAT, name: crate::own_name(), settings };
        Self { server: random_number(), record, root }
    }

    /// Returns the number of the server, which no other one has.
    pub(super) fn server(&self) -> u64 {
        self.server
    }

    fn key(&self) -> String {
        format!("{SERVERS}{:016x}", self.server)
    }

    /// Tells others of the server.
    pub(super) fn put(&self, coordinator: &dyn Coordinator, term: Term) -> CoordinatorResult<()> {
        let mut value = Vec::new();
        // A vector takes whatever is written.
        let _written = minicbor::encode(&self.record, &mut value);
        coordinator.write(&[], &[Change::Put { key: self.key(), value: value.into(), term: Some(term) }]).map(drop)
    }

    /// Checks whether the server fits to those that were there before it, and to what its directory knows. Returns true if
    /// there were none.
    pub(super) fn check(&self, coordinator: &dyn Coordinator, snapshot: &Snapshot) -> Result<bool, Unfit> {
        let key = self.key();
        let own = snapshot.values.iter().find(|value| value.key == key);
        let own = own.ok_or(Unfit::Coordinator(CoordinatorError::TermOver))?;
        let servers = snapshot.values.iter().filter(|value| value.key.starts_with(SERVERS));
        let before = servers.filter(|other| (other.created, &other.key) < (own.created, &own.key));
        let mut is_first = true;
        for other in before {
            is_first = false;
            let other: Record = minicbor::decode(&other.value).map_err(|_| Unfit::Settings(NOT_OURS.to_owned()))?;
            self.record.compare(&other)?;
        }
        let SharedRoot { directory, store, .. } = &self.root;
        let directory = directory.as_ref().and_then(Weak::upgrade);
        if directory.is_none() && store.is_none() {
            return Ok(is_first);
        }
        let cluster = cluster(coordinator, snapshot).map_err(Unfit::Coordinator)?;
        let joined = directory.as_ref().map_or(Ok(()), |directory| directory.join(&cluster));
        let joined = joined.and_then(|()| store.as_ref().map_or(Ok(()), |store| store.join_servers(&cluster)));
        joined
            .map_err(|failure| Unfit::Settings(failure.detail.unwrap_or_else(|| failure.code.sentence().to_owned())))?;
        Ok(is_first)
    }
}

const NOT_OURS: &str =
    "another program, or a newer server, is under this prefix of the coordinator: give these servers another one";

impl Record {
    fn compare(&self, other: &Self) -> Result<(), Unfit> {
        if self.format != other.format {
            return Err(Unfit::Settings(NOT_OURS.to_owned()));
        }
        let is_nameless = |setting: &&(String, String)| setting.0 == STORE && setting.1.is_empty();
        // A directory in which a server changes nothing has no mark of it, so that server does not know which one it is.
        let is_same = |setting: &&(String, String)| {
            let is_unknown = setting.0 == STORE && other.settings.iter().any(|theirs| is_nameless(&theirs));
            other.settings.contains(setting) || is_nameless(setting) || is_unknown
        };
        let differing: Vec<&str> =
            self.settings.iter().filter(|setting| !is_same(setting)).map(|(name, _)| name.as_str()).collect();
        if differing.is_empty() {
            return Ok(());
        }
        let (name, differing) = (&other.name, differing.join(", "));
        Err(Unfit::Settings(format!(
            "the server at {name} has the same coordinator and another {differing}: give all servers of one coordinator the \
             same, or this one another prefix (etcd://HOST:PORT/PREFIX)"
        )))
    }
}

/// Returns the number of the server that a key is of.
pub(super) fn server_of_key(key: &str) -> Option<u64> {
    u64::from_str_radix(key.strip_prefix(SERVERS)?, 16).ok()
}

/// Returns the number by which directories know the coordinator, and makes it if there is none.
fn cluster(coordinator: &dyn Coordinator, snapshot: &Snapshot) -> CoordinatorResult<String> {
    let there = |snapshot: &Snapshot| {
        let value = snapshot.values.iter().find(|value| value.key == CLUSTER)?;
        String::from_utf8(value.value.to_vec()).ok()
    };
    if let Some(cluster) = there(snapshot) {
        return Ok(cluster);
    }
    let made = format!("{:016x}", random_number());
    let put = Change::Put { key: CLUSTER.to_owned(), value: made.clone().into_bytes().into(), term: None };
    if coordinator.write(&[Condition { key: CLUSTER.to_owned(), revision: 0 }], &[put])?.is_some() {
        return Ok(made);
    }
    there(&coordinator.read(CLUSTER)?).ok_or_else(|| CoordinatorError::Denied(NOT_OURS.to_owned()))
}

/// Returns a number that no other call of this or another process gives.
fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}
