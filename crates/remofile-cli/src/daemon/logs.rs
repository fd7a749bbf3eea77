//! The logs of a server, which are opened again when they were rotated.

use super::logfile::open_log;
use crate::failed::{Failed, Result};
use remofile::server::AuditLog;
use rustix::stdio::dup2_stderr;
use std::path::{Path, PathBuf};

/// The logs of a server.
pub(super) struct Logs {
    /// The file that is standard error; `None` if that is somebody else's.
    log_file: Option<PathBuf>,
    audit: Option<(PathBuf, AuditLog)>,
}

impl Logs {
    /// Opens the audit log. Paths are absolute.
    ///
    /// # Errors
    /// If it cannot be opened, or is not to be trusted.
    pub(super) fn open(log_file: Option<PathBuf>, audit_log: Option<PathBuf>) -> Result<Self> {
        let open = |path: PathBuf| match AuditLog::open(&path) {
            Ok(log) => Ok((path, log)),
            Err(error) => Err(Failed::file(&path, error)),
        };
        Ok(Self { log_file, audit: audit_log.map(open).transpose()? })
    }

    /// The audit log.
    pub(super) fn audit(&self) -> Option<AuditLog> {
        self.audit.as_ref().map(|(_, log)| log.clone())
    }

    /// The directories in which the logs are made again. What is no file, such as `/dev/null`, is never rotated.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let audit = self.audit.iter().map(|(path, _)| path);
        let mut directories = Vec::new();
        for path in self.log_file.iter().chain(audit).filter(|path| path.is_file()) {
            // A log file may be a link to one that is rotated.
            let real = path.canonicalize().ok();
            directories.extend(
                [Some(path.as_path()), real.as_deref()]
                    .into_iter()
                    .flatten()
                    .filter_map(Path::parent)
                    .map(Path::to_owned),
            );
        }
        directories.sort();
        directories.dedup();
        directories
    }

    /// Opens the logs again by their paths. One that cannot be opened is written to as before, and the log says why.
    pub(super) fn reopen(&self) {
        if let Some(path) = &self.log_file {
            match open_log(path)
                .and_then(|log| dup2_stderr(&log).map_err(Failed::system("cannot exchange the log file")))
            {
                Ok(()) => tracing::info!(path = %path.display(), "the log file was opened again"),
                Err(failed) => tracing::error!("the log file is written to as before: {}", failed.message()),
            }
        }
        if let Some((path, log)) = &self.audit {
            match log.reopen() {
                Ok(()) => tracing::info!(path = %path.display(), "the audit log was opened again"),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "the audit log is written to as before");
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare files directly")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_the_directories_of_files_are_those_of_logs() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (log, link) = (other.path().join("log"), own.path().join("log"));
        std::fs::write(&log, "").unwrap();
        symlink(&log, &link).unwrap();
        let logs = Logs::open(Some(link), Some(own.path().join("audit"))).unwrap();
        let mut expected = vec![own.path().to_owned(), other.path().canonicalize().unwrap()];
        expected.sort();
        assert_eq!(logs.directories(), expected);
        let device = Logs::open(Some("/dev/null".into()), Some("/dev/null".into())).unwrap();
        assert!(device.directories().is_empty());
    }
}
