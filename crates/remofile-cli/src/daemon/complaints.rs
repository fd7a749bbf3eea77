//! The texts about pidfiles: what is wrong, and what to do.

use super::proof::Doubt;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::output::text::shell_word;
use std::path::Path;

fn failed(kind: &'static str, path: &Path, message: String) -> Failed {
    Failed::Daemon { kind, path: path.display().to_string(), message, exit: Exit::Failure }
}

/// The path leads to something else.
pub(super) fn not_ours(path: &Path, what: &str) -> Failed {
    let message =
        format!("{} is {what}, not a pidfile: nothing was changed (choose another with '--pidfile')", path.display());
    failed("not-a-pidfile", path, message)
}

/// Others may have written what the file says, or put it there.
pub(super) fn untrusted(path: &Path, why: &str) -> Failed {
    let message = format!(
        "the pidfile {} is not trusted, because {why}: nothing was changed, and no process was signalled (choose \
         another with '--pidfile', in a directory that only you can change)",
        path.display()
    );
    failed("untrusted-pidfile", path, message)
}

/// There is no file.
pub(super) fn missing(path: &Path) -> Failed {
    let message = format!(
        "there is no pidfile {}: no server was started with it, or it has ended (name another with '--pidfile')",
        path.display()
    );
    failed("not-running", path, message)
}

/// The server has died, and its file was removed.
pub(super) fn stale(path: &Path, whose: &str) -> Failed {
    let message = format!("{} was stale and is removed: it was of {whose}", path.display());
    failed("stale-pidfile", path, message)
}

/// A server lives.
pub(super) fn already_running(path: &Path, process: u32) -> Failed {
    let shown = path.display().to_string();
    // Without the option another server would be ended.
    let stop = format!("remofile stop --pidfile {}", shell_word(&shown));
    let message = format!("a server runs already: process {process}, according to {shown} (end it with: {stop})");
    failed("already-running", path, message)
}

/// The file is locked, and says nothing for long.
pub(super) fn undecided(path: &Path) -> Failed {
    let message = format!("{} is held by another process that is starting or ending (try again)", path.display());
    failed("already-running", path, message)
}

/// The file is locked, and its lock was not proven to be that of the process it names.
pub(super) fn unproven(path: &Path, process: u32, doubt: &Doubt) -> Failed {
    let message = format!(
        "{0} is locked, and names process {process}, which {doubt}: it is not taken for the server of this file, and no \
         process was signalled (see with 'fuser -v {0}' which process holds the file; if that is the server, end it with \
         'kill', otherwise remove the file)",
        path.display()
    );
    failed("unproven-server", path, message)
}
