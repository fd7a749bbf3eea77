//! Options for how downloaded files are stored on this side.

use super::server::Fsync;
use super::values::duration;
use clap::Args;
use std::time::Duration;

/// The options for how downloaded files are stored.
#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// Moment at which downloaded files are flushed to the disk [env: REMOFILE_FSYNC] [default: end]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) fsync: Option<Fsync>,

    /// Keep the partials of interrupted downloads this long (90s, 15m, 12h, 7d)
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    pub(crate) partial_expiry: Duration,
}
