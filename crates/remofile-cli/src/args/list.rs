//! The arguments of 'list'.

use super::connection::Connection;
use crate::failed::{Failed, Result};
use crate::output::colors::When;
use clap::{ArgAction, Args, ValueEnum};

/// List files in the remote directory
///
/// A second argument that is a number is the port, and a third one the token then: 'list [DIRECTORY] [PORT] [TOKEN]'.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "remofile list [OPTIONS] [PATH]...\n       remofile list [OPTIONS] [DIRECTORY] [PORT] [TOKEN]"
)]
pub(crate) struct List {
    /// Remote directories and files, or shell patterns of such [default: /]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Show kind, size and time of last modification, too
    #[arg(short = 'l', long = "all", short_alias = 'a', visible_short_alias = 'a', action = ArgAction::Count)]
    pub(crate) long: u8,

    /// List directories and their contents, with names relative to PATH
    #[arg(short, long, short_alias = 'R')]
    pub(crate) recursive: bool,

    /// Show sizes as 1.2K, 34M, 5.6G
    #[arg(short = 'h', long)]
    pub(crate) human_readable: bool,

    /// Order of the entries of a directory: by name, the largest or the newest first
    #[arg(long, value_enum, value_name = "KEY")]
    pub(crate) sort: Option<SortBy>,

    /// The largest first, as with '--sort size'
    #[arg(short = 'S', conflicts_with = "sort")]
    pub(crate) by_size: bool,

    /// The order turned round
    #[arg(long)]
    pub(crate) reverse: bool,

    /// Directories and links themselves, not what is in them
    #[arg(short, long, conflicts_with = "recursive")]
    pub(crate) directory: bool,

    /// Show kinds by a sign behind names: '/' directory, '*' program, '@' link
    #[arg(short = 'F', long)]
    pub(crate) classify: bool,

    /// Colour names as LS_COLORS has it
    #[arg(long, visible_alias = "colour", value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
          default_value = "auto", default_missing_value = "always")]
    pub(crate) color: When,

    /// One name a line, as always
    #[arg(short = '1', hide = true)]
    pub(crate) one_a_line: bool,

    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    pub(crate) help: Option<bool>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// By name
    Name,
    /// The largest first
    Size,
    /// The newest first
    Time,
}

impl List {
    /// Returns the order that is asked for.
    pub(crate) fn order(&self) -> Option<SortBy> {
        if self.by_size { Some(SortBy::Size) } else { self.sort }
    }

    /// Returns the port and the token that were given as arguments, as the original takes them.
    pub(crate) fn port_and_token(&self) -> (Option<&str>, Option<&str>) {
        let is_number = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match &self.paths[..] {
            [_, port] if is_number(port) => (Some(port), None),
            [_, port, token] if is_number(port) => (Some(port), Some(token)),
            _ => (None, None),
        }
    }

    /// Returns the port that was given as an argument.
    ///
    /// # Errors
    /// [`Failed::Usage`] if it is none, or if there is another one.
    pub(crate) fn port(&self) -> Result<Option<u16>> {
        let (port, token) = self.port_and_token();
        let Some(text) = port else { return Ok(None) };
        if self.connection.port.is_some() {
            return Err(Failed::usage(format!("there are two ports, {text} and '--port': leave out one")));
        }
        if token.is_some() && (self.connection.token.is_some() || self.connection.token_file.is_some()) {
            return Err(Failed::usage("there are two tokens: leave out one"));
        }
        let wrong = || Failed::usage(format!("{text} is no port (1 to 65535); a directory of that name is '/{text}'"));
        text.parse().ok().filter(|&port: &u16| port > 0).ok_or_else(wrong).map(Some)
    }

    /// Returns the paths to list.
    pub(crate) fn listed(&self) -> &[String] {
        if self.port_and_token().0.is_some() { &self.paths[..1] } else { &self.paths }
    }
}
