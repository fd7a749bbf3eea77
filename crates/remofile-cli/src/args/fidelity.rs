//! Options for what keeps files as they are.

use clap::Args;
use std::path::PathBuf;

/// The options for what keeps files as they are, beside permissions, times and holes.
#[derive(Debug, Args)]
pub(crate) struct Fidelity {
    /// Send a file that has several names once, and make its other names hard links
    #[arg(short = 'H', long)]
    pub(crate) hard_links: bool,

    /// Transfer special files as well: pipes, sockets and, where the receiving side runs as root, devices
    #[arg(short = 'D', long, alias = "specials")]
    pub(crate) devices: bool,

    /// Directory of an earlier copy on the side that receives: what did not change since becomes hard links to it, and is not
    /// sent
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) link_dest: Option<PathBuf>,

    /// Encode names that the other side does not admit, and decode them on this side again; --archive does it, too
    #[arg(long)]
    pub(crate) encode_names: bool,
}
