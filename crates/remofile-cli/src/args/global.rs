//! The options that every command has.

use clap::{ArgAction, Args};

/// The options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print more on standard error: -v information (transfers: each file), -vv debugging, -vvv
    /// everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// The descriptor to read the token from; the command gives it to itself
    #[arg(long, global = true, hide = true)]
    pub(crate) token_fd: Option<u32>,

    /// Serve in the background and tell the parent; the command gives it to itself
    #[arg(long, global = true, hide = true)]
    pub(crate) background: bool,
}
