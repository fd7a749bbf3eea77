//! The files of a server itself: where none of them may be.

use crate::args::Run;
use crate::failed::{Failed, Result};
use remofile::store::real_path;
use std::path::{Path, PathBuf};

/// Refuses files of the server itself that clients could reach below `root`, or that its logs would be written into. `tokens` is the
/// tokens file.
pub(super) fn check_own_files(run: &Run, root: Option<&PathBuf>, tokens: Option<&Path>) -> Result<()> {
    let operations = &run.operations;
    // What is no file, as /dev/stderr in a container that serves all of it, has nothing in it that a client could read.
    let log = operations.log_file.as_ref().filter(|path| path.is_file() || !path.exists());
    let logs = [(run.audit_log.as_ref(), "audit log"), (log, "log file")];
    let tokens = tokens.map(Path::to_owned);
    // What a client puts into the file of options is run as a hook when the server is started again.
    let read = [
        (tokens.as_ref(), "tokens file"),
        (operations.config.as_ref(), "file of options"),
        (run.private_key_file.as_ref(), "file of the private key"),
    ];
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|error| Failed::file(path, error));
    for (path, what) in logs.into_iter().chain(read) {
        if let (Some(path), Some(root)) = (path, root) {
            refuse_within(root, &absolute(path)?, what)?;
        }
    }
    for (log, what) in logs {
        for (path, other) in read.into_iter().chain([(run.token_file.as_ref(), "file of the token")]) {
            if let (Some(log), Some(path)) = (log, path)
                && is_same(&absolute(log)?, &absolute(path)?)
            {
                let path = path.display();
                return Err(Failed::Configuration(format!(
                    "the {what} and the {other} are one file, {path}: name another {what}"
                )));
            }
        }
    }
    Ok(())
}

/// Reports whether two paths lead to one file. A terminal, which may be both, is none.
fn is_same(one: &Path, other: &Path) -> bool {
    let is_file = one.is_file() || !one.exists();
    is_file && real_path(one).is_some_and(|one| real_path(other) == Some(one))
}

/// Refuses to hand out a file of the server itself, or the link that leads to it.
fn refuse_within(root: &Path, path: &Path, what: &str) -> Result<()> {
    let real = |path: &Path| real_path(path).unwrap_or_else(|| path.to_owned());
    let (root, parent) = (real(root), path.parent().map(real));
    if real(path).starts_with(&root) || parent.is_some_and(|parent| parent.starts_with(&root)) {
        let path = path.display();
        return Err(Failed::Configuration(format!(
            "the {what} {path} is in the served directory, where clients could read or replace it: move it elsewhere"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_file_behind_a_link_in_the_served_directory_is_refused() {
        let (served, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = served.path().join("link");
        std::os::unix::fs::symlink(own.path().join("tokens.toml"), &link).unwrap();
        assert!(refuse_within(served.path(), &link, "tokens file").is_err());
        assert!(refuse_within(served.path(), &own.path().join("tokens.toml"), "tokens file").is_ok());
    }

    #[test]
    fn one_file_has_several_paths_and_a_device_is_no_file() {
        let own = tempfile::tempdir().unwrap();
        let (missing, link) = (own.path().join("missing"), own.path().join("link"));
        std::os::unix::fs::symlink(own.path(), &link).unwrap();
        assert!(is_same(&missing, &link.join("missing")) && !is_same(&missing, &own.path().join("other")));
        assert!(!is_same(Path::new("/dev/null"), Path::new("/dev/null")));
    }
}
