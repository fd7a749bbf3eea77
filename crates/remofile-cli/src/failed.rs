//! The failure of a command.

use crate::advice;
use crate::exit::Exit;
use remofile::Error;
use std::io;
use std::path::Path;

/// The result of a command, and of the steps to it.
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// The failure of a command.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Hostname or token, or both, are configured nowhere.
    Unconfigured,
    /// The arguments contradict each other or cannot be read.
    Usage(String),
    /// The environment, the configuration file or a file with a secret cannot be used.
    Configuration(String),
    /// The library failed.
    Library(Error),
    /// A file of this command itself (a pidfile, a manual page) failed.
    File {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The pidfile says that the command cannot do what it was asked for.
    Daemon {
        /// A stable name for scripts.
        kind: &'static str,
        /// The pidfile.
        path: String,
        /// The text: what is wrong, and what to do.
        message: String,
        /// The exit status.
        exit: Exit,
    },
    /// The operating system failed at something else.
    System {
        /// The action that was tried.
        what: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Standard output cannot be written.
    Output(io::Error),
}

impl Failed {
    /// A usage error.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// A failure of one of the command's own files.
    pub(crate) fn file(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { path: path.display().to_string(), source: source.into() }
    }

    /// For `map_err`: a failure of the operating system.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { what, source: source.into() }
    }

    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Library(error) => Exit::of(error),
            Self::Daemon { exit, .. } => *exit,
            Self::Output(error) if is_broken_pipe(error) => Exit::Success,
            Self::Unconfigured | Self::Configuration(_) | Self::File { .. } | Self::System { .. } | Self::Output(_) => {
                Exit::Failure
            }
        }
    }

    /// Reports whether there is nothing to say: the reader of our output has seen enough.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if is_broken_pipe(error))
    }

    /// A stable name for scripts, in kebab case.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unconfigured => "not-configured",
            Self::Usage(_) => "usage",
            Self::Configuration(_) => "configuration",
            Self::Library(error) => error.kind(),
            Self::File { .. } => "file",
            Self::Daemon { kind, .. } => kind,
            Self::System { .. } => "system",
            Self::Output(_) => "output",
        }
    }

    /// The path it is about, where it is about one.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Library(error) => error.path(),
            Self::File { path, .. } | Self::Daemon { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns what went wrong and what to do, in a sentence.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unconfigured => UNCONFIGURED.to_owned(),
            Self::Usage(message) | Self::Configuration(message) | Self::Daemon { message, .. } => message.clone(),
            Self::Library(error) => advice::with_advice(error),
            Self::File { path, source } => format!("{path}: {source}"),
            Self::System { what, source } => format!("{what}: {source}"),
            Self::Output(error) => format!("cannot write to standard output: {error}"),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The text for a user who has configured nothing yet.
pub(crate) const UNCONFIGURED: &str = "\
The environment must tell where the server is and how to authenticate; these variables are used.

REMOFILE_HOSTNAME   - The name or address of the server ('localhost', an IP address or a domain name)
REMOFILE_PORT       - The port of the server (optional, 6768 by default)
REMOFILE_TOKEN      - The token the server was started with
REMOFILE_PUBLIC_KEY - The public key of the server (only if it was started with a private key)

Configure your environment and try again.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let failed = Failed::Output(io::ErrorKind::BrokenPipe.into());
        assert!(failed.is_silent());
        assert_eq!(failed.exit(), Exit::Success);
        assert_eq!(Failed::Output(io::ErrorKind::StorageFull.into()).exit(), Exit::Failure);
    }

    #[test]
    fn the_unconfigured_message_names_every_variable_and_ends_as_documented() {
        for name in ["REMOFILE_HOSTNAME", "REMOFILE_PORT", "REMOFILE_TOKEN", "REMOFILE_PUBLIC_KEY"] {
            assert!(UNCONFIGURED.contains(name), "{name}");
        }
        assert!(UNCONFIGURED.ends_with("Configure your environment and try again."));
        assert_eq!(Failed::Unconfigured.exit(), Exit::Failure);
    }
}
