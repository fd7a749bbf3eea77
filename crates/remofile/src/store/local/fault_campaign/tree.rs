//! The content of a directory, as its users see it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The entries that are visible below a directory, by path.
#[derive(PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<String, Node>);

/// The mode and time of a file are not compared where a failure is told.
#[derive(Clone, PartialEq, Eq)]
struct Node {
    content: Option<Vec<u8>>,
    mode: u32,
    seconds: Option<i64>,
}

/// Files modified after this were modified by the test.
const RECENT: i64 = 1_700_000_000;

impl Tree {
    pub(super) fn of(root: &Path) -> Self {
        let mut tree = BTreeMap::new();
        collect(root, "", &mut tree);
        Self(tree)
    }

    /// Compares two trees that should be the same.
    pub(super) fn same_as(&self, other: &Self) -> Result<(), String> {
        for (path, node) in &other.0 {
            match self.0.get(path) {
                None => return Err(format!("{path} is missing")),
                Some(found) if found.content != node.content => return Err(format!("{path} is another")),
                Some(found) if found != node => {
                    return Err(format!("{path} has mode {:o} and time {:?}", found.mode, found.seconds));
                }
                Some(_) => {}
            }
        }
        match self.0.keys().find(|path| !other.0.contains_key(*path)) {
            Some(path) => Err(format!("{path} is there")),
            None => Ok(()),
        }
    }

    /// Checks that everything is as it was before or as it is to be: nothing is half of a file, nothing but what is to
    /// be removed is missing, and nothing else is there.
    pub(super) fn mixes(&self, before: &Self, after: &Self) -> Result<(), String> {
        for (path, node) in &self.0 {
            let is_of = |tree: &Self| tree.0.get(path).is_some_and(|known| known.content == node.content);
            if !is_of(before) && !is_of(after) {
                return Err(format!("{path} is neither old nor new"));
            }
        }
        let lost = before.0.keys().find(|path| after.0.contains_key(*path) && !self.0.contains_key(*path));
        lost.map_or(Ok(()), |path| Err(format!("{path} is lost")))
    }
}

fn collect(directory: &Path, above: &str, tree: &mut BTreeMap<String, Node>) {
    for item in std::fs::read_dir(directory).unwrap() {
        let item = item.unwrap();
        let path = format!("{above}/{}", item.file_name().to_string_lossy());
        if path == "/.remofile" {
            continue;
        }
        let metadata = item.path().symlink_metadata().unwrap();
        let content = match metadata.file_type() {
            kind if kind.is_symlink() => {
                Some(std::fs::read_link(item.path()).unwrap().into_os_string().into_encoded_bytes())
            }
            kind if kind.is_dir() => None,
            _ => Some(std::fs::read(item.path()).unwrap()),
        };
        let seconds = std::os::unix::fs::MetadataExt::mtime(&metadata);
        let seconds = Some(seconds).filter(|&seconds| seconds < RECENT && content.is_some());
        let mode = metadata.permissions().mode() & 0o777;
        tree.insert(path.clone(), Node { content, mode, seconds });
        if metadata.is_dir() {
            collect(&item.path(), &path, tree);
        }
    }
}

/// Returns what is in the staging directory of a root: `""` if that is empty.
pub(super) fn staged(root: &Path) -> Vec<String> {
    let staging = root.join(".remofile");
    if !staging.exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for item in std::fs::read_dir(&staging).unwrap() {
        let name = item.unwrap().file_name().into_string().unwrap();
        match std::fs::read_dir(staging.join(&name)) {
            Ok(below) => {
                let inner: Vec<_> =
                    below.map(|item| format!("{name}/{}", item.unwrap().file_name().display())).collect();
                found.extend(if inner.is_empty() { vec![format!("{name}/")] } else { inner });
            }
            Err(_) => found.push(name),
        }
    }
    if found.is_empty() { vec![String::from("an empty staging directory")] } else { found }
}
