//! The settings of a server.

use super::Environment;
use crate::args::Run;
use crate::failed::{Failed, Result};
use crate::secret;
use remofile::ServerOptions;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use std::net::IpAddr;
use std::path::PathBuf;

/// The settings of a server.
pub(crate) struct ServerSettings {
    /// The root directory, absolute.
    pub(crate) root: PathBuf,
    /// The port; 0 for a free one.
    pub(crate) port: u16,
    /// The address; `None` for all.
    pub(crate) address: Option<IpAddr>,
    /// The token.
    pub(crate) token: Token,
    /// The source of the token.
    pub(crate) token_source: TokenSource,
    /// The options of the server.
    pub(crate) options: ServerOptions,
}

/// The source of a server's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// From the user: an argument or a file.
    Given,
    /// From `REMOFILE_TOKEN`.
    Environment,
    /// Generated; the user does not know the token yet.
    Generated,
}

/// Settles how to serve. `token` is the one that came as an argument.
pub(crate) fn server_settings(run: &Run, token: Option<Token>, environment: &Environment) -> Result<ServerSettings> {
    let options = options(run, environment)?;
    let (token, token_source) = find_token(run, token, environment)?;
    let root = std::path::absolute(&run.directory).map_err(|error| Failed::file(&run.directory, error))?;
    Ok(ServerSettings { root, port: run.port, address: run.address, token, token_source, options })
}

fn find_token(run: &Run, token: Option<Token>, environment: &Environment) -> Result<(Token, TokenSource)> {
    if let Some(token) = token {
        return Ok((token, TokenSource::Given));
    }
    if let Some(path) = &run.token_file {
        return Ok((secret::token_of_file(path)?, TokenSource::Given));
    }
    if let Some(text) = &environment.token {
        let token = Token::parse(text).map_err(|error| Failed::Configuration(format!("REMOFILE_TOKEN: {error}")))?;
        return Ok((token, TokenSource::Environment));
    }
    Ok((Token::generate(), TokenSource::Generated))
}

fn options(run: &Run, environment: &Environment) -> Result<ServerOptions> {
    if run.min_chunk_size > run.max_chunk_size {
        return Err(Failed::usage("'--max-chunk-size' must not be smaller than '--min-chunk-size'"));
    }
    if run.session_memory < 4 << 20 {
        return Err(Failed::usage("'--session-memory' must be at least 4M"));
    }
    if run.server_memory < run.session_memory {
        return Err(Failed::usage("'--server-memory' must not be smaller than '--session-memory'"));
    }
    let private_key = private_key(run, environment)?;
    if private_key.is_some() && run.no_encryption {
        return Err(Failed::usage(
            "a server with a private key accepts only encrypted sessions: leave out '--no-encryption', or the key",
        ));
    }
    Ok(ServerOptions {
        file_size_limit: run.file_size_limit,
        chunk_size_range: (run.min_chunk_size, run.max_chunk_size),
        private_key,
        allow_plain: run.no_encryption,
        require_encryption: run.require_encryption,
        file_mode: run.file_mode,
        directory_mode: run.directory_mode,
        names: run.names.into(),
        fsync: run.fsync.into(),
        read_only: run.read_only,
        partial_expiry: run.partial_expiry,
        idle_timeout: run.idle_timeout,
        max_hold: run.max_hold,
        max_sessions: run.max_sessions,
        session_memory: run.session_memory,
        server_memory: run.server_memory,
        ..ServerOptions::default()
    })
}

fn private_key(run: &Run, environment: &Environment) -> Result<Option<PrivateKey>> {
    if let Some(path) = &run.private_key_file {
        return secret::private_key_of_file(path).map(Some);
    }
    let Some(text) = &environment.private_key else {
        return Ok(None);
    };
    PrivateKey::parse(text).map(Some).map_err(|error| Failed::Configuration(format!("REMOFILE_PRIVATE_KEY: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;
    use remofile::protocol::path::NameRule;
    use remofile::store::Fsync;
    use std::time::Duration;
    use zeroize::Zeroizing;

    const KEY: &str = "<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk";

    fn run(flags: &[&str]) -> Run {
        let line = ["remofile", "run", "dir"].iter().chain(flags);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn settle(flags: &[&str], environment: &Environment) -> Result<ServerSettings> {
        server_settings(&run(flags), None, environment)
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings = settle(&[], &Environment::default()).unwrap();
        assert!(settings.root.is_absolute());
        assert_eq!((settings.port, settings.address), (6768, None));
        assert_eq!(settings.token_source, TokenSource::Generated);
        assert_eq!(settings.options.file_size_limit, 4_294_967_296);
        assert_eq!(settings.options.chunk_size_range, (512, 8192));
        assert_eq!((settings.options.session_memory, settings.options.server_memory), (64 << 20, 1 << 30));
        assert_eq!(settings.options.partial_expiry, Duration::from_secs(7 * 24 * 3600));
        let defaults = ServerOptions::default();
        assert_eq!((defaults.idle_timeout, defaults.max_hold), (Duration::from_secs(30), Duration::from_secs(3600)));
        assert_eq!(
            (settings.options.idle_timeout, settings.options.max_hold),
            (defaults.idle_timeout, defaults.max_hold)
        );
        assert_eq!((settings.options.max_sessions, defaults.max_sessions), (65_536, 65_536));
        assert!(!settings.options.allow_plain && !settings.options.require_encryption && !settings.options.read_only);
    }

    #[test]
    fn every_option_arrives() {
        let flags = "0 --address ::1 --file-size-limit 8G --min-chunk-size 1K --max-chunk-size 1M \
                     --require-encryption --file-mode 640 --directory-mode 750 --names posix --fsync each --read-only \
                     --partial-expiry 36h --idle-timeout 5m --max-hold 2d --max-sessions 7 --session-memory 128M \
                     --server-memory 2G";
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let settings = settle(&flags, &Environment::default()).unwrap();
        let options = settings.options;
        assert_eq!((settings.port, settings.address), (0, Some("::1".parse().unwrap())));
        assert_eq!((options.file_size_limit, options.chunk_size_range), (8 << 30, (1024, 1 << 20)));
        assert_eq!((options.session_memory, options.server_memory), (128 << 20, 2 << 30));
        assert_eq!((options.file_mode, options.directory_mode), (Some(0o640), Some(0o750)));
        assert_eq!((options.names, options.fsync), (NameRule::Posix, Fsync::Each));
        assert_eq!(options.partial_expiry, Duration::from_secs(36 * 3600));
        assert_eq!(
            (options.idle_timeout, options.max_hold),
            (Duration::from_secs(300), Duration::from_secs(48 * 3600))
        );
        assert_eq!((options.max_sessions, options.sessions_per_address), (7, None));
        assert!(options.require_encryption && options.read_only && !options.allow_plain);
    }

    #[test]
    fn secrets_come_from_the_environment_where_no_flag_gives_them() {
        let environment = Environment {
            token: Some(Zeroizing::new("from-environment".into())),
            private_key: Some(Zeroizing::new(KEY.into())),
            ..Environment::default()
        };
        let settings = settle(&[], &environment).unwrap();
        assert_eq!((settings.token.reveal(), settings.token_source), ("from-environment", TokenSource::Environment));
        assert!(settings.options.private_key.is_some());
        let given = Token::parse("given").unwrap();
        let settings = server_settings(&run(&[]), Some(given), &environment).unwrap();
        assert_eq!((settings.token.reveal(), settings.token_source), ("given", TokenSource::Given));
    }

    #[test]
    fn contradictions_are_usage_errors() {
        let keyed = Environment { private_key: Some(Zeroizing::new(KEY.into())), ..Environment::default() };
        assert!(matches!(settle(&["--no-encryption"], &keyed), Err(Failed::Usage(_))));
        let chunks = settle(&["--min-chunk-size", "2", "--max-chunk-size", "1"], &Environment::default());
        assert!(matches!(chunks, Err(Failed::Usage(_))));
        for flags in [["--session-memory", "1M"], ["--server-memory", "32M"]] {
            assert!(matches!(settle(&flags, &Environment::default()), Err(Failed::Usage(_))));
        }
    }
}
