//! Copies under a name of their own that a command has begun and not ended.
//!
//! A destination that is not there names the copy of a directory, and one that is there holds it. So a command that was
//! interrupted would mean something else when it is run again: by then it has made its destination. What it has begun is
//! kept between runs, one file a copy with where the copy is, until the same command has ended it, a command has removed,
//! moved or made its destination, or a week has passed.
#![expect(clippy::disallowed_methods, reason = "it keeps small files of its own, no content of users")]

use crate::settings::Environment;
use remofile::protocol::digest::digest;
use remofile::protocol::path::RemotePath;
use remofile::{Client, Error, ServerAddress, TransferReport};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The place of the files, below the directory of what is kept between runs.
const DIRECTORY: &str = "remofile/begun";

/// The time after which a copy that was begun is forgotten, as are partials.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// A copy under a name of its own.
#[derive(Debug)]
pub(super) struct BegunCopy {
    /// The file that is there while it is begun and not ended; `None` where nothing is kept between runs.
    file: Option<PathBuf>,
    /// The place of the copy at a server, which is the content of that file; empty for a copy that is on this machine.
    place: String,
}

/// Forgets the copies that were begun at a path of a server, or below it: what they have made is not there any more, or is not
/// theirs.
pub(super) fn forget_at(client: &Client, path: &RemotePath) {
    if let Some(state) = Environment::of_process().state_home {
        forget_places(&state.join(DIRECTORY), &servers_of(client), path);
    }
}

fn forget_places(directory: &Path, servers: &str, path: &RemotePath) {
    for file in fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path()) {
        let place = fs::read_to_string(&file).unwrap_or_default();
        let there = place.strip_prefix(servers).and_then(|place| place.strip_prefix('\n')).map(RemotePath::parse);
        if matches!(there, Some(Ok(there)) if there.is_within(path)) {
            let _forgotten_or_not = fs::remove_file(file);
        }
    }
}

/// The servers of a client as one text: however they are written, and in whatever order, they are the same.
fn servers_of(client: &Client) -> String {
    let (hostname, port) = client.address();
    let mut servers: Vec<String> =
        ServerAddress::parse_list(hostname, port).unwrap_or_default().iter().map(ToString::to_string).collect();
    servers.sort();
    servers.join(",")
}

impl BegunCopy {
    /// The copy that a command makes with a server's help: `ends` are the source and the destination as they are found from
    /// anywhere.
    pub(super) fn of(command: &str, client: &Client, ends: [&OsStr; 2]) -> Self {
        let servers = servers_of(client);
        let place = match (command, ends[1].to_str()) {
            ("download", _) | (_, None) => String::new(),
            (_, Some(path)) => format!("{servers}\n{path}"),
        };
        let parts = [command, &servers].map(OsStr::new).into_iter().chain(ends);
        Self::in_state(Environment::of_process().state_home.as_deref(), parts, place)
    }

    fn in_state<'a>(state: Option<&Path>, parts: impl Iterator<Item = &'a OsStr>, place: String) -> Self {
        let mut words = Vec::new();
        for part in parts {
            words.extend((part.len() as u64).to_be_bytes());
            words.extend(part.as_encoded_bytes());
        }
        let name: String = digest(&words).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { file: state.map(|state| state.join(DIRECTORY).join(name)), place }
    }

    /// Reports whether an earlier run has begun it, and none has ended it.
    pub(super) fn is_unfinished(&self) -> bool {
        self.file.as_deref().is_some_and(|file| is_fresh(file, SystemTime::now()))
    }

    /// Keeps that it is begun, as far as that is possible.
    pub(super) fn begin(&self) {
        let Some(file) = &self.file else { return };
        let Some(directory) = file.parent() else { return };
        let _there_or_not = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        forget_old(directory);
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
        // A file that is there already begins its time anew.
        let _kept_or_not = made.and_then(|mut file| {
            file.write_all(self.place.as_bytes())?;
            file.set_modified(SystemTime::now())
        });
    }

    /// Forgets it if it is complete, or if nothing of it is there, which is asked with the error that ended the run, if one did.
    pub(super) fn settle<E>(
        &self,
        outcome: &Result<TransferReport, E>,
        is_nothing_there: impl FnOnce(Option<&E>) -> bool,
    ) {
        let is_over = match outcome {
            Ok(report) => report.failures.is_empty() || is_nothing_there(None),
            Err(error) => is_nothing_there(Some(error)),
        };
        if is_over {
            self.end();
        }
    }

    /// Reports whether an error leaves no doubt that the server has told it. Who was interrupted, or has no connection, does not
    /// know what is there.
    pub(super) fn is_told(error: Option<&Error>) -> bool {
        error.is_none_or(|error| matches!(error, Error::Remote(_) | Error::Conflicts(_)))
    }

    fn end(&self) {
        if let Some(file) = &self.file {
            let _forgotten_or_not = fs::remove_file(file);
        }
    }
}

fn is_fresh(file: &Path, now: SystemTime) -> bool {
    let modified = fs::symlink_metadata(file).and_then(|metadata| metadata.modified());
    // A time to come is of a clock that was wrong: for a week's worth the file may be of a moment ago.
    let age = |modified| now.duration_since(modified).unwrap_or_else(|error| error.duration());
    modified.is_ok_and(|modified| age(modified) < KEPT_FOR)
}

/// Removes the files of copies that were begun long ago.
fn forget_old(directory: &Path) {
    let now = SystemTime::now();
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    for file in files.filter(|file| !is_fresh(&file.path(), now)) {
        let _forgotten_or_not = fs::remove_file(file.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(state: &Path, parts: &[&str]) -> BegunCopy {
        BegunCopy::in_state(Some(state), parts.iter().map(OsStr::new), String::new())
    }

    #[test]
    fn a_copy_is_unfinished_from_its_beginning_to_its_end_and_for_a_week_at_most() {
        let state = tempfile::tempdir().unwrap();
        let (own, other) = (copy(state.path(), &["upload", "a", "b"]), copy(state.path(), &["upload", "ab", ""]));
        assert!(!own.is_unfinished());
        own.begin();
        assert!(own.is_unfinished() && !other.is_unfinished());
        own.end();
        assert!(!own.is_unfinished());
        own.begin();
        let file = OpenOptions::new().write(true).open(own.file.as_ref().unwrap()).unwrap();
        file.set_modified(SystemTime::now() - KEPT_FOR).unwrap();
        assert!(!own.is_unfinished());
        file.set_modified(SystemTime::now() + KEPT_FOR / 2).unwrap();
        assert!(own.is_unfinished(), "the clock was set back");
        file.set_modified(SystemTime::now() + KEPT_FOR * 2).unwrap();
        assert!(!own.is_unfinished(), "a clock that was far ahead would keep it for years");
        other.begin();
        assert!(!own.file.as_ref().unwrap().exists(), "it was forgotten");
    }

    #[test]
    fn a_copy_is_forgotten_with_the_path_that_it_is_at() {
        let state = tempfile::tempdir().unwrap();
        let begun = |place: &str| {
            let parts = [OsStr::new("upload"), OsStr::new(place)].into_iter();
            let copy = BegunCopy::in_state(Some(state.path()), parts, place.to_owned());
            copy.begin();
            copy
        };
        let path = |path: &str| RemotePath::parse(path).unwrap();
        let copies = ["a:1\n/x/y", "a:1\n/x", "a:1\n/xy", "b:1\n/x", ""].map(begun);
        let left = || copies.iter().map(BegunCopy::is_unfinished).collect::<Vec<_>>();
        let directory = state.path().join(DIRECTORY);
        forget_places(&directory, "a:1", &path("/x/y"));
        assert_eq!(left(), [false, true, true, true, true]);
        forget_places(&directory, "a:1", &path("/x"));
        assert_eq!(left(), [false, false, true, true, true]);
    }

    #[test]
    fn where_nothing_is_kept_nothing_is_unfinished() {
        for state in [None, Some(Path::new("/dev/null/none"))] {
            let copy = BegunCopy::in_state(state, [OsStr::new("upload")].into_iter(), String::new());
            copy.begin();
            assert!(!copy.is_unfinished());
            copy.end();
        }
    }
}
