//! The failure of a command.

use crate::advice;
use crate::args::ServerName;
use crate::exit::Exit;
use crate::unconfigured::Unconfigured;
use remofile::Error;
use remofile::tokens::{TokensError, TokensFileError};
use std::io;
use std::path::Path;

/// The result of a command, and of the steps to it.
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// The failure of a command.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Hostname or token, or both, are configured nowhere.
    Unconfigured(Box<Unconfigured>),
    /// The arguments contradict each other or cannot be read.
    Usage(String),
    /// The environment, the configuration file or a file with a secret cannot be used.
    Configuration(String),
    /// The library failed.
    Library(Error),
    /// The library failed, in a command that talks to several servers.
    AtServer {
        /// The server, as it was named.
        server: String,
        /// The failure that happened.
        failed: Box<Failed>,
    },
    /// A failure about which the command knows more than the library.
    Advised {
        /// The failure that happened.
        failed: Box<Failed>,
        /// The advice that goes with it.
        advice: String,
    },
    /// A file of this command itself (a pidfile, a manual page) failed.
    File {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The tokens file, or what was to be changed in it.
    Tokens(TokensFileError),
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

    /// The same failure, in a command that talks to several servers.
    pub(crate) fn at_server(self, server: &ServerName) -> Self {
        match self {
            // The path tells which one.
            Self::Library(Error::Remote(failure))
                if failure.path.as_deref().is_some_and(|path| path.starts_with('/')) =>
            {
                let path = format!("{}{}", server.label(), failure.path.as_deref().unwrap_or_default());
                Self::Library(Error::Remote(failure.at(path)))
            }
            failed => {
                let server = server.to_string().trim_end_matches(':').to_owned();
                Self::AtServer { server, failed: Box::new(failed) }
            }
        }
    }

    /// The same failure with an advice, if there is one.
    pub(crate) fn advised(self, advice: Option<String>) -> Self {
        match advice {
            Some(advice) => Self::Advised { failed: Box::new(self), advice },
            None => self,
        }
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
            Self::AtServer { failed, .. } | Self::Advised { failed, .. } => failed.exit(),
            Self::Daemon { exit, .. } => *exit,
            Self::Output(error) if is_broken_pipe(error) => Exit::Success,
            Self::Unconfigured(_)
            | Self::Configuration(_)
            | Self::Tokens(_)
            | Self::File { .. }
            | Self::System { .. }
            | Self::Output(_) => Exit::Failure,
        }
    }

    /// Reports whether there is nothing to say: the reader of our output has seen enough.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if is_broken_pipe(error))
    }

    /// A stable name for scripts, in kebab case.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unconfigured(_) => "not-configured",
            Self::Usage(_) => "usage",
            Self::Configuration(_) => "configuration",
            Self::Library(error) => error.kind(),
            Self::AtServer { failed, .. } | Self::Advised { failed, .. } => failed.kind(),
            Self::Tokens(error) => tokens_kind(error),
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
            Self::AtServer { failed, .. } | Self::Advised { failed, .. } => failed.path(),
            Self::File { path, .. } | Self::Daemon { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns what went wrong and what to do, in a sentence.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unconfigured(unconfigured) => unconfigured.message(),
            Self::Usage(message) | Self::Configuration(message) | Self::Daemon { message, .. } => message.clone(),
            Self::Library(
                error @ (Error::Connect { .. }
                | Error::NoServer(_)
                | Error::Resolve { .. }
                | Error::ConnectionLost(_)
                | Error::Listen { .. }),
            ) => without_number(&advice::with_advice(error)),
            Self::Library(error) => advice::with_advice(error),
            Self::AtServer { server, failed } => format!("{server}: {}", failed.message()),
            Self::Advised { failed, advice } => advice::join(&failed.message(), Some(advice)),
            Self::Tokens(error) => error.to_string(),
            Self::File { path, source } => format!("{path}: {}", without_number(&source.to_string())),
            Self::System { what, source } => format!("{what}: {}", without_number(&source.to_string())),
            Self::Output(error) => format!("cannot write to standard output: {}", without_number(&error.to_string())),
        }
    }
}

impl From<TokensFileError> for Failed {
    fn from(error: TokensFileError) -> Self {
        Self::Tokens(error)
    }
}

fn tokens_kind(error: &TokensFileError) -> &'static str {
    match error {
        TokensFileError::Change(TokensError::NameTaken(_) | TokensError::KeyTaken(_)) => "already-exists",
        TokensFileError::Change(TokensError::Unknown(_)) => "not-found",
        TokensFileError::Change(TokensError::TooMany | TokensError::TooManyChosen) => "too-many",
        TokensFileError::Missing(_)
        | TokensFileError::Empty(_)
        | TokensFileError::BrokenOff { .. }
        | TokensFileError::File { .. }
        | TokensFileError::Format { .. } => "tokens-file",
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// Takes the numbers of the system's errors out of a sentence, of which the words say what they are.
pub(crate) fn without_number(text: &str) -> String {
    let found = text.split_once(" (os error ").and_then(|(before, rest)| Some((before, rest.split_once(')')?)));
    match found {
        Some((before, (number, after))) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{before}{}", without_number(after))
        }
        _ => text.to_owned(),
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

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
    fn the_words_of_the_system_are_told_without_its_number() {
        assert_eq!(without_number("refused (os error 111) (is it running?)"), "refused (is it running?)");
        assert_eq!(without_number("x (os error y)"), "x (os error y)");
        let source = io::Error::from_raw_os_error(98);
        let listen = Failed::Library(Error::Listen { address: "port 6768".to_owned(), source }).message();
        assert!(listen.starts_with("cannot listen on port 6768: ") && !listen.contains("os error"), "{listen}");
    }

    #[test]
    fn what_is_not_configured_is_a_failure() {
        assert_eq!(Failed::Unconfigured(Box::default()).exit(), Exit::Failure);
    }
}
