use super::*;
use crate::store::{MemoryStore, WriteStore};
use crate::tokens::{Superseded, TokenRights};
use remofile_protocol::handshake::{
    ClientCredentials, ClientHandshake, ClientHello, ServerAnswer, ServerCredentials, answer,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::transport::Cipher;
use std::time::{Duration, Instant};

struct Scene {
    store: Arc<MemoryStore>,
    maker: RosterMaker,
    tokens: Tokens,
    roster: Roster,
    now: SystemTime,
}

impl Scene {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let own: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let mut maker =
            RosterMaker::new(Arc::clone(&own), Some(Meters::new(own)), ServerOptions::default(), Vec::new());
        let tokens = Tokens::new();
        let roster = maker.make(&tokens, None);
        Self { store, maker, tokens, roster, now: SystemTime::now() }
    }

    /// Adds a token, as it is changed before.
    fn add(&mut self, name: &str, change: impl FnOnce(&mut TokenEntry)) -> Token {
        let token = Token::generate();
        let mut entry = TokenEntry::new(name.parse().unwrap(), &token);
        change(&mut entry);
        self.tokens.add(entry).unwrap();
        self.make();
        token
    }

    /// Changes a token; whether who had it before may go on.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut TokenEntry)) -> bool {
        let mut entry = self.tokens.get(&name.parse().unwrap()).unwrap().clone();
        let pass = self.roster.pass(self.roster.table.find(&entry.key).unwrap(), self.now).unwrap();
        change(&mut entry);
        self.tokens.replace(entry).unwrap();
        self.make();
        self.roster.admits(&pass, self.now)
    }

    fn make(&mut self) {
        self.roster = self.maker.make(&self.tokens, Some(&self.roster));
    }

    fn pass(&self, token: &Token) -> Result<Pass, Refusal> {
        self.roster.pass(self.roster.table.find(&token.stretch()).ok_or(Refusal::Token)?, self.now)
    }
}

fn remote(path: &str) -> RemotePath {
    path.parse().unwrap()
}

#[test]
fn who_may_do_less_than_before_is_not_admitted_any_more_and_who_may_do_more_is() {
    let mut scene = Scene::new();
    scene.store.make_directory(&remote("/in"), false, false).unwrap();
    let write = |entry: &mut TokenEntry| entry.rights = TokenRights::Write;
    scene.add("a", write);
    scene.add("other", |_| {});
    assert!(scene.change("a", |entry| entry.rights = TokenRights::All));
    assert!(!scene.change("a", write), "it does not see others any more");
    assert!(!scene.change("a", |entry| entry.rights = TokenRights::Read));
    assert!(!scene.change("a", |entry| entry.rights = TokenRights::Upload), "neither has what the other has");
    assert!(!scene.change("a", |entry| entry.below = remote("/in")));
    assert!(!scene.change("a", |entry| entry.below = remote("/")));
    assert!(!scene.change("a", |entry| entry.file_size_limit = Some(1)));
    assert!(scene.change("a", |entry| entry.file_size_limit = Some(2)));
    assert!(!scene.change("a", |entry| entry.sessions = Some(2)));
    assert!(scene.change("a", |entry| entry.sessions = None));
    assert!(!scene.change("a", |entry| entry.quota = Some(1000)));
    assert!(scene.change("a", |entry| entry.quota = Some(2000)));
    assert!(scene.change("a", |entry| entry.bwlimit = Some(1024)), "it is slower at once");
    assert!(!scene.change("a", |entry| entry.key = Token::generate().stretch()));
    let now = scene.now;
    assert!(!scene.change("a", |entry| entry.expires = Some(now)));
    assert!(scene.change("other", |entry| entry.expires = Some(now + Duration::from_secs(1))));
}

#[test]
fn whoever_is_removed_is_not_admitted_even_if_the_name_comes_again() {
    let mut scene = Scene::new();
    let token = scene.add("a", |_| {});
    let pass = scene.pass(&token).unwrap();
    let entry = scene.tokens.remove(&"a".parse().unwrap()).unwrap();
    scene.make();
    assert!(!scene.roster.admits(&pass, scene.now));
    assert_eq!(scene.pass(&token).err(), Some(Refusal::Token));
    scene.tokens.add(entry).unwrap();
    scene.make();
    assert!(!scene.roster.admits(&pass, scene.now), "it is another one");
    assert_ne!(scene.pass(&token).unwrap().grant.principal.id, pass.grant.principal.id);
}

#[test]
fn what_has_not_changed_is_what_it_was() {
    let mut scene = Scene::new();
    let token = scene.add("a", |entry| entry.bwlimit = Some(1024));
    let before = scene.pass(&token).unwrap();
    scene.add("b", |_| {});
    assert!(Arc::ptr_eq(&scene.pass(&token).unwrap().grant, &before.grant));
    scene.change("a", |entry| entry.rights = TokenRights::Read);
    let after = scene.pass(&token).unwrap();
    assert_eq!(after.grant.principal.id, before.grant.principal.id, "its sessions are counted on");
    assert!(Arc::ptr_eq(&after.grant.bandwidth, &before.grant.bandwidth), "and so are its bytes");
}

#[test]
fn a_rotated_token_is_taken_until_its_grace_is_over_and_then_tells_that_it_has_expired() {
    let mut scene = Scene::new();
    let old = scene.add("a", |_| {});
    let new = scene.tokens.rotate(&"a".parse().unwrap(), Duration::from_secs(60), scene.now).unwrap();
    let before = scene.pass(&old).unwrap();
    scene.make();
    assert!(scene.roster.admits(&before, scene.now) && scene.roster.has_expiries());
    let (by_old, by_new) = (scene.pass(&old).unwrap(), scene.pass(&new).unwrap());
    assert_eq!(by_old.grant.principal.id, by_new.grant.principal.id);
    scene.now += Duration::from_secs(60);
    assert!(!scene.roster.admits(&by_old, scene.now) && scene.roster.admits(&by_new, scene.now));
    assert_eq!(scene.pass(&old).err(), Some(Refusal::Expired));
    // The clock jumps back: who comes then is taken by it.
    scene.now -= Duration::from_secs(120);
    assert!(scene.pass(&old).is_ok());
}

#[test]
fn a_former_token_does_not_outlive_the_one_that_took_its_place() {
    let mut scene = Scene::new();
    let (former, end) = (Token::generate(), scene.now + Duration::from_secs(1));
    let expires = end + Duration::from_secs(60);
    let superseded = Superseded { key: former.stretch(), origin: Origin::Generated, expires };
    scene.add("a", |entry| (entry.expires, entry.superseded) = (Some(end), Some(superseded)));
    scene.now = end;
    assert_eq!(scene.pass(&former).err(), Some(Refusal::Expired));
}

#[test]
fn while_the_directory_of_a_token_is_missing_nothing_is_done_for_it_and_nothing_is_told_of_where_it_is() {
    let mut scene = Scene::new();
    let token = scene.add("a", |entry| entry.below = remote("/secret/place"));
    let grant = scene.pass(&token).unwrap().grant;
    let failure = grant.refuse_without_root().unwrap_err();
    assert!(!failure.to_string().contains("secret") && failure.to_string().contains("\"a\""), "{failure}");
    scene.store.make_directory(&remote("/secret/place"), false, true).unwrap();
    assert!(grant.refuse_without_root().is_ok(), "no restart, and no other token, is needed");
    scene.store.remove(&remote("/secret/place")).unwrap();
    scene.store.create_file(&remote("/secret/place"), false).unwrap();
    assert!(grant.refuse_without_root().is_err(), "it is a file");
}

#[test]
fn what_is_below_the_directory_of_a_token_is_counted_no_longer_than_some_token_has_a_quota_there() {
    let mut scene = Scene::new();
    let limited = |entry: &mut TokenEntry| (entry.below, entry.quota) = (remote("/in"), Some(1000));
    scene.store.make_directory(&remote("/in"), false, false).unwrap();
    scene.add("a", limited);
    scene.add("b", limited);
    let meters = Arc::clone(scene.maker.meters.as_ref().unwrap());
    assert!(meters.await_count(&remote("/in"), Duration::from_secs(600)));
    scene.tokens.remove(&"a".parse().unwrap()).unwrap();
    scene.make();
    assert_eq!(meters.used(&remote("/in")), Some(0));
    scene.tokens.remove(&"b".parse().unwrap()).unwrap();
    scene.make();
    assert_eq!(meters.snapshot(), []);
}

#[test]
fn a_handshake_without_a_session_is_no_use_of_a_token() {
    let (mut scene, live) = (Scene::new(), LiveTokens::default());
    scene.maker.note_uses(&live);
    let token = scene.add("a", |_| {});
    let pass = scene.pass(&token).unwrap();
    assert!(live.usages().is_empty(), "it may be a recording of somebody else's");
    scene.roster.note_use(&pass, scene.now);
    assert_eq!(live.usages()[&"a".parse().unwrap()].last_used, Some(scene.now));
}

/// A handshake looks at one token, however many there are: with 10,000 it does what it does with one.
#[test]
fn each_of_10_000_tokens_opens_a_session_by_its_own_grant() {
    let mut scene = Scene::new();
    let mut last = None;
    for number in 0..10_000 {
        let token = Token::generate();
        scene.tokens.add(TokenEntry::new(format!("user-{number}").parse().unwrap(), &token)).unwrap();
        last = Some(token);
    }
    scene.make();
    let token = last.unwrap().stretch();
    let roster = &scene.roster;
    let credentials = ServerCredentials { tokens: Arc::clone(roster.table()), private_key: None, allow_plain: false };
    let offer = ClientHello::new(Cipher::offer(false), "test", "test");
    let (mut client, first) = ClientHandshake::start(&ClientCredentials { token, server: None }, offer);
    let began = Instant::now();
    let hello = |token: usize| Ok(roster.pass(token, scene.now)?.grant.hello.clone());
    let ServerAnswer::Accept { token, bytes, .. } = answer(&credentials, hello, &first) else { panic!("refused") };
    eprintln!("the handshake took {:?}", began.elapsed());
    assert_eq!(roster.pass(token, scene.now).unwrap().grant.principal.name, "user-9999");
    assert!(client.receive(&bytes).unwrap().is_some());
}
