//! A real etcd, where the machine has one: what the seam promises, and two servers of one directory.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests start a program, say that they were skipped, and fail by panicking"
)]

use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::server::coordination::{Change, Condition, CoordinatorError, Event, Watch};
use remofile::server::{Coordinated, Coordinator, Standing};
use remofile::{Client, ClientOptions, Error, LiveTokens, Server, Silent, TokenEntry, Tokens, TransferOptions, Wait};
use remofile_etcd::{Credentials, Etcd, EtcdOptions};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An etcd of one member.
struct Member {
    process: Child,
    port: u16,
    peers: u16,
    data: TempDir,
}

impl Member {
    /// Starts one; `None` if the machine has no etcd.
    fn start() -> Option<Self> {
        let free = || TcpListener::bind((LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (port, peers, data) = (free(), free(), tempfile::tempdir().unwrap());
        match run(data.path(), port, peers) {
            Ok(process) => Some(Self { process, port, peers, data }.answering()),
            Err(_) => {
                // Whatever the harness keeps of a test that passes, this is to be seen.
                std::io::stderr().write_all(b"skipped: there is no etcd here (apt-get install etcd-server)\n").unwrap();
                None
            }
        }
    }

    fn answering(mut self) -> Self {
        self.await_answer();
        self
    }

    /// Waits until it answers, or has ended: another process may have got its port.
    fn await_answer(&mut self) {
        while !answers(self.port) {
            assert_eq!(self.process.try_wait().unwrap(), None, "etcd has ended");
            std::thread::yield_now();
        }
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = run(self.data.path(), self.port, self.peers).unwrap();
        self.await_answer();
    }

    fn etcd(&self) -> Etcd {
        self.etcd_as(EtcdOptions::default())
    }

    fn etcd_as(&self, options: EtcdOptions) -> Etcd {
        let address = format!("etcd://127.0.0.1:{}/tests", self.port).parse().unwrap();
        Etcd::new(&address, options).unwrap()
    }

    /// Forgets changes before a revision, as etcd does after a while.
    fn compact(&self, revision: u64) {
        self.call("kv/compaction", &format!(r#"{{"revision":"{revision}"}}"#));
    }

    /// Asks for passwords from now on, and returns those of a user.
    fn protect(&self) -> Credentials {
        for name in ["root", "user"] {
            self.call("auth/user/add", &format!(r#"{{"name":"{name}","password":"a\"b"}}"#));
            self.call("auth/role/add", &format!(r#"{{"name":"{name}"}}"#));
            self.call("auth/user/grant", &format!(r#"{{"user":"{name}","role":"{name}"}}"#));
        }
        // All keys.
        self.call(
            "auth/role/grant",
            r#"{"name":"user","perm":{"permType":"READWRITE","key":"AA==","range_end":"AA=="}}"#,
        );
        self.call("auth/enable", "{}");
        Credentials { user: "user".to_owned(), password: "a\"b".to_owned().into() }
    }

    /// Has it forget whom it has let in.
    fn forget_tokens(&self) {
        let answer = self.call("auth/authenticate", r#"{"name":"root","password":"a\"b"}"#);
        let token = answer.split(r#""token":""#).nth(1).unwrap().split('"').next().unwrap();
        self.call_with(token, "auth/user/changepw", r#"{"name":"user","password":"a\"b"}"#);
    }

    fn call(&self, method: &str, body: &str) -> String {
        self.call_with("", method, body)
    }

    fn call_with(&self, token: &str, method: &str, body: &str) -> String {
        let mut stream = TcpStream::connect((LOCALHOST, self.port)).unwrap();
        let known = if token.is_empty() { String::new() } else { format!("Authorization: {token}\r\n") };
        let request = format!(
            "POST /v3/{method} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n{known}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
        answer
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn run(data: &Path, port: u16, peers: u16) -> std::io::Result<Child> {
    let (clients, peers) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peers}"));
    let cluster = format!("default={peers}");
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(data);
    for (option, value) in [
        ("--listen-client-urls", &clients),
        ("--advertise-client-urls", &clients),
        ("--listen-peer-urls", &peers),
        ("--initial-advertise-peer-urls", &peers),
        ("--initial-cluster", &cluster),
    ] {
        command.args([option, value]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn answers(port: u16) -> bool {
    let address = format!("etcd://127.0.0.1:{port}").parse().unwrap();
    // Whom it does not let has its answer as well.
    !matches!(Etcd::new(&address, EtcdOptions::default()).unwrap().read(""), Err(CoordinatorError::Unreachable(_)))
}

fn put(key: &str, value: &[u8]) -> Change {
    Change::Put { key: key.to_owned(), value: value.to_vec().into(), term: None }
}

fn next(watch: &mut dyn Watch) -> Vec<Event> {
    loop {
        let events = watch.next().unwrap();
        if !events.is_empty() {
            return events;
        }
    }
}

#[test]
fn etcd_keeps_what_the_seam_promises() {
    let Some(member) = Member::start() else { return };
    let etcd = member.etcd();
    let before = etcd.read("").unwrap();
    let mut watch = etcd.watch(before.revision + 1).unwrap();
    let term = etcd.begin_term(Duration::from_secs(60)).unwrap();
    let of_term = Change::Put { key: "b".to_owned(), value: vec![0, 1, 255].into(), term: Some(term) };
    let first = etcd.write(&[], &[put("a", b"1"), of_term]).unwrap().unwrap();
    let seen = next(&mut *watch);
    assert_eq!(seen.iter().map(Event::revision).collect::<Vec<_>>(), [first, first], "one write is seen as one");
    let absent = [Condition { key: "a".to_owned(), revision: 0 }];
    assert_eq!(etcd.write(&absent, &[put("a", b"2")]).unwrap(), None);
    let there = [Condition { key: "a".to_owned(), revision: first }];
    let second = etcd.write(&there, &[put("a", b"2")]).unwrap().unwrap();
    let snapshot = etcd.read("").unwrap();
    let values: Vec<_> =
        snapshot.values.iter().map(|value| (&*value.key, &value.value[..], value.created, value.modified)).collect();
    assert_eq!(values, [("a", &b"2"[..], first, second), ("b", &[0, 1, 255][..], first, first)]);
    etcd.keep_term(term).unwrap();
    etcd.end_term(term).unwrap();
    assert_eq!(etcd.keep_term(term), Err(CoordinatorError::TermOver));
    let late = Change::Put { key: "c".to_owned(), value: Vec::new().into(), term: Some(term) };
    assert_eq!(etcd.write(&[], &[late]), Err(CoordinatorError::TermOver));
    assert!(matches!(&next(&mut *watch)[..], [Event::Put(value)] if *value.value == b"2"));
    assert!(matches!(&next(&mut *watch)[..], [Event::Delete { key, .. }] if key == "b"));
    // More than one page.
    for page in 0..12_u32 {
        let many: Vec<Change> = (0..100).map(|n| put(&format!("many/{page:02}/{n:02}"), b"x")).collect();
        etcd.write(&[], &many).unwrap().unwrap();
    }
    assert_eq!((etcd.read("many/").unwrap().values.len(), etcd.read("").unwrap().values.len()), (1200, 1201));
    member.compact(second + 1);
    let mut late = etcd.watch(first).unwrap();
    let forgotten = loop {
        match late.next() {
            Ok(events) if events.is_empty() => {}
            other => break other,
        }
    };
    assert_eq!(forgotten, Err(CoordinatorError::Forgotten));
}

#[test]
fn a_watch_shows_its_credentials_again_when_etcd_has_forgotten_them() {
    let Some(member) = Member::start() else { return };
    let wrong = Credentials { user: "user".to_owned(), password: "wrong".to_owned().into() };
    let credentials = member.protect();
    let etcd = |credentials| member.etcd_as(EtcdOptions { credentials, ..EtcdOptions::default() });
    let (etcd, stranger, nobody) = (etcd(Some(credentials)), etcd(Some(wrong)), etcd(None));
    for unknown in [&stranger, &nobody] {
        let refused = unknown.watch(1).err();
        assert!(matches!(&refused, Some(CoordinatorError::Denied(why)) if why.contains("etcd refuses")), "{refused:?}");
    }
    let before = etcd.read("").unwrap();
    member.forget_tokens();
    let mut watch = etcd.watch(before.revision + 1).unwrap();
    etcd.write(&[], &[put("a", b"1")]).unwrap().unwrap();
    assert!(matches!(&next(&mut *watch)[..], [Event::Put(value)] if value.key == "a"));
}

#[test]
fn an_etcd_that_has_lost_everything_is_spoken_to_anew() {
    let Some(mut member) = Member::start() else { return };
    let credentials = Some(member.protect());
    let etcd = || member.etcd_as(EtcdOptions { credentials: credentials.clone(), ..EtcdOptions::default() });
    let (former, etcd) = (etcd(), etcd());
    // Tokens know how much had happened when they were given.
    for _ in 0..50 {
        former.write(&[], &[put("a", b"1")]).unwrap();
    }
    assert_eq!(etcd.read("").unwrap().values.len(), 1);
    member.stop();
    std::fs::remove_dir_all(member.data.path()).unwrap();
    member.start_again();
    member.protect();
    let _the_token_of_before = etcd.read("");
    assert_eq!(etcd.read("").unwrap().values, []);
}

struct Served {
    server: Arc<Server>,
    coordinated: Coordinated,
    port: u16,
    thread: Option<JoinHandle<remofile::Result<()>>>,
}

impl Served {
    fn new(root: &Path, token: &Token, etcd: Etcd) -> Self {
        Self::of(Server::new(root, token.clone()).unwrap(), etcd)
    }

    fn of(server: Server, etcd: Etcd) -> Self {
        let server = Arc::new(server);
        let coordinated = Coordinated::new(etcd);
        let mut options = server.options();
        options.coordinator = Some(coordinated.clone());
        server.set_options(options).unwrap();
        let bound = server.bind(0, Some(LOCALHOST)).unwrap();
        let port = bound.addresses()[0].port();
        Self { server, coordinated, port, thread: Some(std::thread::spawn(move || bound.serve())) }
    }

    fn client(&self, token: &Token, wait: Wait) -> Client {
        Client::new(ClientOptions { wait, ..ClientOptions::new("127.0.0.1", self.port, token.clone()) })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

#[test]
fn two_servers_agree_by_etcd_and_change_nothing_while_it_is_away() {
    let Some(mut member) = Member::start() else { return };
    let (root, token) = (tempfile::tempdir().unwrap(), Token::generate());
    let servers = [(); 2].map(|()| Served::new(root.path(), &token, member.etcd()));
    let [mut one, mut two] = servers.each_ref().map(|server| server.client(&token, Wait::No));
    let (finish, gate) = channel();
    let uploads = std::thread::spawn(move || {
        let path = "/a".parse().unwrap();
        one.upload_stream(Box::new(Gate(gate)), &path, &TransferOptions::default(), &mut Silent).map(drop)
    });
    while servers[1].client(&token, Wait::No).status().unwrap().report.holders.is_empty() {
        std::thread::yield_now();
    }
    let refused = two.remove(&"/a".parse().unwrap(), false).unwrap_err();
    assert!(matches!(&refused, Error::Busy(holders) if holders[0].path.as_deref() == Some("/a")), "{refused}");
    two.create_file(&"/b".parse().unwrap(), false).unwrap();
    let mut patient = servers[1].client(&token, Wait::Forever);
    let waits = std::thread::spawn(move || patient.remove(&"/a".parse().unwrap(), false));
    while one_waiting(&mut two) != 1 {
        std::thread::yield_now();
    }
    finish.send(()).unwrap();
    uploads.join().unwrap().unwrap();
    waits.join().unwrap().unwrap();
    member.stop();
    let is_lost = |server: &Served| matches!(server.coordinated.standing(), Standing::Lost(_));
    while !servers.iter().all(is_lost) {
        std::thread::yield_now();
    }
    let options = ClientOptions::new("127.0.0.1", servers[1].port, token);
    let mut hasty = Client::new(ClientOptions { timeout: Some(Duration::from_secs(1)), ..options });
    assert!(hasty.create_file(&"/c".parse().unwrap(), false).is_err());
    assert!(two.stat(&"/b".parse().unwrap()).is_ok());
    member.start_again();
    while servers.iter().any(is_lost) {
        std::thread::yield_now();
    }
    two.create_file(&"/c".parse().unwrap(), false).unwrap();
}

/// Stores files at a server until the quota has no room for another one, and returns how many.
fn fill(server: &Served, token: &Token, number: usize) -> usize {
    let mut client = server.client(token, Wait::Forever);
    let mut stored = 0;
    loop {
        match client.write_file(&format!("/{number}-{stored}").parse().unwrap(), &[0; 5000], false) {
            Ok(()) => stored += 1,
            Err(Error::Remote(failure)) if failure.code == ErrorCode::QuotaExceeded => return stored,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn three_servers_keep_one_quota_by_etcd_to_the_last_file() {
    let Some(member) = Member::start() else { return };
    let (root, token) = (tempfile::tempdir().unwrap(), Token::generate());
    let mut tokens = Tokens::new();
    let alice = TokenEntry::new("alice".parse().unwrap(), &token);
    tokens.add(TokenEntry { quota: Some(203_000), ..alice }).unwrap();
    let server = || Server::with_tokens(root.path(), LiveTokens::new(tokens.clone())).unwrap();
    let servers = [(); 3].map(|()| Served::of(server(), member.etcd()));
    let stored: usize = std::thread::scope(|scope| {
        let (each, token) = (servers.iter().enumerate(), &token);
        let threads: Vec<_> = each.map(|(number, server)| scope.spawn(move || fill(server, token, number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(stored, 40);
    for server in &servers {
        while server.client(&token, Wait::No).usage().unwrap().used != Some(200_000) {
            std::thread::yield_now();
        }
    }
}

/// A source that says nothing before it ends.
struct Gate(Receiver<()>);

impl Read for Gate {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _told = self.0.recv();
        Ok(0)
    }
}

fn one_waiting(client: &mut Client) -> u64 {
    client.status().unwrap().report.waiting
}
