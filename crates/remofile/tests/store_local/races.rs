//! Races with somebody who exchanges a directory for a link that leads out, again and again, while the store works in it.
//!
//! What lies outside is looked at afterwards: it is never read, written, renamed, removed, nor given a mode or time.

#![cfg(target_os = "linux")]

use super::support::{LARGE, path, replace};
use remofile::store::{LocalStore, Prefix, RemovalProgress, StagePlan, Store, StoreOptions, StoreResult};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{ErrorCode, Timestamp};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// Rounds in which each state of the directory has to be met.
const ROUNDS: usize = 40;
/// Rounds after which a test gives up.
const MOST_ROUNDS: usize = 20_000;

const SECRET: &[u8] = b"a secret";
const INSIDE: &[u8] = b"inside";

/// A directory `d` and a link `l` that leads out, to a directory of the same names.
struct Scene {
    _outer: TempDir,
    inside: PathBuf,
    outside: PathBuf,
}

impl Scene {
    /// A store of `root`, with the scene in `root/below`. What is outside is beside the one or the other.
    fn new(outside_of_root: bool) -> (Self, LocalStore) {
        let outer = tempfile::tempdir().expect("a temporary directory");
        let root = outer.path().join("root");
        let (inside, outside) =
            (root.join("below"), if outside_of_root { outer.path() } else { &root }.join("outside"));
        for directory in [inside.join("d/sub/deep"), outside.join("sub/deep")] {
            std::fs::create_dir_all(directory).expect("directories");
        }
        for name in ["file", "sub/file", "sub/deep/file"] {
            std::fs::write(inside.join("d").join(name), INSIDE).expect("a file");
            std::fs::write(outside.join(name), SECRET).expect("a file");
        }
        std::fs::write(outside.join("sub/told"), SECRET).expect("a file");
        let climbing = if outside_of_root { "../../outside" } else { "../outside" };
        symlink(climbing, inside.join("l")).expect("a link");
        symlink("d", inside.join("via")).expect("a link");
        symlink("d/file", inside.join("to-file")).expect("a link");
        let options = StoreOptions { names: NameRule::Posix, ..StoreOptions::default() };
        let store = LocalStore::open(&root, options).expect("a store");
        (Self { _outer: outer, inside, outside }, store)
    }

    /// Everything outside: names, contents, modes and times.
    fn picture(&self) -> Vec<String> {
        let mut seen = Vec::new();
        look(&self.outside, &mut seen);
        seen.sort();
        seen
    }

    /// Works while the directory and the link take each other's places. `work` returns true if it met the directory,
    /// and false if it met the link.
    fn race(&self, mut work: impl FnMut() -> bool) {
        let before = self.picture();
        let stop = AtomicBool::new(false);
        let (directory, link) = (self.inside.join("d"), self.inside.join("l"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &directory, CWD, &link, RenameFlags::EXCHANGE).expect("an exchange");
                    std::thread::yield_now();
                }
            });
            let _stop = StopAtEnd(&stop);
            let (mut met, mut refused, mut rounds) = (0, 0, 0);
            while met.min(refused) < ROUNDS && rounds < MOST_ROUNDS {
                if work() {
                    met += 1;
                } else {
                    refused += 1;
                }
                rounds += 1;
            }
            assert!(met.min(refused) >= ROUNDS, "no race: met {met} times, refused {refused} times");
        });
        assert_eq!(self.picture(), before);
    }
}

/// Ends the exchanges, also when a test fails meanwhile.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn look(directory: &Path, seen: &mut Vec<String>) {
    for entry in directory.read_dir().expect("a directory") {
        let path = entry.expect("an entry").path();
        let metadata = path.symlink_metadata().expect("metadata");
        let content = if metadata.is_file() { std::fs::read(&path).expect("a file") } else { Vec::new() };
        let (mode, modified) = (metadata.permissions().mode(), (metadata.mtime(), metadata.mtime_nsec()));
        seen.push(format!("{} {mode:o} {modified:?} {content:?}", path.display()));
        if metadata.is_dir() {
            look(&path, seen);
        }
    }
}

/// Reports whether a call met the directory: it failed only for what the directory's own contents explain.
fn met<T>(result: StoreResult<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(failure) => match failure.code {
            ErrorCode::OutsideRoot | ErrorCode::NotADirectory | ErrorCode::LinkLoop => false,
            ErrorCode::AlreadyExists => true,
            code => {
                assert_eq!(code, ErrorCode::NotFound, "{failure}");
                true
            }
        },
    }
}

fn read(store: &dyn Store, at: &str) -> bool {
    met(store.open(&path(at)).and_then(|source| {
        let mut bytes = [0; 16];
        let count = source.read_at(&mut bytes, 0)?;
        assert_eq!(&bytes[..count], INSIDE, "{at}");
        Ok(())
    }))
}

/// Reads, tells and lists what is there, by the directory's name and by a link to it.
fn look_around(store: &dyn Store, top: &str) -> bool {
    let at = |name: &str| format!("{top}{name}");
    for name in ["/via/file", "/d/sub/deep/file", "/l/file"] {
        read(store, &at(name));
    }
    for name in ["/d/file", "/via/sub/file"] {
        met(store.stat(&path(&at(name))).map(|entry| assert_ne!(entry.size, SECRET.len() as u64, "{name}")));
    }
    for name in ["/", "/d", "/via/sub"] {
        met(store.walk(&path(&at(name)), true).map(|mut walk| {
            while let Some(listed) = walk.next() {
                assert!(!format!("{listed:?}").contains("told"), "{listed:?}");
            }
        }));
    }
    read(store, &at("/d/file"))
}

fn write(store: &dyn Store, at: &str, size: u64, keep: bool) -> bool {
    let (directory, name) = path(at).split().expect("a name");
    let plan = StagePlan { mode: Some(0o600), ..replace(size) };
    met(store.directory(&directory).and_then(|directory| directory.stage(&name, &plan)).and_then(|mut staged| {
        staged.write(b"new")?;
        if keep {
            staged.retain_partial();
            return Ok(());
        }
        staged.commit()
    }))
}

fn remove_tree(store: &dyn Store, at: &str) -> StoreResult<()> {
    let mut removal = store.remove_tree(&path(at))?;
    while !matches!(removal.step()?, RemovalProgress::Done { .. }) {}
    Ok(())
}

/// Writes a file by a link to it, which leads by the directory.
fn write_through(store: &dyn Store, at: &str) -> bool {
    let (directory, name) = path(at).split().expect("a name");
    let plan = StagePlan { replace: true, through_link: true, ..StagePlan::default() };
    met(store.directory(&directory).and_then(|directory| directory.stage(&name, &plan)).and_then(|mut staged| {
        staged.write_at(INSIDE, 0)?;
        staged.try_commit()
    }))
}

/// Changes everything that can be changed, by the directory's name and by a link to it.
fn change(store: &dyn Store, top: &str) -> bool {
    for way in ["/d", "/via"] {
        let at = |name: &str| path(&format!("{top}{way}{name}"));
        let text = |name: &str| format!("{top}{way}{name}");
        write(store, &text("/small"), 3, false);
        write(store, &text("/sub/file"), 3, false);
        write(store, &text("/large"), LARGE, true);
        met(store.remove_partial(&at("/large")));
        write_through(store, &format!("{top}/to-file"));
        met(store.create_file(&at("/sub/made"), true));
        met(store.make_directory(&at("/sub/x/y"), true, true));
        met(store.make_link(&at("/sub/link"), "file", true));
        met(store.edit(&at("/file"), false).and_then(|mut file| file.write_at(INSIDE, 0)));
        met(store.set_mode(&at("/sub/file"), 0o640));
        met(store.set_modified(&at("/file"), Timestamp::new(5, 0)));
        met(store.rename(&at("/small"), &at("/sub/moved"), true));
        met(store.rename(&at("/sub/moved"), &at("/small"), true));
        met(store.remove(&at("/small")));
        met(remove_tree(store, &text("/sub/x")));
    }
    // What is brought out of the directory is its own.
    let at = |name: &str| path(&format!("{top}{name}"));
    if store.rename(&at("/d/file"), &at("/brought"), true).is_ok() {
        read(store, &format!("{top}/brought"));
        while !met(store.rename(&at("/brought"), &at("/d/file"), true)) {}
    }
    met(store.set_mode(&at("/d/file"), 0o640))
}

#[test]
fn who_swaps_a_directory_for_a_link_while_it_is_read_reads_nothing_outside() {
    let (scene, store) = Scene::new(true);
    scene.race(|| look_around(&store, "/below"));
}

#[test]
fn who_swaps_a_directory_for_a_link_while_it_is_changed_changes_nothing_outside() {
    let (scene, store) = Scene::new(true);
    scene.race(|| change(&store, "/below"));
}

#[test]
fn who_swaps_a_directory_for_a_link_leaves_the_directory_of_a_token_no_more_than_the_root() {
    let (scene, store) = Scene::new(false);
    let below = Prefix::new(Arc::new(store), path("/below")).expect("a directory of it");
    scene.race(|| look_around(&below, ""));
    scene.race(|| change(&below, ""));
}
