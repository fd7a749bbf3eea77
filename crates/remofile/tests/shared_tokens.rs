//! Tokens that several servers share: what one changes is in force at the others, and in their files, and their quotas are on what
//! is stored at all servers.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{LOCALHOST, remote};
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::server::{Coordinated, MemoryCoordinator};
use remofile::{
    Client, ClientOptions, Error, LiveTokens, Server, TokenEntry, Tokens, TokensFile, TokensFollower, Usage,
};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

fn entry(name: &str, token: &Token) -> TokenEntry {
    TokenEntry::new(name.parse().unwrap(), token)
}

fn of(entries: &[&TokenEntry]) -> Tokens {
    let mut tokens = Tokens::new();
    entries.iter().for_each(|entry| tokens.add((*entry).clone()).unwrap());
    tokens
}

fn names(tokens: &Tokens) -> Vec<String> {
    let mut names: Vec<String> = tokens.iter().map(|entry| entry.name.to_string()).collect();
    names.sort();
    names
}

fn until(what: impl Fn() -> bool) {
    while !what() {
        std::thread::yield_now();
    }
}

struct Served {
    server: Arc<Server>,
    tokens: LiveTokens,
    port: u16,
    thread: Option<JoinHandle<remofile::Result<()>>>,
}

impl Served {
    fn try_new(root: &Path, tokens: Tokens, coordinator: &MemoryCoordinator) -> Result<Self, String> {
        let tokens = LiveTokens::new(tokens);
        let server = Arc::new(Server::with_tokens(root, tokens.clone()).unwrap());
        let mut options = server.options();
        options.coordinator = Some(Coordinated::new(coordinator.link()));
        server.set_options(options).unwrap();
        let bound = server.bind(0, Some(LOCALHOST)).map_err(|error| error.to_string())?;
        let port = bound.addresses()[0].port();
        Ok(Self { server, tokens, port, thread: Some(std::thread::spawn(move || bound.serve())) })
    }

    fn new(root: &Path, tokens: Tokens, coordinator: &MemoryCoordinator) -> Self {
        Self::try_new(root, tokens, coordinator).unwrap()
    }

    fn admits(&self, token: &Token) -> bool {
        let mut client = Client::new(ClientOptions::new("127.0.0.1", self.port, token.clone()));
        client.stat(&remote("/")).is_ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

#[test]
fn a_change_of_the_tokens_at_one_server_is_in_force_at_the_others_and_nothing_removed_comes_back() {
    let (root, coordinator) = (tempfile::tempdir().unwrap(), MemoryCoordinator::new());
    let [of_alice, of_bob, of_carol] = [(); 3].map(|()| Token::generate());
    let (alice, bob, carol) = (entry("alice", &of_alice), entry("bob", &of_bob), entry("carol", &of_carol));
    let first = Served::new(root.path(), of(&[&alice, &bob]), &coordinator);
    let second = Served::new(root.path(), of(&[&bob, &alice]), &coordinator);
    assert!(second.admits(&of_bob));
    first.tokens.change(|tokens| tokens.remove(&bob.name)).unwrap();
    until(|| second.tokens.snapshot().get(&bob.name).is_none());
    until(|| !second.admits(&of_bob));
    second.tokens.change(|tokens| tokens.add(carol)).unwrap();
    until(|| names(&first.tokens.snapshot()) == ["alice", "carol"]);
    until(|| first.admits(&of_carol));
    // One that was away while they were changed, and one with tokens that nobody knows.
    let third = Served::new(root.path(), of(&[&alice, &bob]), &coordinator);
    assert_eq!(names(&third.tokens.snapshot()), ["alice", "carol"]);
    let dave = entry("dave", &Token::generate());
    let refused = Served::try_new(root.path(), of(&[&alice, &dave]), &coordinator).err().unwrap();
    assert!(refused.contains("tokens file differs") && refused.contains("dave"), "{refused}");
    drop((third, second, first));
    // The first of all brings its own.
    let alone = Served::new(root.path(), of(&[&alice, &dave]), &coordinator);
    assert_eq!(names(&alone.tokens.snapshot()), ["alice", "dave"]);
}

/// Stores files of one size at each server, as many as the quota lets, and returns their bytes.
fn fill(servers: &[Served], token: &Token, round: &str) -> u64 {
    const SIZE: usize = 5000;
    let store = |port: u16, number: usize| {
        let mut client = Client::new(ClientOptions::new("127.0.0.1", port, token.clone()));
        let mut stored = 0;
        loop {
            let path = remote(&format!("/{round}-{number}-{stored}"));
            match client.write_file(&path, &[b'x'; SIZE], false) {
                Ok(()) => stored += 1,
                Err(Error::Remote(failure)) if failure.code == ErrorCode::QuotaExceeded => return stored * SIZE as u64,
                Err(error) => panic!("{error}"),
            }
        }
    };
    std::thread::scope(|scope| {
        let each = servers.iter().enumerate().map(|(number, server)| (server.port, number));
        let threads: Vec<_> = each.map(|(port, number)| scope.spawn(move || store(port, number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn a_quota_is_on_what_is_stored_at_all_servers_and_each_tells_what_is_used() {
    const QUOTA: u64 = 203_000;
    let (root, coordinator, token) = (tempfile::tempdir().unwrap(), MemoryCoordinator::new(), Token::generate());
    let alice = TokenEntry { quota: Some(QUOTA), ..entry("alice", &token) };
    let mut servers = Vec::from([(); 3].map(|()| Served::new(root.path(), of(&[&alice]), &coordinator)));
    // To the last file that there is room for.
    assert_eq!(fill(&servers, &token, "first"), 200_000);
    let usage =
        |server: &Served| Client::new(ClientOptions::new("127.0.0.1", server.port, token.clone())).usage().unwrap();
    until(|| servers.iter().all(|server| usage(server) == Usage { used: Some(200_000), quota: Some(QUOTA) }));
    // One that comes later knows it, and one that ends takes nothing with it.
    drop(servers.remove(0));
    std::fs::write(root.path().join("behind"), [0; 1000]).unwrap();
    servers.push(Served::new(root.path(), of(&[&alice]), &coordinator));
    until(|| servers.iter().all(|server| usage(server).used == Some(201_000)));
    assert_eq!(fill(&servers, &token, "later"), 0);
}

#[test]
fn changes_of_other_servers_are_written_into_the_file_and_its_own_changes_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let file = TokensFile::open(directory.path().join("tokens.toml")).unwrap();
    let [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(|name| entry(name, &Token::generate()));
    for entry in [&alice, &bob] {
        file.change(|tokens| tokens.add(entry.clone())).unwrap();
    }
    let mut follower = TokensFollower::begin(file.clone()).unwrap().writing_back();
    let live = follower.tokens().clone();
    assert!(!follower.write_back().unwrap());
    // Others remove one and add another while somebody adds one to the file.
    live.change(|tokens| {
        tokens.remove(&bob.name).unwrap();
        tokens.add(carol).unwrap();
    });
    file.change(|tokens| tokens.add(dave)).unwrap();
    follower.reload().unwrap();
    assert_eq!(names(&live.snapshot()), ["alice", "carol", "dave"]);
    assert!(follower.write_back().unwrap());
    assert_eq!(names(&file.read().unwrap().tokens), ["alice", "carol", "dave"]);
    follower.reload().unwrap();
    assert!(!follower.write_back().unwrap());
    assert_eq!(names(&live.snapshot()), ["alice", "carol", "dave"]);
}
