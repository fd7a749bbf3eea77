//! The tasks of a client: what its user asks for, one after the other.

use super::chance::Chance;
use remofile_protocol::path::RemotePath;

/// A command of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    Upload(Upload),
    Download(RemotePath),
    Remove(RemotePath),
    Move(RemotePath, RemotePath),
    List(RemotePath),
    Tree(RemotePath),
    Mirror(Mirror),
}

/// Files of one directory that are uploaded, perhaps under a lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) directory: RemotePath,
    /// Names and sizes.
    pub(super) files: Vec<(String, usize)>,
    pub(super) is_held: bool,
    /// Turns after which it is cancelled, if it is.
    pub(super) cancelled_in: Option<usize>,
    /// The number that it shares with the uploads of the same files' others over connections beside this one.
    pub(super) group: Option<u64>,
}

/// A sync of one directory, and of the directory below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) is_upload: bool,
    pub(super) directory: RemotePath,
    /// The files of an upload: paths below the directory, and sizes.
    pub(super) files: Vec<(String, usize)>,
    pub(super) deletes: bool,
    /// True if contents are compared whatever the times are.
    pub(super) checks: bool,
}

/// All that users ask for, in words.
pub(super) const KINDS: [&str; 12] = [
    "upload",
    "upload over several connections",
    "download",
    "remove",
    "move",
    "list",
    "tree",
    "sync to the server",
    "sync from the server",
    "upload by protocol 1",
    "download by protocol 1",
    "remove by protocol 1",
];

/// The paths that a sync may have in its directory.
pub(super) const MIRRORED: [&str; 6] = ["a", "b", "c", "d", "s/a", "s/b"];

/// The directory of one client.
pub(super) fn own_directory(client: usize) -> RemotePath {
    format!("/own{client}").parse().unwrap()
}

/// The directory of all.
pub(super) fn shared_directory() -> RemotePath {
    "/shared".parse().unwrap()
}

impl Task {
    /// Its kind in words: one of [`KINDS`].
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Upload(Upload { group: Some(_), .. }) => "upload over several connections",
            Self::Upload(_) => "upload",
            Self::Download(_) => "download",
            Self::Remove(_) => "remove",
            Self::Move(..) => "move",
            Self::List(_) => "list",
            Self::Tree(_) => "tree",
            Self::Mirror(Mirror { is_upload: true, .. }) => "sync to the server",
            Self::Mirror(_) => "sync from the server",
        }
    }

    /// A task at random.
    pub(super) fn any(chance: &mut Chance, client: usize, largest: usize) -> Self {
        let directory = if chance.one_in(2) { shared_directory() } else { own_directory(client) };
        match chance.below(13) {
            0 => Self::Remove(file_in(chance, &directory)),
            1 => match (file_in(chance, &directory), file_in(chance, &directory)) {
                (from, to) if from == to => Self::List(directory),
                (from, to) => Self::Move(from, to),
            },
            2 => Self::List(directory),
            3 => Self::Download(file_in(chance, &directory)),
            4 => Self::Tree(directory),
            10 | 11 => Self::Mirror(Mirror::any(chance, directory, true, largest)),
            12 => Self::Mirror(Mirror::any(chance, directory, false, largest)),
            _ => Self::Upload(Upload::any(chance, directory, largest)),
        }
    }
}

impl Upload {
    /// Files that are uploaded over several connections at once, as many as there are: each has its share of them.
    pub(super) fn shared(chance: &mut Chance, client: usize, largest: usize, connections: usize) -> Vec<Self> {
        let directory = if chance.one_in(2) { shared_directory() } else { own_directory(client) };
        let (files, group) = (some_files(chance, &MIRRORED[..4], 4, largest), Some(chance.next()));
        let share = |connection: usize| {
            let files = files.iter().skip(connection).step_by(connections).cloned().collect();
            Self { directory: directory.clone(), files, is_held: false, cancelled_in: None, group }
        };
        (0..connections).map(share).filter(|share| !share.files.is_empty()).collect()
    }

    fn any(chance: &mut Chance, directory: RemotePath, largest: usize) -> Self {
        let most = 1 + chance.below(3);
        let files = some_files(chance, &MIRRORED[..4], most, largest);
        let is_held = chance.one_in(6);
        let cancelled_in = chance.one_in(6).then(|| chance.below(6));
        Self { directory, files, is_held, cancelled_in, group: None }
    }
}

impl Mirror {
    /// The paths that it makes or deletes.
    pub(super) fn paths(&self) -> Vec<RemotePath> {
        let files = self.files.iter().map(|(name, _)| self.directory.join(name).unwrap());
        files.chain(self.deleted()).collect()
    }

    /// The paths that it deletes, if something is there.
    pub(super) fn deleted(&self) -> Vec<RemotePath> {
        let is_sent = |name: &str| self.files.iter().any(|(file, _)| file == name);
        let deletes = self.is_upload && self.deletes;
        let names = MIRRORED.iter().filter(|name| deletes && !is_sent(name));
        names.map(|name| self.directory.join(name).unwrap()).collect()
    }

    fn any(chance: &mut Chance, directory: RemotePath, is_upload: bool, largest: usize) -> Self {
        let most = chance.below(MIRRORED.len() + 1);
        let files = if is_upload { some_files(chance, &MIRRORED, most, largest) } else { Vec::new() };
        Self { is_upload, directory, files, deletes: chance.one_in(2), checks: chance.one_in(4) }
    }
}

/// So many files of some names, in their order.
fn some_files(chance: &mut Chance, names: &[&str], count: usize, largest: usize) -> Vec<(String, usize)> {
    let mut names = names.to_vec();
    let mut files = Vec::new();
    for _ in 0..count.min(names.len()) {
        let name = names.remove(chance.below(names.len())).to_owned();
        let size = match chance.below(8) {
            0 | 1 => chance.below(largest + 1),
            // Sizes that meet again, so that only times or contents tell files apart.
            2 => 700,
            _ => chance.below(2000),
        };
        files.push((name, size));
    }
    files.sort();
    files
}

fn file_in(chance: &mut Chance, directory: &RemotePath) -> RemotePath {
    let name: &str = chance.pick::<&str>(&["a", "b", "c", "d"]);
    directory.join(name).unwrap()
}
