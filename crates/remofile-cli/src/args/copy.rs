//! The command that copies, wherever the files are.

use super::connection::Connection;
use super::receive::Receive;
use super::transfer::{HOW, Transfer};
use clap::Args;
use std::path::PathBuf;

// Of one list of arguments, clap cannot say that the last is something else.
const COPY_USAGE: &str = "remofile copy [OPTIONS] SOURCE... DESTINATION";

/// Copy files: to a server, from one, within one, or from one to another
///
/// ':/path' is a path at the default server, 'NAME:/path' at that of a profile, and 'remofile://HOST/path' at any; other
/// paths are local. If none is marked like that, all are paths of the default server, which copies within itself.
///
/// A destination that does not exist names the copy of a single source; an existing directory, or one with a slash at its
/// end, holds what is copied. Within a server nothing is sent, and from one server to another nothing is kept on this side. A
/// copy that was interrupted goes on when the same command is run again.
#[derive(Debug, Args)]
#[command(override_usage = COPY_USAGE)]
pub(crate) struct Copy {
    /// Files and directories; then the path of the copy, or the directory that gets it
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    #[command(flatten, next_help_heading = HOW)]
    pub(crate) receive: Receive,

    #[command(flatten)]
    pub(crate) connection: Connection,
}
