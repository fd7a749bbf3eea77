//! Servers over the same directory: as a part of another one, with and without what is around it, and by itself.
//!
//! Whatever is not in that directory has `zz-` in its path.

use crate::common::{LOCALHOST, write};
use remofile::protocol::token::Token;
use remofile::store::Fsync;
use remofile::{Handler, LiveTokens, Server, TokenEntry, TokenRights};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

/// The kinds of tokens, in the order of a world's.
pub const KINDS: [TokenRights; 4] = [TokenRights::Read, TokenRights::Upload, TokenRights::Write, TokenRights::All];

/// Further tokens of a world: a second drop box, one for all of the server, and one for a directory in the directory.
pub const BOX: usize = 4;
pub const OUTER: usize = 5;
pub const DEEPER: usize = 6;

/// A file, link or directory as it is on the disk.
pub type State = (String, &'static str, Vec<u8>, u128);

/// A server with a token of each kind.
pub struct World {
    pub server: Server,
    pub place: Serving,
    pub tokens: Vec<Token>,
    /// The directory that its clients see as the root.
    pub inner: PathBuf,
    pub root: TempDir,
}

/// The way in which a world is reached.
pub enum Serving {
    At(SocketAddr, Option<JoinHandle<remofile::Result<()>>>),
    Behind(Rc<RefCell<Handler>>),
}

impl World {
    /// The clients see one directory of several.
    pub fn scoped(is_bound: bool) -> Self {
        let world = Self::of("/zz-inner", is_bound);
        write(world.root.path(), "zz-secret/f", "zz-content");
        write(world.root.path(), "zz-secret/d/g", "zz-content");
        write(world.root.path(), "zz-other/f", "zz-content");
        write(world.root.path(), "zz-top", "zz-content");
        world
    }

    /// The same directory, and nothing around it.
    pub fn alone(is_bound: bool) -> Self {
        Self::of("/zz-inner", is_bound)
    }

    /// The same directory, served by itself.
    pub fn plain(is_bound: bool) -> Self {
        Self::of("/", is_bound)
    }

    fn of(below: &str, is_bound: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join(below.trim_start_matches('/'));
        std::fs::create_dir_all(&inner).unwrap();
        fill(&inner);
        let (live, mut tokens) = (LiveTokens::default(), Vec::new());
        let others = [
            ("box", TokenRights::Upload, below),
            ("outer", TokenRights::All, "/"),
            ("deeper", TokenRights::Write, "/zz-inner/d"),
        ];
        for (name, rights, below) in KINDS.map(|rights| (rights.name(), rights, below)).into_iter().chain(others) {
            let token = Token::generate();
            let known = TokenEntry::new(name.parse().unwrap(), &token);
            let entry = TokenEntry { rights, below: below.parse().unwrap(), ..known };
            live.change(|all| all.add(entry)).unwrap();
            tokens.push(token);
        }
        let server = Server::with_tokens(root.path(), live).unwrap();
        let mut options = server.options();
        options.fsync = Fsync::None;
        server.set_options(options).unwrap();
        let place = match is_bound {
            true => {
                let bound = server.bind(0, Some(LOCALHOST)).unwrap();
                Serving::At(bound.addresses()[0], Some(std::thread::spawn(move || bound.serve())))
            }
            false => Serving::Behind(Rc::new(RefCell::new(server.handler().unwrap()))),
        };
        Self { server, place, tokens, inner, root }
    }

    pub fn address(&self) -> SocketAddr {
        match &self.place {
            Serving::At(address, _) => *address,
            Serving::Behind(_) => panic!("it has no address"),
        }
    }

    pub fn handler(&self) -> Rc<RefCell<Handler>> {
        match &self.place {
            Serving::At(..) => panic!("it has a port of its own"),
            Serving::Behind(handler) => Rc::clone(handler),
        }
    }

    /// Everything in the directory that clients see.
    pub fn inside(&self) -> Vec<State> {
        states(&self.inner, &|_| true)
    }

    /// Everything around it.
    pub fn outside(&self) -> Vec<State> {
        if self.inner == self.root.path() { Vec::new() } else { states(self.root.path(), &|path| *path != self.inner) }
    }

    /// Makes the directory as it was.
    pub fn reset(&self) {
        for entry in std::fs::read_dir(&self.inner).unwrap() {
            let path = entry.unwrap().path();
            match path.symlink_metadata().unwrap().is_dir() {
                _ if path.ends_with(".remofile") => {}
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        fill(&self.inner);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Serving::At(_, thread) = &mut self.place {
            self.server.terminate().unwrap();
            thread.take().unwrap().join().unwrap().unwrap();
        }
    }
}

fn fill(inner: &Path) {
    write(inner, "f", "old");
    write(inner, "d/g", "old");
    std::fs::create_dir(inner.join("empty")).unwrap();
    let links = [
        ("to-file", "f"),
        ("to-directory", "d"),
        ("dangling", "nowhere"),
        ("out", "../zz-secret/f"),
        ("out-directory", "../zz-secret"),
        ("out-absolute", "/zz-secret/f"),
        ("up", ".."),
        ("loop", "loop"),
    ];
    for (name, target) in links {
        symlink(target, inner.join(name)).unwrap();
    }
}

fn states(directory: &Path, wanted: &dyn Fn(&PathBuf) -> bool) -> Vec<State> {
    let (mut found, mut pending) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(at) = pending.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".remofile") || !wanted(&path) {
                continue;
            }
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            let there = path.symlink_metadata().unwrap();
            let modified = there.modified().unwrap().duration_since(UNIX_EPOCH).unwrap().as_nanos();
            if there.is_dir() {
                found.push((name, "directory", Vec::new(), 0));
                pending.push(path);
            } else if there.is_symlink() {
                let target = std::fs::read_link(path).unwrap();
                found.push((name, "link", target.to_str().unwrap().into(), 0));
            } else if !there.is_file() {
                // Never opened: a pipe would wait for its other end.
                found.push((name, "special", Vec::new(), 0));
            } else {
                found.push((name, "file", std::fs::read(path).unwrap(), modified));
            }
        }
    }
    found.sort();
    found
}
