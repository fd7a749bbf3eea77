//! The note of which server was good last, and which were not there, so that the next connection begins with one that answers.

use crate::client::servers::ServerAddress;
use crate::store::{PrivateFile, PrivateFileError};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The name of the file.
const FILE: &str = "last";

/// Longest file that is read, and most lists that are noted in it.
const MOST_BYTES: u64 = 64 * 1024;
const MOST_NOTES: usize = 32;

/// Time for which other processes begin with the server that is noted. It is not made longer by use: so clients spread over
/// the servers again after one was away.
const NOTE_LASTS: Duration = Duration::from_secs(600);

/// Time for which a server that was lost comes last.
const SUSPECTED_FOR: Duration = Duration::from_secs(30);

/// The place that a connection goes to: the server as it was named, and the address that it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerPlace {
    pub(crate) server: ServerAddress,
    pub(crate) address: SocketAddr,
}

/// The servers that were good last. Clones share what they have learnt. Of several servers a client begins with a random one,
/// so that many clients spread over them, and stays with it as long as that is there. The default forgets it with the process.
#[derive(Clone, Default)]
pub struct KeptServers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    directory: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The place of the connection that was opened last.
    good: Option<ServerPlace>,
    /// Places that were lost, or could not be reached, and when.
    suspects: Vec<(ServerPlace, Instant)>,
    /// Number that chooses the first server; `None` before it is needed.
    start: Option<usize>,
}

impl KeptServers {
    /// Those that are kept in a directory as well, which is made if need be: in a file with the names of servers, and
    /// nothing of tokens. Where nothing can be kept they are forgotten with the process.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Shared { directory: Some(directory.into()), known: Mutex::default() }))
    }

    /// Returns the place of the connection that was opened last, unless it was lost since.
    pub(crate) fn current(&self) -> Option<ServerPlace> {
        self.lock().good.clone()
    }

    /// Puts servers in the order in which they are tried.
    pub(crate) fn order(&self, servers: &[ServerAddress]) -> Vec<ServerAddress> {
        if servers.len() < 2 {
            return servers.to_vec();
        }
        let mut known = self.lock();
        // Clients with other servers may share these notes.
        let good = known.good.as_ref().map(|place| place.server.clone()).filter(|server| servers.contains(server));
        let good = good.or_else(|| self.noted(servers));
        let start = *known.start.get_or_insert_with(random) % servers.len();
        let mut ordered: Vec<ServerAddress> = servers[start..].iter().chain(&servers[..start]).cloned().collect();
        ordered.sort_by_key(|server| (known.suspects(|place| place.server == *server), Some(server) != good.as_ref()));
        ordered
    }

    /// Puts the addresses of one server in the order in which they are tried. Otherwise it is the resolver's.
    pub(crate) fn order_addresses(&self, addresses: &mut [SocketAddr]) {
        if addresses.len() > 1 {
            let mut known = self.lock();
            let good = known.good.as_ref().map(|place| place.address);
            addresses
                .sort_by_key(|address| (known.suspects(|place| place.address == *address), Some(*address) != good));
        }
    }

    /// Notes that a connection was opened, one of several servers.
    pub(crate) fn opened(&self, servers: &[ServerAddress], place: &ServerPlace) {
        let mut known = self.lock();
        known.suspects.retain(|(suspect, _)| suspect != place);
        let before = known.good.replace(place.clone());
        drop(known);
        if servers.len() > 1
            && before.is_none_or(|before| before.server != place.server)
            && self.0.directory.is_some()
            && self.noted(servers).as_ref() != Some(&place.server)
            && let Err(error) = self.note(servers, &place.server)
        {
            tracing::trace!(%error, "no server is kept");
        }
    }

    /// Notes that a place was lost, or could not be reached.
    pub(crate) fn lost(&self, place: &ServerPlace) {
        let mut known = self.lock();
        known.suspects.retain(|(suspect, _)| suspect != place);
        known.suspects.push((place.clone(), Instant::now()));
        known.good.take_if(|good| good == place);
    }

    /// Reports whether a place was lost lately, and not found to be good since.
    pub(crate) fn was_lost(&self, place: &ServerPlace) -> bool {
        self.lock().suspects(|suspect| suspect == place)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change is complete before it can panic.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> Option<Result<PrivateFile, PrivateFileError>> {
        self.0.directory.as_ref().map(|directory| PrivateFile::new(directory.join(FILE)))
    }

    /// Returns the server of these that a process has noted lately.
    fn noted(&self, servers: &[ServerAddress]) -> Option<ServerAddress> {
        let content = self.file()?.ok()?.read(MOST_BYTES).ok()?.bytes;
        let (list, now) = (list(servers), now());
        let mut notes = std::str::from_utf8(&content).ok()?.lines().filter_map(Note::parse);
        let noted = notes.rfind(|note| note.list == list && note.is_valid(now))?;
        servers.iter().find(|server| server.to_string() == noted.server).cloned()
    }

    fn note(&self, servers: &[ServerAddress], server: &ServerAddress) -> Result<(), PrivateFileError> {
        let Some(file) = self.file().transpose()? else { return Ok(()) };
        file.make_directory()?;
        let locked = file.lock()?;
        let before = locked.read(MOST_BYTES)?;
        let (list, now) = (list(servers), now());
        let text = std::str::from_utf8(&before.bytes).unwrap_or_default();
        let others = text.lines().filter_map(Note::parse).filter(|note| note.list != list && note.is_valid(now));
        let mut lines: Vec<String> = others.map(|note| note.line()).collect();
        lines.drain(..lines.len().saturating_sub(MOST_NOTES - 1));
        lines.push(Note { at: now, list: &list, server: &server.to_string() }.line());
        locked.replace(lines.concat().as_bytes(), before.stamp)
    }
}

impl Known {
    /// Reports whether a place that is meant was lost lately.
    fn suspects(&mut self, is_meant: impl Fn(&ServerPlace) -> bool) -> bool {
        self.suspects.retain(|(_, since)| since.elapsed() < SUSPECTED_FOR);
        self.suspects.iter().any(|(place, _)| is_meant(place))
    }
}

/// A line of the file.
struct Note<'a> {
    /// Seconds since 1970.
    at: u64,
    list: &'a str,
    server: &'a str,
}

impl<'a> Note<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (at, list, server) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
        fields.next().is_none().then_some(Self { at, list, server })
    }

    fn line(&self) -> String {
        let Self { at, list, server } = self;
        format!("{at}\t{list}\t{server}\n")
    }

    /// Reports whether it is of the last minutes. One of the future is of a clock that was wrong.
    fn is_valid(&self, now: u64) -> bool {
        now.checked_sub(self.at).is_some_and(|age| age < NOTE_LASTS.as_secs())
    }
}

/// Returns what a list is known by: whatever its order.
fn list(servers: &[ServerAddress]) -> String {
    let mut names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    names.sort();
    names.join(",").replace(char::is_whitespace, " ")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn random() -> usize {
    usize::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default()
}

impl fmt::Debug for KeptServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptServers").field("directory", &self.0.directory).field("good", &self.lock().good).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Vec<ServerAddress> {
        ServerAddress::parse_list("a,b,c", 1).unwrap()
    }

    fn place(server: &ServerAddress, last: u8) -> ServerPlace {
        ServerPlace { server: server.clone(), address: ([127, 0, 0, last], 1).into() }
    }

    #[test]
    fn a_client_stays_with_the_server_that_was_good_and_comes_to_a_lost_one_last() {
        let (kept, servers) = (KeptServers::default(), servers());
        let first = kept.order(&servers);
        assert_eq!(first, kept.order(&servers), "the order is chosen once");
        let (good, lost) = (place(&first[2], 3), place(&first[0], 1));
        kept.opened(&servers, &good);
        assert_eq!(kept.order(&servers), [first[2].clone(), first[0].clone(), first[1].clone()]);
        kept.lost(&good);
        kept.lost(&lost);
        assert_eq!(kept.current(), None);
        assert_eq!(kept.order(&servers), [first[1].clone(), first[0].clone(), first[2].clone()]);
        kept.opened(&servers, &lost);
        assert_eq!(kept.order(&servers)[0], first[0]);
    }

    #[test]
    fn many_clients_begin_with_different_servers() {
        let firsts: std::collections::BTreeSet<ServerAddress> =
            (0..200).map(|_| KeptServers::default().order(&servers()).remove(0)).collect();
        assert_eq!(firsts.len(), 3);
    }

    #[test]
    fn the_addresses_of_one_name_keep_the_order_of_the_resolver_but_for_good_and_lost_ones() {
        let kept = KeptServers::default();
        let server = &servers()[0];
        let address = |last| place(server, last).address;
        let ordered = |kept: &KeptServers| {
            let mut addresses = [address(1), address(2), address(3)];
            kept.order_addresses(&mut addresses);
            addresses
        };
        assert_eq!(ordered(&kept), [address(1), address(2), address(3)]);
        kept.lost(&place(server, 1));
        assert_eq!(ordered(&kept), [address(2), address(3), address(1)]);
        kept.opened(&servers()[..1], &place(server, 3));
        assert_eq!(ordered(&kept), [address(3), address(2), address(1)]);
    }

    #[test]
    fn the_next_process_begins_with_the_server_that_was_good_and_other_lists_are_others() {
        let home = tempfile::tempdir().unwrap();
        let kept = || KeptServers::in_directory(home.path().join("state/servers"));
        let servers = servers();
        for good in &servers {
            kept().opened(&servers, &place(good, 1));
            for _ in 0..8 {
                assert_eq!(kept().order(&servers)[0], *good);
            }
        }
        let others = ServerAddress::parse_list("a,b", 1).unwrap();
        assert_eq!(kept().noted(&others), None);
        kept().opened(&others, &place(&others[1], 1));
        assert_eq!(kept().noted(&others).as_ref(), Some(&others[1]));
        assert_eq!(kept().noted(&servers).as_ref(), Some(&servers[2]));
    }

    #[test]
    fn notes_that_are_old_or_of_a_wrong_clock_or_no_notes_at_all_are_none() {
        let home = tempfile::tempdir().unwrap();
        let kept = KeptServers::in_directory(home.path());
        let servers = servers();
        let note = |at: u64| Note { at, list: &list(&servers), server: "b:1" }.line();
        let (old, future) = (now() - NOTE_LASTS.as_secs() - 1, now() + 3600);
        for (text, noted) in [
            (note(now()), true),
            (note(old), false),
            (note(future), false),
            ("x\ty\n".to_owned(), false),
            ("\0\n\t\t\t\n".to_owned() + &note(now()), true),
            (note(now()).replace("b:1", "evil:1"), false),
        ] {
            let file = kept.file().unwrap().unwrap();
            let locked = file.lock().unwrap();
            locked.replace(text.as_bytes(), locked.read(MOST_BYTES).unwrap().stamp).unwrap();
            assert_eq!(kept.noted(&servers).is_some(), noted, "{text:?}");
        }
        KeptServers::in_directory("/dev/null/none").opened(&servers, &place(&servers[0], 1));
    }
}
