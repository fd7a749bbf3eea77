//! Many tokens at one server: what each may do, and that it ends when it is taken back.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{CuttingLine, Harm};
use common::{LOCALHOST, noise, remote, write};
use remofile::protocol::handshake::Refusal;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{AttributeSet, ErrorCode, OnConflict};
use remofile::{
    Client, ClientOptions, Error, Event, LiveTokens, Monitor, RelayEnd, Result, RetryOptions, SendOptions, Server,
    Silent, TokenEntry, TokenRights, TransferOptions, TransferReport, foresee_relay,
};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;

/// A server whose tokens change.
struct Served {
    server: Server,
    tokens: LiveTokens,
    address: SocketAddr,
    root: TempDir,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Served {
    fn new() -> Self {
        let (root, tokens) = (tempfile::tempdir().unwrap(), LiveTokens::default());
        let server = Server::with_tokens(root.path(), tokens.clone()).unwrap();
        let bound = server.bind(0, Some(LOCALHOST)).unwrap();
        let address = bound.addresses()[0];
        let thread = Some(std::thread::spawn(move || bound.serve()));
        Self { server, tokens, address, root, thread }
    }

    /// Adds a token, as it is changed before.
    fn add(&self, name: &str, change: impl FnOnce(&mut TokenEntry)) -> Token {
        let token = Token::generate();
        let mut entry = TokenEntry::new(name.parse().unwrap(), &token);
        change(&mut entry);
        self.tokens.change(|tokens| tokens.add(entry)).unwrap();
        token
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut TokenEntry)) {
        self.tokens.change(|tokens| {
            let mut entry = tokens.get(&name.parse().unwrap()).unwrap().clone();
            change(&mut entry);
            tokens.replace(entry).unwrap();
        });
    }

    /// A client of a token.
    fn client(&self, token: &Token) -> Client {
        self.client_at(self.address.port(), token)
    }

    fn client_at(&self, port: u16, token: &Token) -> Client {
        self.connect(port, token, |error| matches!(error, Error::Refused(Refusal::Token))).unwrap()
    }

    /// Connects again and again while it fails like this: changes are in force within a moment.
    fn connect(&self, port: u16, token: &Token, again: impl Fn(&Error) -> bool) -> Result<Client> {
        loop {
            match Client::connect(ClientOptions::new("127.0.0.1", port, token.clone())) {
                Err(error) if again(&error) => std::thread::yield_now(),
                connected => return connected,
            }
        }
    }

    /// Waits until a token is refused for a reason.
    fn await_refusal(&self, token: &Token, expected: Refusal) {
        let connected = || Client::connect(ClientOptions::new("127.0.0.1", self.address.port(), token.clone()));
        loop {
            match connected() {
                Err(Error::Refused(refusal)) if refusal == expected => return,
                Ok(_) => std::thread::yield_now(),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// Waits until the server has noticed that an upload was cut off: who has this token sees its partial.
    fn await_partial(&self, token: &Token) {
        let mut client = self.client(token);
        while client.partials().unwrap().len() != 1 {
            std::thread::yield_now();
        }
    }

    fn visible(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join(path)).ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

fn once() -> TransferOptions {
    TransferOptions { recursive: true, retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

fn send(client: &mut Client, file: &Path, options: &TransferOptions) -> Result<TransferReport> {
    client.upload(&[file.to_owned()], &remote("/"), options, &mut Silent)
}

/// Returns the code of what failed, be it the call or one file of it.
fn code(outcome: Result<TransferReport>) -> Option<ErrorCode> {
    match outcome {
        Ok(report) => report.failures.first().map(|failure| failure.code),
        Err(Error::Remote(failure)) => Some(failure.code),
        Err(error) => panic!("{error:?}"),
    }
}

/// Tells when the first bytes have gone, and then waits until it may go on.
struct AtFirstBytes {
    moved: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
    has_told: bool,
}

impl Monitor for AtFirstBytes {
    fn report(&mut self, event: Event<'_>) {
        if matches!(event, Event::Transferred { .. }) && !std::mem::replace(&mut self.has_told, true) {
            self.moved.send(()).unwrap();
            let _gone = self.go_on.recv();
        }
    }
}

/// Found by a test that was refused once in two hundred times, and for good: the server went by two rosters at once.
#[test]
fn a_token_that_is_made_while_the_server_begins_is_known_to_it() {
    for round in 0..400 {
        let served = Served::new();
        // A little later each time, so that every moment of the beginning is tried.
        (0..round * 100).for_each(|_| std::hint::spin_loop());
        let token = served.add("alice", |_| ());
        let connected = Client::connect(ClientOptions::new("127.0.0.1", served.address.port(), token));
        assert!(connected.is_ok(), "round {round}: {:?}", connected.err());
    }
}

#[test]
fn a_token_can_be_used_as_soon_as_the_program_has_added_it() {
    let served = Served::new();
    for number in 0..200 {
        let token = served.add(&format!("user-{number}"), |_| {});
        Client::connect(ClientOptions::new("127.0.0.1", served.address.port(), token)).unwrap();
    }
}

#[test]
fn who_is_taken_back_is_cut_off_in_the_middle_of_an_upload() {
    let served = Served::new();
    let token = served.add("a", |_| {});
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "big", noise(40 * MIB));
    let mut client = served.client(&token);
    let ((moved, first), (go_on, wait)) = (mpsc::channel(), mpsc::channel());
    let uploading = std::thread::spawn(move || {
        let mut monitor = AtFirstBytes { moved, go_on: wait, has_told: false };
        client.upload(&[file], &remote("/"), &once(), &mut monitor)
    });
    first.recv().unwrap();
    served.tokens.change(|tokens| tokens.remove(&"a".parse().unwrap())).unwrap();
    served.await_refusal(&token, Refusal::Token);
    go_on.send(()).unwrap();
    let error = uploading.join().unwrap().unwrap_err();
    assert!(matches!(&error, Error::Remote(failure) if failure.code == ErrorCode::TokenRevoked), "{error:?}");
    assert_eq!(served.visible("big"), None);
}

#[test]
fn who_may_do_less_than_before_has_to_connect_again_and_is_bound_by_it_then() {
    let served = Served::new();
    let token = served.add("a", |_| {});
    let mut client = served.client(&token);
    client.make_directory(&remote("/d"), false, false).unwrap();
    served.change("a", |entry| entry.rights = TokenRights::Read);
    let denied = loop {
        // The session before ends within a moment.
        match client.make_directory(&remote("/d"), true, false) {
            Ok(()) => std::thread::yield_now(),
            Err(Error::Remote(failure)) if failure.code == ErrorCode::TokenRevoked => {}
            Err(error) => break error,
        }
    };
    let Error::Remote(failure) = denied else { panic!("{denied:?}") };
    assert_eq!(failure.code, ErrorCode::PermissionDenied);
    assert_eq!(failure.detail.as_deref(), Some("the token \"a\" has no right to create"));
    assert!(client.list(&remote("/"), false, &mut |_| Ok(())).is_ok());
}

#[test]
fn an_expired_token_is_told_so_and_its_sessions_end() {
    let served = Served::new();
    let token = served.add("a", |_| {});
    let mut client = served.client(&token);
    served.change("a", |entry| entry.expires = Some(SystemTime::now()));
    served.await_refusal(&token, Refusal::Expired);
    let outcome = client.list(&remote("/"), false, &mut |_| Ok(()));
    assert!(outcome.is_err());
}

#[test]
fn a_rotated_token_goes_on_during_its_grace_in_the_middle_of_a_transfer() {
    let served = Served::new();
    let token = served.add("a", |_| {});
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "big", noise(8 * MIB));
    let mut client = served.client(&token);
    let ((moved, first), (go_on, wait)) = (mpsc::channel(), mpsc::channel());
    let uploading = std::thread::spawn(move || {
        let mut monitor = AtFirstBytes { moved, go_on: wait, has_told: false };
        client.upload(&[file], &remote("/"), &once(), &mut monitor)
    });
    first.recv().unwrap();
    let rotate = |tokens: &mut remofile::Tokens| {
        tokens.rotate(&"a".parse().unwrap(), Duration::from_secs(3600), SystemTime::now())
    };
    let new = served.tokens.change(rotate).unwrap();
    served.client(&new);
    go_on.send(()).unwrap();
    assert!(uploading.join().unwrap().unwrap().failures.is_empty());
    assert!(served.visible("big").is_some());
}

#[test]
fn a_drop_box_takes_new_names_and_tells_nothing_else() {
    let served = Served::new();
    write(served.root.path(), "there", "old");
    let token = served.add("box", |entry| entry.rights = TokenRights::Upload);
    let mut client = served.client(&token);
    let local = tempfile::tempdir().unwrap();
    let (new, taken) = (write(local.path(), "new", "new"), write(local.path(), "there", "mine"));
    assert_eq!(code(send(&mut client, &new, &once())), None);
    assert_eq!(served.visible("new").unwrap(), b"new");
    // Again: its time and size tell that this is the file which it has sent.
    assert_eq!(code(send(&mut client, &new, &once())), None);
    for on_conflict in [OnConflict::Abort, OnConflict::Replace, OnConflict::Newer] {
        let options = TransferOptions { on_conflict, ..once() };
        assert_eq!(code(send(&mut client, &taken, &options)), Some(ErrorCode::PermissionDenied), "{on_conflict:?}");
        assert_eq!(served.visible("there").unwrap(), b"old");
    }
    let tree = local.path().join("tree");
    write(&tree, "a/b", "deep");
    assert_eq!(code(send(&mut client, &tree, &once())), None);
    assert_eq!(served.visible("tree/a/b").unwrap(), b"deep");
    let denied = |outcome: Result<()>| match outcome {
        Err(Error::Remote(failure)) => assert_eq!(failure.code, ErrorCode::PermissionDenied, "{failure}"),
        other => panic!("{other:?}"),
    };
    denied(client.list(&remote("/"), false, &mut |_| Ok(())).map(drop));
    denied(client.stat(&remote("/there")).map(drop));
    denied(client.stat(&remote("/none")).map(drop));
    denied(client.remove(&remote("/new"), false).map(drop));
    denied(client.rename(&remote("/new"), &remote("/newer"), false).map(drop));
    denied(client.download(&[remote("/new")], local.path(), &once(), &mut Silent).map(drop));
}

#[test]
fn a_drop_box_takes_directories_with_what_is_kept_of_their_files() {
    let served = Served::new();
    let token = served.add("box", |entry| entry.rights = TokenRights::Upload);
    let (mut client, local) = (served.client(&token), tempfile::tempdir().unwrap());
    write(&local.path().join("tree/a"), "b", "deep");
    std::fs::create_dir(local.path().join("tree/empty")).unwrap();
    for (name, attributes) in [("kept", AttributeSet::NONE), ("archive", AttributeSet::TIMES_AND_MODES)] {
        let tree = local.path().join(name);
        std::fs::rename(local.path().join("tree"), &tree).unwrap();
        let send_options = SendOptions { preserve_mode: true, attributes, ..SendOptions::default() };
        let options = TransferOptions { send: send_options, ..once() };
        let report = send(&mut client, &tree, &options).unwrap();
        assert_eq!(report.failures, []);
        let skipped: Vec<String> = report.skipped.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&skipped[..], [told] if told.contains("no right to replace") && told.contains("permissions")),
            "{skipped:?}"
        );
        assert_eq!(served.visible(&format!("{name}/a/b")).unwrap(), b"deep");
        assert!(served.root.path().join(name).join("empty").is_dir());
        std::fs::rename(&tree, local.path().join("tree")).unwrap();
    }
}

#[test]
fn a_drop_box_is_told_how_much_there_is_only_for_a_quota_of_its_own() {
    let served = Served::new();
    write(served.root.path(), "there", "old");
    let reader = served.add("reader", |entry| entry.quota = Some(1000));
    let drop_box = served.add("box", |entry| entry.rights = TokenRights::Upload);
    let limited = served.add("limited", |entry| {
        entry.rights = TokenRights::Upload;
        entry.quota = Some(10);
    });
    let usage = |token: &Token| {
        let status = served.client(token).status().unwrap();
        (status.report.used, status.report.quota)
    };
    while usage(&reader).0.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(usage(&reader), (Some(3), Some(1000)));
    assert_eq!(usage(&limited), (Some(3), Some(10)));
    assert_eq!(usage(&drop_box), (None, None));
}

/// The offset at which a file was begun.
#[derive(Default)]
struct Begun(Option<u64>);

impl Monitor for Begun {
    fn report(&mut self, event: Event<'_>) {
        if let Event::FileStarted { offset, .. } = event {
            self.0 = Some(offset);
        }
    }
}

#[test]
fn a_drop_box_goes_on_with_its_own_uploads_and_with_nobody_elses() {
    let served = Served::new();
    let upload = |entry: &mut TokenEntry| entry.rights = TokenRights::Upload;
    let (one, other) = (served.add("one", upload), served.add("other", upload));
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "big", noise(8 * MIB));
    let line = CuttingLine::new(served.address, vec![(Harm::Cut(5 * MIB as u64), Harm::None)]);
    let broken = send(&mut served.client_at(line.address.port(), &one), &file, &once());
    assert!(broken.is_err());
    served.await_partial(&served.add("owner", |_| {}));
    let offset_of = |token: &Token, options: &TransferOptions| {
        let mut begun = Begun::default();
        served.client(token).upload(std::slice::from_ref(&file), &remote("/"), options, &mut begun).unwrap();
        begun.0.unwrap()
    };
    let beside = TransferOptions { on_conflict: OnConflict::Rename, ..once() };
    assert_eq!(offset_of(&other, &beside), 0, "it was told of another's");
    std::fs::remove_file(served.root.path().join("big")).unwrap();
    assert!(offset_of(&one, &once()) >= MIB as u64, "it began anew");
    assert_eq!(served.visible("big").unwrap(), std::fs::read(&file).unwrap());
}

#[test]
fn a_token_below_a_directory_serves_it_as_soon_as_it_exists() {
    let served = Served::new();
    let token = served.add("a", |entry| entry.below = remote("/secret"));
    let mut client = served.client(&token);
    let Err(Error::Remote(failure)) = client.list(&remote("/"), false, &mut |_| Ok(())) else {
        panic!("it is not there")
    };
    assert_eq!(failure.code, ErrorCode::NotFound);
    assert!(!failure.to_string().contains("secret"), "{failure}");
    std::os::unix::fs::symlink("/", served.root.path().join("secret")).unwrap();
    assert!(client.list(&remote("/"), false, &mut |_| Ok(())).is_err(), "it leads out of the root");
    std::fs::remove_file(served.root.path().join("secret")).unwrap();
    write(&served.root.path().join("secret"), "f", "content");
    assert_eq!(client.stat(&remote("/f")).unwrap().size, 7);
}

#[test]
fn who_does_not_see_others_is_told_neither_of_them_nor_of_their_partials() {
    let served = Served::new();
    let writer = served.add("writer", |entry| entry.rights = TokenRights::Write);
    let owner = served.add("owner", |_| {});
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "big", noise(8 * MIB));
    let line = CuttingLine::new(served.address, vec![(Harm::Cut(5 * MIB as u64), Harm::None)]);
    send(&mut served.client_at(line.address.port(), &owner), &file, &once()).unwrap_err();
    served.await_partial(&owner);
    assert!(served.client(&writer).partials().unwrap().is_empty());
}

#[test]
fn all_sessions_of_a_token_share_its_bandwidth_in_each_direction() {
    let served = Served::new();
    let token = served.add("slow", |entry| entry.bwlimit = Some(512 * 1024));
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "f", noise(MIB));
    let began = std::time::Instant::now();
    send(&mut served.client(&token), &file, &once()).unwrap();
    // Some may go at once, and the window that each upload begins with.
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let began = std::time::Instant::now();
    served
        .client(&token)
        .download(
            &[remote("/f")],
            &local.path().join(""),
            &TransferOptions { on_conflict: OnConflict::Replace, resume: false, ..once() },
            &mut Silent,
        )
        .unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_copy_between_servers_is_not_foreseen_where_the_token_may_not_store_it() {
    let served = Served::new();
    let (owner, reader) = (served.add("owner", |_| {}), served.add("reader", |entry| entry.rights = TokenRights::Read));
    write(served.root.path(), "file", "x");
    std::fs::create_dir(served.root.path().join("to")).unwrap();
    let (mut source, mut destination) = (served.client(&owner), served.client(&reader));
    let ends = [(&mut source, "a:"), (&mut destination, "b:")];
    let [one, other] = ends.map(|(client, label)| RelayEnd { client, label: label.to_owned() });
    let sources = [remote("/file")];
    let foreseen = foresee_relay(one, other, &sources, &remote("/to"), &TransferOptions::default(), &mut Silent);
    let refused = foreseen.unwrap_err().error.to_string();
    assert!(refused.contains("/to: permission denied") && refused.contains("no right to create"), "{refused}");
}
