//! The meters of several servers of one store.

use super::*;
use crate::store::{SharedUsage, UsageRecord};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Weak};

/// The usage that all servers know.
#[derive(Default)]
struct Board {
    records: Mutex<BTreeMap<RemotePath, (UsageRecord, u64)>>,
    servers: Mutex<BTreeMap<u64, Weak<Meters>>>,
    revision: AtomicU64,
    /// If not 0, every so many answers are lost, and half of these before anything was done.
    loses: AtomicU64,
    calls: AtomicU64,
}

/// The way of one server to it.
struct Link {
    board: Arc<Board>,
    server: u64,
}

impl Board {
    /// Reports whether a call is lost, and if so whether it is done.
    fn loses(&self) -> Option<bool> {
        let (call, every) = (self.calls.fetch_add(1, Ordering::SeqCst), self.loses.load(Ordering::SeqCst));
        (every > 0 && call % every == 0).then(|| call / every % 2 == 0)
    }
}

fn lost<T>() -> StoreResult<T> {
    Err(ErrorCode::OutOfResources.into())
}

impl SharedUsage for Link {
    fn server(&self) -> u64 {
        self.server
    }

    fn servers(&self) -> StoreResult<HashSet<u64>> {
        Ok(self.board.servers.lock().unwrap().keys().copied().collect())
    }

    fn read(&self, directory: &RemotePath) -> StoreResult<(UsageRecord, u64)> {
        Ok(self.board.records.lock().unwrap().get(directory).cloned().unwrap_or_default())
    }

    fn replace(&self, directory: &RemotePath, record: &UsageRecord, revision: u64) -> StoreResult<Option<u64>> {
        let fate = self.board.loses();
        if fate == Some(false) {
            return lost();
        }
        let mut records = self.board.records.lock().unwrap();
        if records.get(directory).map_or(0, |(_, there)| *there) != revision {
            return Ok(None);
        }
        let written = self.board.revision.fetch_add(1, Ordering::SeqCst) + 1;
        records.insert(directory.clone(), (record.clone(), written));
        if fate.is_some() { lost() } else { Ok(Some(written)) }
    }

    fn await_told(&self, servers: &HashSet<u64>, _: Duration) -> StoreResult<()> {
        let there: Vec<_> = self.board.servers.lock().unwrap().clone().into_iter().collect();
        let meant = there.into_iter().filter(|(server, _)| servers.contains(server));
        meant.filter_map(|(_, meters)| meters.upgrade()).try_for_each(|meters| meters.tell(true))
    }
}

/// One of several servers.
struct OneServer {
    number: u64,
    meters: Arc<Meters>,
    board: Arc<Board>,
}

impl OneServer {
    fn new(number: u64, store: &Arc<dyn Store>, board: &Arc<Board>) -> Self {
        let link = Link { board: Arc::clone(board), server: number };
        let meters = Meters::eager_shared(Arc::clone(store), Arc::new(link));
        board.servers.lock().unwrap().insert(number, Arc::downgrade(&meters));
        assert!(meters.await_count(&path("/"), LONG));
        Self { number, meters, board: Arc::clone(board) }
    }

    fn limited(&self, bytes: u64) -> Metered {
        Metered::new(Arc::clone(&self.meters), Some(Quota { directory: path("/"), bytes }))
    }

    /// The usage at all servers that it tells, once each has told its own.
    fn used(&self) -> u64 {
        let (record, revision) = self.board.records.lock().unwrap()[&path("/")].clone();
        self.meters.see(&path("/"), record, revision);
        self.meters.used(&path("/")).unwrap()
    }

    /// Is gone without a word.
    fn die(&self) {
        self.board.servers.lock().unwrap().remove(&self.number);
    }
}

fn several(store: &Arc<dyn Store>) -> [OneServer; 3] {
    let board = Arc::default();
    [1, 2, 3].map(|number| OneServer::new(number, store, &board))
}

fn stored(store: &Arc<dyn Store>) -> u64 {
    let mut walk = store.walk(&path("/"), true).unwrap();
    let mut sum = 0;
    while let Some(listed) = walk.next() {
        if let Listed::Entry(entry) = listed {
            sum += entry.size;
        }
    }
    sum
}

const QUOTA: u64 = 40_000;

/// Writes some files where the quota has room for them, and removes some.
fn write_some(server: &OneServer, number: u64, may_be_lost: bool) {
    let limited = server.limited(QUOTA);
    for file in 0..60 {
        let at = format!("/{}-{number}-{file}", server.number);
        let size = 100 + (file * 37 + number * 11) % 300;
        match code(write(&limited, &at, size)) {
            None if file % 3 == 0 => drop(limited.remove(&path(&at)).unwrap()),
            None | Some(ErrorCode::QuotaExceeded) => {}
            Some(other) => assert!(may_be_lost && other == ErrorCode::OutOfResources, "{other:?}"),
        }
    }
}

#[test]
fn uploads_at_several_servers_never_pass_a_quota_together_and_use_all_of_it() {
    for loses in [0, 5] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let servers = several(&store);
        servers[0].board.loses.store(loses, Ordering::SeqCst);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let tells = scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    for server in &servers {
                        let _lost = server.meters.tell(false);
                        assert!(stored(&store) <= QUOTA);
                    }
                    std::thread::yield_now();
                }
            });
            let each = servers.iter().flat_map(|server| (0..3).map(move |number| (server, number)));
            let writes: Vec<_> =
                each.map(|(server, number)| scope.spawn(move || write_some(server, number, loses > 0))).collect();
            writes.into_iter().for_each(|thread| thread.join().unwrap());
            is_over.store(true, Ordering::SeqCst);
            tells.join().unwrap();
        });
        assert!(stored(&store) <= QUOTA);
        servers[0].board.loses.store(0, Ordering::SeqCst);
        servers.iter().for_each(|server| server.meters.tell(true).unwrap());
        // What is free is free for each of them, to the last byte.
        let left = QUOTA - stored(&store);
        assert_eq!(code(write(&servers[1].limited(QUOTA), "/more", left + 1)), Some(ErrorCode::QuotaExceeded));
        write(&servers[2].limited(QUOTA), "/rest", left).unwrap();
        servers.iter().for_each(|server| server.meters.tell(true).unwrap());
        for server in &servers {
            assert_eq!(server.used(), QUOTA, "{loses}");
            assert_eq!(code(write(&server.limited(QUOTA), "/one", 1)), Some(ErrorCode::QuotaExceeded));
        }
    }
}

#[test]
fn room_that_another_server_has_and_does_not_use_is_given_back() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [one, two, _] = several(&store);
    write(&one.limited(1000), "/a", 100).unwrap();
    write(&two.limited(1000), "/b", 900).unwrap();
    assert_eq!(code(write(&one.limited(1000), "/c", 1)), Some(ErrorCode::QuotaExceeded));
    // Who has no quota is refused by none, and what it does counts.
    write(&Metered::new(Arc::clone(&one.meters), None), "/c", 50).unwrap();
    one.limited(1000).remove(&path("/a")).unwrap();
    write(&two.limited(1000), "/d", 50).unwrap();
    assert_eq!(code(write(&one.limited(1000), "/e", 1)), Some(ErrorCode::QuotaExceeded));
}

#[test]
fn what_a_dead_server_has_reserved_is_free_once_what_it_has_done_was_counted() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [one, two, _] = several(&store);
    let of_one = one.limited(1000);
    write(&of_one, "/a", 300).unwrap();
    let under_way = stage(&of_one, "/b", &sized(600)).unwrap();
    assert_eq!(code(write(&two.limited(1000), "/c", 200)), Some(ErrorCode::QuotaExceeded), "it is under way there");
    one.die();
    write(&two.limited(1000), "/c", 600).unwrap();
    assert_eq!(code(write(&two.limited(1000), "/d", 101)), Some(ErrorCode::QuotaExceeded), "it was told by nobody");
    write(&two.limited(1000), "/d", 100).unwrap();
    // One that was only taken for dead tells nothing twice.
    drop(under_way);
    one.board.servers.lock().unwrap().insert(one.number, Arc::downgrade(&one.meters));
    one.meters.distrust_shares();
    assert_eq!(code(write(&of_one, "/e", 1)), Some(ErrorCode::QuotaExceeded));
    of_one.remove(&path("/a")).unwrap();
    write(&of_one, "/e", 300).unwrap();
    one.meters.tell(true).unwrap();
    assert_eq!(two.used(), 1000);
}

#[test]
fn a_count_finds_what_others_did_beside_what_servers_have_not_told() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [one, two, _] = several(&store);
    write(&one.limited(10_000), "/a", 4000).unwrap();
    write(&two.limited(10_000), "/b", 3000).unwrap();
    one.limited(10_000).remove(&path("/a")).unwrap();
    store.remove(&path("/b")).unwrap();
    two.meters.refresh(&path("/"));
    two.meters.meter(&path("/")).await_count(LONG);
    assert_eq!(two.used(), 0);
    one.meters.tell(true).unwrap();
    assert_eq!((one.used(), two.used()), (0, 0), "what was removed here is not told twice");
}
