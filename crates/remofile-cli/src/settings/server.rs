//! The settings of a server.

use super::Environment;
use super::own_files::check_own_files;
use super::server_tokens::{ServerTokens, find_tokens};
use crate::args::Run;
use crate::failed::{Failed, Result};
use crate::secret;
use remofile::ServerOptions;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::limits::DEFAULT_FILE_SIZE_LIMIT;
use remofile::protocol::token::Token;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings of a server.
pub(crate) struct ServerSettings {
    /// The root directory, absolute, or the address of a bucket.
    pub(crate) root: PathBuf,
    /// The bucket to serve, if it is no directory.
    pub(crate) bucket: Option<BucketRoot>,
    /// The port; 0 for a free one.
    pub(crate) port: u16,
    /// The address; `None` for all.
    pub(crate) address: Option<IpAddr>,
    /// The token, or those of many users.
    pub(crate) tokens: ServerTokens,
    /// The options of the server.
    pub(crate) options: ServerOptions,
    /// The absolute path of the audit log, if one is kept.
    pub(crate) audit_log: Option<PathBuf>,
    /// The address at which the server tells how it is doing.
    pub(crate) metrics: Option<SocketAddr>,
    /// The hooks that run when a file was stored.
    pub(crate) hooks: HookSettings,
    /// The address of the coordinator, if several servers have the directory.
    pub(crate) coordinator: Option<String>,
    /// True if nothing is announced that the user knows.
    pub(crate) quiet: bool,
}

impl ServerSettings {
    /// Returns the name by which several servers of one bucket know that it is the same. Each may ask another node of the service, so
    /// that its endpoint says nothing.
    pub(crate) fn shared_name(&self) -> Option<String> {
        self.bucket.as_ref().map(|bucket| bucket.address.clone())
    }
}

/// A bucket that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketRoot {
    /// Its address, as it was given.
    pub(crate) address: String,
    /// The address of the service, if it was given.
    pub(crate) endpoint: Option<String>,
}

/// The hooks of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct HookSettings {
    /// The command of the shell that is run.
    pub(crate) on_upload: Option<String>,
    /// The address that is called.
    pub(crate) webhook: Option<String>,
    /// Time for one attempt.
    pub(crate) timeout: Duration,
}

/// Settles how to serve. `token` is the one that came as an argument, or from a variable or the file of options.
pub(crate) fn server_settings(run: &Run, token: Option<Token>, environment: &Environment) -> Result<ServerSettings> {
    settle(run, token, environment).map_err(|failed| match (failed, &run.operations.config) {
        // Most of the options are there.
        (Failed::Usage(what), Some(file)) => Failed::Configuration(format!("{}: {what}", file.display())),
        (failed, _) => failed,
    })
}

fn settle(run: &Run, token: Option<Token>, environment: &Environment) -> Result<ServerSettings> {
    let options = options(run, environment)?;
    let Some(directory) = &run.directory else {
        return Err(Failed::Configuration(
            "there is no directory to serve: write directory = \"PATH\" into the file, or name it on the command line"
                .to_owned(),
        ));
    };
    let bucket = bucket_root(directory, run.endpoint.clone())?;
    let root = match &bucket {
        Some(bucket) => PathBuf::from(&bucket.address),
        None => std::path::absolute(directory).map_err(|error| Failed::file(directory, error))?,
    };
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|error| Failed::file(path, error));
    let audit_log = run.audit_log.as_ref().map(absolute).transpose()?;
    let tokens = find_tokens(run, token, environment)?;
    let tokens_file = match &tokens {
        ServerTokens::One { .. } => None,
        ServerTokens::Many(file) => Some(file.path()),
    };
    check_own_files(run, bucket.is_none().then_some(&root), tokens_file)?;
    let operations = &run.operations;
    let hooks = HookSettings {
        on_upload: operations.on_upload.clone(),
        webhook: operations.webhook.clone(),
        timeout: operations.hook_timeout,
    };
    Ok(ServerSettings {
        root,
        bucket,
        port: run.port,
        address: run.address,
        tokens,
        options,
        audit_log,
        metrics: operations.metrics,
        hooks,
        coordinator: operations.coordinator.clone(),
        quiet: run.quiet,
    })
}

/// Reports whether the place to serve is the address of a bucket, or one of that kind, and no directory.
pub(crate) fn is_address(root: &Path) -> bool {
    let scheme = root.to_str().and_then(|root| root.split_once("://")).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn bucket_root(root: &Path, endpoint: Option<String>) -> Result<Option<BucketRoot>> {
    match root.to_str().filter(|_| is_address(root)) {
        Some(address) => Ok(Some(BucketRoot { address: address.to_owned(), endpoint })),
        None if endpoint.is_some() => Err(Failed::usage(
            "'--endpoint' is for buckets: name one to serve, as 's3://BUCKET/PREFIX', or leave it out",
        )),
        None => Ok(None),
    }
}

fn options(run: &Run, environment: &Environment) -> Result<ServerOptions> {
    options_with(run, private_key(run, environment)?)
}

/// Settles the options of a server that has this key, or none.
pub(super) fn options_with(run: &Run, private_key: Option<PrivateKey>) -> Result<ServerOptions> {
    if run.min_chunk_size > run.max_chunk_size {
        return Err(Failed::usage("'--max-chunk-size' must not be smaller than '--min-chunk-size'"));
    }
    if run.session_memory < 4 << 20 {
        return Err(Failed::usage("'--session-memory' must be at least 4M"));
    }
    if run.server_memory < run.session_memory {
        return Err(Failed::usage("'--server-memory' must not be smaller than '--session-memory'"));
    }
    if private_key.is_some() && run.no_encryption {
        return Err(Failed::usage(
            "a server with a private key accepts only encrypted sessions: leave out '--no-encryption', or the key",
        ));
    }
    Ok(ServerOptions {
        file_size_limit: run.file_size_limit.unwrap_or(DEFAULT_FILE_SIZE_LIMIT),
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
        exclusive: run.exclusive,
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
    use crate::settings::TokenSource;
    use clap::Parser;
    use remofile::protocol::path::NameRule;
    use remofile::store::Fsync;
    use zeroize::Zeroizing;

    const KEY: &str = "<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk";

    fn run(flags: &[&str]) -> Run {
        let line = ["remofile", "run", "dir"].iter().chain(flags);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn settled(flags: &[&str], environment: &Environment) -> Result<ServerSettings> {
        server_settings(&run(flags), None, environment)
    }

    #[test]
    fn a_bucket_is_served_in_the_place_of_a_directory() {
        let settled = |line: &[&str]| {
            let line = ["remofile", "run"].iter().chain(line);
            match Arguments::try_parse_from(line).unwrap().command {
                Command::Run(run) => server_settings(&run, None, &Environment::default()),
                other => panic!("{other:?}"),
            }
        };
        let settings = settled(&["s3://bucket/prefix", "--endpoint", "https://s3.example"]).unwrap();
        let endpoint = Some("https://s3.example".to_owned());
        assert_eq!(settings.bucket, Some(BucketRoot { address: "s3://bucket/prefix".to_owned(), endpoint }));
        assert_eq!(settings.root, Path::new("s3://bucket/prefix"));
        assert!(settled(&["./s3"]).unwrap().bucket.is_none());
        let refused = settled(&["directory", "--endpoint", "https://s3.example"]).err().unwrap();
        assert!(refused.message().contains("--endpoint"), "{}", refused.message());
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings = settled(&[], &Environment::default()).unwrap();
        assert!(settings.root.is_absolute());
        assert_eq!((settings.port, settings.address), (6768, None));
        assert!(matches!(settings.tokens, ServerTokens::One { source: TokenSource::Generated, .. }));
        assert_eq!(settings.options.file_size_limit, i64::MAX as u64, "no limit: no file is larger");
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
        assert!(!settings.options.exclusive && !defaults.exclusive);
    }

    #[test]
    fn every_option_arrives() {
        let flags = "0 --address ::1 --file-size-limit 8G --min-chunk-size 1K --max-chunk-size 1M \
                     --require-encryption --file-mode 640 --directory-mode 750 --names posix --fsync each --read-only \
                     --exclusive --partial-expiry 36h --idle-timeout 5m --max-hold 2d --max-sessions 7 --session-memory 128M \
                     --server-memory 2G --audit-log /var/log/audit.jsonl";
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let settings = settled(&flags, &Environment::default()).unwrap();
        assert_eq!(settings.audit_log, Some("/var/log/audit.jsonl".into()));
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
        assert!(options.require_encryption && options.read_only && options.exclusive && !options.allow_plain);
    }

    #[test]
    fn secrets_come_from_the_environment_where_no_flag_gives_them() {
        let environment = Environment {
            token: Some(Zeroizing::new("from-environment".into())),
            private_key: Some(Zeroizing::new(KEY.into())),
            ..Environment::default()
        };
        let settings = settled(&[], &environment).unwrap();
        assert_eq!(one(&settings), ("from-environment", TokenSource::Environment));
        assert!(settings.options.private_key.is_some());
        let given = Token::parse("given").unwrap();
        let settings = server_settings(&run(&[]), Some(given), &environment).unwrap();
        assert_eq!(one(&settings), ("given", TokenSource::Given));
    }

    fn one(settings: &ServerSettings) -> (&str, TokenSource) {
        match &settings.tokens {
            ServerTokens::One { token, source } => (token.reveal(), *source),
            ServerTokens::Many(file) => panic!("{file:?}"),
        }
    }

    #[test]
    fn a_tokens_file_is_named_by_flag_or_variable_and_a_given_token_comes_before_the_variable() {
        let token = Some(Zeroizing::new("for-clients".into()));
        let environment = Environment { token, tokens: Some("/e".into()), ..Environment::default() };
        let path = |flags: &[&str]| match settled(flags, &environment).unwrap().tokens {
            ServerTokens::Many(file) => file.path().to_owned(),
            ServerTokens::One { .. } => panic!("one"),
        };
        assert_eq!((path(&[]), path(&["--tokens", "/f"])), ("/e".into(), "/f".into()));
        let given = Token::parse("given").unwrap();
        assert_eq!(one(&server_settings(&run(&[]), Some(given), &environment).unwrap()), ("given", TokenSource::Given));
    }

    #[test]
    fn an_audit_log_in_the_served_directory_is_refused() {
        let Err(failed) = settled(&["--audit-log", "dir/log"], &Environment::default()) else { panic!("taken") };
        assert!(failed.message().contains("audit log"), "{}", failed.message());
    }

    #[test]
    fn a_log_file_in_the_served_directory_is_refused_and_a_device_is_none() {
        let Err(failed) = settled(&["--log-file", "dir/log"], &Environment::default()) else { panic!("taken") };
        assert!(failed.message().contains("the log file"), "{}", failed.message());
        assert!(settled(&["--log-file", "dir.log"], &Environment::default()).is_ok());
        let line = ["remofile", "run", "/", "--log-file", "/dev/null"];
        let Command::Run(run) = Arguments::try_parse_from(line).unwrap().command else { panic!("no server") };
        assert!(server_settings(&run, None, &Environment::default()).is_ok());
    }

    #[test]
    fn a_log_that_would_be_written_into_a_file_that_the_server_reads_is_refused() {
        let own = tempfile::tempdir().unwrap();
        let (file, around) = (own.path().join("file"), own.path().join("around"));
        std::os::unix::fs::symlink(own.path(), &around).unwrap();
        let link = around.join("file");
        let (file, link) = (file.to_str().unwrap(), link.to_str().unwrap());
        for log in ["--log-file", "--audit-log"] {
            for name in [file, link] {
                let Err(failed) = settled(&[log, name, "--tokens", file], &Environment::default()) else {
                    panic!("{log} {name}")
                };
                assert!(failed.message().contains("and the tokens file are one file"), "{}", failed.message());
            }
        }
        let beside = format!("{file}.log");
        assert!(settled(&["--log-file", &beside, "--tokens", file], &Environment::default()).is_ok());
    }

    #[test]
    fn a_tokens_file_in_the_served_directory_is_refused() {
        for path in ["dir/tokens.toml", "dir/a/b"] {
            let Err(failed) = settled(&["--tokens", path], &Environment::default()) else { panic!("{path}") };
            assert!(failed.message().contains("in the served directory"), "{}", failed.message());
        }
        assert!(settled(&["--tokens", "dir.toml"], &Environment::default()).is_ok());
    }

    #[test]
    fn contradictions_are_usage_errors() {
        let keyed = Environment { private_key: Some(Zeroizing::new(KEY.into())), ..Environment::default() };
        assert!(matches!(settled(&["--no-encryption"], &keyed), Err(Failed::Usage(_))));
        let chunks = settled(&["--min-chunk-size", "2", "--max-chunk-size", "1"], &Environment::default());
        assert!(matches!(chunks, Err(Failed::Usage(_))));
        for flags in [["--session-memory", "1M"], ["--server-memory", "32M"]] {
            assert!(matches!(settled(&flags, &Environment::default()), Err(Failed::Usage(_))));
        }
    }
}
