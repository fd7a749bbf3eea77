//! Options for how bytes cross the line, of every transfer, and what they come to.

use super::values::{Rates, rates};
use clap::{Args, value_parser};
use remofile::transfer::CompressLevel;
use remofile::{RetryOptions, SendOptions};
use std::num::NonZeroU64;

/// The direction in which files move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// The options for how bytes cross the line.
#[derive(Debug, Args)]
pub(crate) struct Line {
    /// Compress content that becomes smaller by it
    #[arg(short = 'z', long)]
    pub(crate) compress: bool,

    /// Compress at this level of zstd, 1 to 19 [default: 3]
    #[arg(long, value_name = "NUM", value_parser = value_parser!(u8).range(1..=19))]
    pub(crate) compress_level: Option<u8>,

    /// Limit of bytes a second, or UP:DOWN; K, M and G multiply by 1024, 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = rates)]
    pub(crate) bwlimit: Option<Rates>,

    /// Retry this many times in a row when the connection is lost
    #[arg(long, value_name = "NUM", default_value_t = 5)]
    pub(crate) retries: u32,

    /// Fail with a file that is written to while it is sent, even if it only grows
    #[arg(long)]
    pub(crate) strict: bool,
}

impl Line {
    /// The options for sending files that way, as far as they are about the line.
    pub(crate) fn send_options(&self, direction: Direction) -> SendOptions {
        let limit = self.bwlimit.and_then(|rates| match direction {
            Direction::Up => rates.up,
            Direction::Down => rates.down,
        });
        SendOptions {
            compress_level: self.compress_level.or(self.compress.then(|| CompressLevel::default().get())),
            bytes_per_second: limit.map(NonZeroU64::get),
            strict: self.strict,
            ..SendOptions::default()
        }
    }

    /// The attempts after a lost connection.
    pub(crate) fn retry_options(&self) -> RetryOptions {
        match self.retries {
            0 => RetryOptions::NEVER,
            times => RetryOptions { times, ..RetryOptions::default() },
        }
    }
}
