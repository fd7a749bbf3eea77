//! The tokens of a server with many users.

use super::values::{sessions, size, some_duration};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use remofile::protocol::path::{InvalidPath, RemotePath};
use remofile::store::STAGING_NAME;
use remofile::tokens::{parse_time, show_time};
use remofile::{TokenName, TokenRights};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Manage the tokens of a server: who may do what, and where
///
/// They are in a file, which 'remofile run --tokens FILE' serves with and takes changes of within a second.
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) which: TokenCommand,
}

/// The action on tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    Add(TokenAdd),
    List(TokenList),
    Remove(TokenRemove),
    Rotate(TokenRotate),
}

impl TokenCommand {
    /// Returns the options that all of them have.
    pub(crate) fn tokens(&self) -> &TokensArgs {
        match self {
            Self::Add(TokenAdd { tokens, .. })
            | Self::List(TokenList { tokens })
            | Self::Remove(TokenRemove { tokens, .. })
            | Self::Rotate(TokenRotate { tokens, .. }) => tokens,
        }
    }
}

/// The options of all of them.
#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    /// File with the tokens [env: REMOFILE_TOKENS] [default: remofile/tokens.toml in the directory of
    /// configuration files]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tokens: Option<PathBuf>,

    /// Print objects, one a line, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// Add a token, and print it: it is shown this once
#[derive(Debug, Args)]
pub(crate) struct TokenAdd {
    /// Name of whoever gets it, for logs and refusals: letters, digits, and any of . _ - @ +
    pub(crate) name: TokenName,

    /// What its holder may do
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) rights: Rights,

    /// Directory of the server that its holder sees as the root directory [default: all]
    #[arg(long, value_name = "DIRECTORY", value_parser = below)]
    pub(crate) below: Option<RemotePath>,

    /// Time after which it ends (12h, 30d), or the date or time at which (2026-12-31, 2026-12-31T18:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = expires)]
    pub(crate) expires: Option<Expires>,

    /// Most bytes of files below its directory; K, M, G and T multiply by 1024
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) quota: Option<u64>,

    /// Largest file that its holder may store, in bytes
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) file_size_limit: Option<u64>,

    /// Most bytes a second, in each direction, of all its sessions together
    #[arg(long, value_name = "RATE", value_parser = size)]
    pub(crate) bwlimit: Option<u64>,

    /// Most sessions at the same time
    #[arg(long, value_name = "COUNT", value_parser = sessions)]
    pub(crate) sessions: Option<usize>,

    /// File whose first line is the token, instead of a generated one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// Add nothing, and tell what would be added
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) tokens: TokensArgs,
}

/// List the tokens: names, rights, directories, limits, and when each was used
#[derive(Debug, Args)]
pub(crate) struct TokenList {
    #[command(flatten)]
    pub(crate) tokens: TokensArgs,
}

/// Remove a token: whoever has it is cut off within a second
#[derive(Debug, Args)]
pub(crate) struct TokenRemove {
    /// Its name
    pub(crate) name: TokenName,

    /// Remove nothing, and tell whether it could be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) tokens: TokensArgs,
}

/// Put a new token in the place of one, and print it
///
/// Name, rights and limits stay. The former token ends at once, or when the grace is over.
#[derive(Debug, Args)]
pub(crate) struct TokenRotate {
    /// Its name
    pub(crate) name: TokenName,

    /// Time for which the former token is taken as well (90s, 15m, 12h, 1d)
    #[arg(long, value_name = "TIME", value_parser = some_duration)]
    pub(crate) grace: Option<Duration>,

    /// File whose first line is the new token, instead of a generated one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// Change nothing, and tell whether it could be changed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) tokens: TokensArgs,
}

/// The rights of a token.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Rights {
    /// List and read
    Read,
    /// Create what has a new name, and nothing else: neither list, read, replace nor delete
    Upload,
    /// Read, create, replace and delete
    Write,
    /// As write, and see who else is at work and what was interrupted
    All,
}

impl From<Rights> for TokenRights {
    fn from(rights: Rights) -> Self {
        match rights {
            Rights::Read => Self::Read,
            Rights::Upload => Self::Upload,
            Rights::Write => Self::Write,
            Rights::All => Self::All,
        }
    }
}

/// The end of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expires {
    After(Duration),
    At(SystemTime),
}

impl Expires {
    /// Returns the moment, if it is one to come.
    pub(crate) fn from(self, now: SystemTime) -> Result<SystemTime, &'static str> {
        match self {
            Self::After(time) => {
                // A file says a time until the year 9999.
                let end = now.checked_add(time).map(full_second).filter(|&end| show_time(end).is_some());
                end.ok_or("the time of '--expires' is too long: leave it out for a token that does not end")
            }
            Self::At(time) if time > now => Ok(time),
            Self::At(_) => Err("the time of '--expires' is over already: say one to come"),
        }
    }
}

/// Returns the next full second: people read the end, and edit it in the file.
fn full_second(time: SystemTime) -> SystemTime {
    let part = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let missing = if part == 0 { 0 } else { 1_000_000_000 - part };
    time.checked_add(Duration::from_nanos(missing.into())).unwrap_or(time)
}

fn expires(text: &str) -> Result<Expires, String> {
    if let Some(time) = parse_time(text) {
        return Ok(Expires::At(time));
    }
    some_duration(text).map(Expires::After).map_err(|_| {
        "it is a time from now on, such as 12h or 30d, a date, which begins in UTC, such as 2026-12-31, or a time with its \
         zone, such as 2026-12-31T18:00:00Z"
            .to_owned()
    })
}

fn below(text: &str) -> Result<RemotePath, String> {
    if !text.starts_with('/') {
        return Err("it is a path from the server's root directory on, such as /inbox".to_owned());
    }
    let path: RemotePath = text.parse().map_err(|error: InvalidPath| error.to_string())?;
    match path.as_str().split('/').nth(1) {
        Some(STAGING_NAME) => Err(format!("/{STAGING_NAME} is reserved for Remofile: no token reaches it")),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_a_time_from_now_on_or_a_moment_to_come() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_675_200);
        for (text, seconds) in [("30d", 30 * 86_400), ("1s", 1), ("2027-01-01", 86_400), ("2026-12-31T00:01:00Z", 60)] {
            let expected = Ok(now + Duration::from_secs(seconds));
            assert_eq!(expires(text).unwrap().from(now), expected, "{text}");
        }
        let late = expires("1h").unwrap().from(now + Duration::from_nanos(1));
        assert_eq!(late, Ok(now + Duration::from_secs(3601)), "the next full second");
        for text in ["2026-12-31", "2020-01-01", "1969-12-31T23:59:59Z"] {
            assert!(expires(text).unwrap().from(now).unwrap_err().contains("over already"), "{text}");
        }
        for text in ["", "30", "0d", "tomorrow", "2026-12-31T18:00:00", "31.12.2026", "2026-02-30"] {
            assert!(expires(text).unwrap_err().contains("2026-12-31"), "{text}");
        }
        assert!(expires("99999999999999d").unwrap().from(now).unwrap_err().contains("too long"));
    }

    #[test]
    fn a_directory_is_named_from_the_root_on() {
        assert_eq!(below("/in box/").unwrap().as_str(), "/in box");
        for text in ["", "inbox", "/../etc", "/a/../../b"] {
            assert!(below(text).is_err(), "{text}");
        }
    }
}
