//! The file of a server's tokens: private, changed by one at a time, whole after a crash, and followed by servers.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]

use remofile::protocol::token::Token;
use remofile::store::{PrivateFile, PrivateFileError};
use remofile::tokens::{TokenUsage, TokensWatch, UsageFile, read_usages};
use remofile::{TokenEntry, TokenRights, TokensError, TokensFile, TokensFileError, TokensFollower};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

fn entry(name: &str) -> TokenEntry {
    TokenEntry::new(name.parse().unwrap(), &Token::generate())
}

fn add(file: &TokensFile, name: &str) {
    file.change(|tokens| tokens.add(entry(name))).unwrap();
}

fn names(file: &TokensFile) -> Vec<String> {
    file.read().unwrap().tokens.iter().map(|entry| entry.name.to_string()).collect()
}

fn write_private(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Looks at the file until it is taken, or has been looked at often enough for that.
fn follow(follower: &mut TokensFollower) -> Result<bool, TokensFileError> {
    (0..10).map(|_| follower.follow()).find(|taken| !matches!(taken, Ok(false))).unwrap_or(Ok(false))
}

/// A file in a directory of its own, with one token.
fn with_one() -> (tempfile::TempDir, TokensFile) {
    let directory = tempfile::tempdir().unwrap();
    let file = TokensFile::open(directory.path().join("tokens.toml")).unwrap();
    add(&file, "alice");
    (directory, file)
}

#[test]
fn a_new_file_is_private_and_says_what_it_is() {
    let (directory, file) = with_one();
    assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(file.path()).unwrap().starts_with("# Tokens of a Remofile server"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left beside it");
}

#[test]
fn a_file_that_others_can_read_or_write_is_refused() {
    let (_directory, file) = with_one();
    for mode in [0o644, 0o640, 0o602, 0o620] {
        std::fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        for error in [file.read().unwrap_err(), file.change(|tokens| tokens.add(entry("bob"))).unwrap_err()] {
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
    std::fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(names(&file), ["alice"]);
}

#[test]
fn what_is_no_tokens_file_is_refused_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    write_private(&at("latin1"), b"# caf\xc3\xa9\n# caf\xe9\n");
    write_private(&at("nul"), b"# nul\n\0\n");
    std::fs::File::create(at("huge")).unwrap().set_len(17 << 20).unwrap();
    std::fs::set_permissions(at("huge"), Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir(at("directory")).unwrap();
    let made = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(at("fifo")).status().unwrap();
    assert!(made.success());
    for (name, what) in [
        ("latin1", "latin1, line 2, column 6: this is not UTF-8"),
        ("nul", "nul, line 2, column 2: "),
        ("huge", "more than 16777216 bytes"),
        ("directory", "it is no file"),
        ("fifo", "it is no file"),
        ("missing", "make it with 'remofile token add'"),
        ("missing/tokens.toml", "make it with 'remofile token add'"),
    ] {
        let error = TokensFile::open(at(name)).unwrap().read().unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(name), "{error}");
    }
    for path in [at("missing/tokens.toml"), "/proc/tokens.toml".into()] {
        let error = TokensFile::open(&path).unwrap().change(|tokens| tokens.add(entry("a"))).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_link_leads_to_the_file_and_stays_a_link() {
    let (directory, file) = with_one();
    let link = directory.path().join("link");
    symlink("tokens.toml", &link).unwrap();
    let linked = TokensFile::open(&link).unwrap();
    add(&linked, "bob");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(&file), ["alice", "bob"]);
}

#[test]
fn twenty_that_change_it_at_once_all_land() {
    let (_directory, file) = with_one();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let file = &file;
            scope.spawn(move || add(file, &format!("t{number}")));
        }
    });
    assert_eq!(names(&file).len(), 21);
}

#[test]
fn what_was_written_before_a_crash_does_not_count() {
    let (directory, file) = with_one();
    let before = std::fs::read(file.path()).unwrap();
    // A crash came between writing the new file and giving it the name.
    std::fs::write(directory.path().join("tokens.toml.new"), "[half").unwrap();
    assert_eq!(names(&file), ["alice"]);
    add(&file, "bob");
    assert_eq!(names(&file), ["alice", "bob"]);
    assert!(!directory.path().join("tokens.toml.new").exists());
    assert!(std::fs::read(file.path()).unwrap().starts_with(&before));
}

#[test]
fn a_change_that_is_not_possible_leaves_it_as_it_was() {
    let (directory, file) = with_one();
    let before = (std::fs::read(file.path()).unwrap(), file.stamp().unwrap());
    let error = file.change(|tokens| tokens.add(entry("alice"))).unwrap_err();
    assert!(matches!(error, TokensFileError::Change(TokensError::NameTaken(_))), "{error}");
    let nameless = || "bob".parse().unwrap();
    assert!(matches!(file.change(|tokens| tokens.remove(&nameless())), Err(TokensFileError::Change(_))));
    assert_eq!((std::fs::read(file.path()).unwrap(), file.stamp().unwrap()), before);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn who_edits_by_hand_at_the_same_moment_loses_nothing() {
    let (directory, file) = with_one();
    let path = file.path().to_owned();
    let edit = |content: Option<&str>| {
        let error = file.change(|tokens| {
            match content {
                Some(content) => write_private(&path, content),
                None => std::fs::remove_file(&path).unwrap(),
            }
            tokens.add(entry("bob"))
        });
        let error = error.unwrap_err();
        let is_told = matches!(&error, TokensFileError::File { source: PrivateFileError::ChangedMeanwhile, .. });
        assert!(is_told, "{error}");
    };
    edit(Some("# by hand\n"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# by hand\n");
    edit(None);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "what was removed stays so");
}

#[test]
fn a_server_follows_the_file_and_keeps_the_last_good_one() {
    let (_directory, file) = with_one();
    let mut follower = TokensFollower::begin(file.clone()).unwrap();
    let live = follower.tokens().clone();
    assert!(!follow(&mut follower).unwrap(), "nothing has changed");
    add(&file, "bob");
    assert!(follow(&mut follower).unwrap());
    assert_eq!(live.snapshot().len(), 2);
    let good = std::fs::read(file.path()).unwrap();
    let half = &good[..good.len() - 20];
    let others = Permissions::from_mode(0o644);
    let changes: [(&str, &dyn Fn()); 3] = [
        ("line ", &|| write_private(file.path(), half)),
        ("chmod 600", &|| std::fs::set_permissions(file.path(), others.clone()).unwrap()),
        ("there is no tokens file", &|| std::fs::remove_file(file.path()).unwrap()),
    ];
    for (what, change) in changes {
        change();
        let error = follow(&mut follower).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(!follow(&mut follower).unwrap(), "it is told once");
        assert!(follower.reload().is_err(), "who asks is told again");
        assert_eq!(live.snapshot().len(), 2);
    }
    let version = live.version();
    write_private(file.path(), &good);
    assert!(follow(&mut follower).unwrap());
    assert_eq!(live.version(), version, "it is as it was before");
    file.change(|tokens| {
        let bob = tokens.get(&"bob".parse().unwrap()).unwrap().clone();
        tokens.replace(TokenEntry { rights: TokenRights::Read, ..bob })
    })
    .unwrap();
    assert!(follow(&mut follower).unwrap());
    assert_eq!(live.snapshot().get(&"bob".parse().unwrap()).unwrap().rights, TokenRights::Read);
}

#[test]
fn a_file_that_is_half_written_cuts_nobody_off() {
    let (_directory, file) = with_one();
    add(&file, "bob");
    let both = std::fs::read(file.path()).unwrap();
    let boundary = both.windows(5).position(|part| part == b"[bob]").unwrap();
    let mut follower = TokensFollower::begin(file.clone()).unwrap();
    let live = follower.tokens().clone();
    // An editor empties the file, writes one table, and then the other one: each time somebody looks.
    for written in [0, boundary, boundary + 10] {
        write_private(file.path(), &both[..written]);
        for _ in 0..4 {
            assert!(!follower.follow().unwrap(), "{written}");
        }
        assert_eq!(live.snapshot().len(), 2, "{written}");
    }
    write_private(file.path(), &both);
    assert!(follow(&mut follower).unwrap());
    assert_eq!(live.version(), 0, "nobody noticed");
    // What stays so was meant.
    write_private(file.path(), &both[..boundary]);
    assert!(follow(&mut follower).unwrap());
    assert_eq!(live.snapshot().len(), 1);
}

#[test]
fn a_file_that_never_becomes_quiet_is_taken_all_the_same() {
    let (_directory, file) = with_one();
    let good = std::fs::read_to_string(file.path()).unwrap();
    let mut follower = TokensFollower::begin(file.clone()).unwrap();
    let taken = (0..100).find(|count| {
        write_private(file.path(), format!("{}# {count}\n", good.replace("[alice]", "[carol]")));
        follower.follow().unwrap()
    });
    assert!(taken.is_some_and(|looks| looks > 10), "{taken:?}");
}

#[test]
fn a_file_that_was_emptied_takes_nobody_away() {
    let (_directory, file) = with_one();
    let mut follower = TokensFollower::begin(file.clone()).unwrap();
    write_private(file.path(), "");
    let error = follow(&mut follower).unwrap_err().to_string();
    assert!(error.contains("is empty"), "{error}");
    assert_eq!(follower.tokens().snapshot().len(), 1);
    write_private(file.path(), "# Nobody.\n");
    assert!(follow(&mut follower).unwrap());
    assert_eq!(follower.tokens().snapshot().len(), 0);
}

#[test]
fn a_file_that_breaks_off_in_a_line_takes_nobody_away_wherever_that_is() {
    let (_directory, file) = with_one();
    add(&file, "bob");
    let whole = std::fs::read_to_string(file.path()).unwrap();
    let mut follower = TokensFollower::begin(file.clone()).unwrap();
    for end in (1..whole.len()).filter(|end| !whole[..*end].ends_with('\n')) {
        write_private(file.path(), &whole[..end]);
        let refused = follower.reload();
        let all_there = follower.tokens().snapshot().len() == 2;
        assert!(all_there && (refused.is_err() || whole[end..].trim().is_empty()), "{end}: {refused:?}");
    }
    write_private(file.path(), &whole);
    follower.reload().unwrap();
    write_private(file.path(), &whole[..20]);
    let error = follower.reload().unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("line feed"), "{error}");
    // One that a program writes which ends no line was never otherwise, and is taken.
    let one = whole[..whole.find("[bob]").unwrap()].trim_end();
    let mut follower = {
        write_private(file.path(), whole.trim_end());
        TokensFollower::begin(file.clone()).unwrap()
    };
    write_private(file.path(), one);
    follower.reload().unwrap();
    assert_eq!(follower.tokens().snapshot().len(), 1);
}

#[test]
fn a_rotated_token_that_is_over_is_forgotten_with_the_next_change() {
    let (_directory, file) = with_one();
    let alice = "alice".parse().unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    file.change(|tokens| tokens.rotate(&alice, Duration::from_secs(86_400), long_ago)).unwrap();
    assert!(file.read().unwrap().tokens.get(&alice).unwrap().superseded.is_some());
    file.change(|tokens| tokens.rotate(&alice, Duration::from_secs(3600), long_ago)).unwrap();
    assert_eq!(file.read().unwrap().tokens.get(&alice).unwrap().superseded, None);
    assert!(!std::fs::read_to_string(file.path()).unwrap().contains("previous"));
}

#[test]
fn what_use_is_made_of_tokens_is_beside_the_file() {
    let (directory, file) = with_one();
    assert_eq!(read_usages(&file).unwrap(), BTreeMap::new());
    let mut usage = UsageFile::open(&file).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_740_000);
    let one = TokenUsage { last_used: Some(time), used: Some(u64::MAX) };
    let both = BTreeMap::from([("alice".parse().unwrap(), one), ("b@x.y".parse().unwrap(), TokenUsage::default())]);
    usage.write(&both).unwrap();
    assert_eq!(read_usages(&file).unwrap(), both);
    let fewer = BTreeMap::from([("b@x.y".parse().unwrap(), one)]);
    usage.write(&fewer).unwrap();
    assert_eq!((read_usages(&file).unwrap(), usage.read()), (fewer.clone(), fewer));
    assert_eq!(UsageFile::open(&file).unwrap().read().len(), 1, "the next server goes on from it");
    let path = directory.path().join("tokens.toml.usage");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, "[torn").unwrap();
    assert_eq!(read_usages(&file).unwrap(), BTreeMap::new());
}

#[test]
fn a_watched_file_is_in_force_soon_and_its_use_is_written_down() {
    let (_directory, file) = with_one();
    let watch = TokensWatch::begin(TokensFollower::begin(file.clone()).unwrap()).unwrap();
    let live = watch.tokens().clone();
    let (taken, is_taken) = std::sync::mpsc::channel();
    let _subscription = live.subscribe(move || {
        let _ended = taken.send(());
    });
    add(&file, "bob");
    is_taken.recv().unwrap();
    assert_eq!(live.snapshot().len(), 2);
    // It is told also where nothing seems to have changed.
    watch.reload();
    let (bob, time) = ("bob".parse().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(7));
    live.note_use(&bob, time);
    live.note_use(&"removed".parse().unwrap(), time);
    drop(watch);
    let expected = BTreeMap::from([(bob, TokenUsage { last_used: Some(time), used: None })]);
    assert_eq!(read_usages(&file).unwrap(), expected);
    let again = TokensFollower::begin(file).unwrap();
    assert_eq!(again.tokens().usages(), expected, "the next server goes on from it");
}

#[test]
fn the_content_of_a_private_file_is_not_shown_by_who_prints_what_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = PrivateFile::new(directory.path().join("secret")).unwrap();
    file.lock().unwrap().replace(b"AAAA", None).unwrap();
    let content = file.read(100).unwrap();
    assert_eq!(&*content.bytes, b"AAAA");
    assert!(!format!("{content:?}").contains("[65, 65"), "{content:?}");
}
