//! The log: what the library traces, on standard error.

use crate::failed::{Failed, Result};
use tracing::level_filters::LevelFilter;

/// Begins to log: what `REMOFILE_LOG` names, else what the number of `-v` asks for.
pub(crate) fn begin(verbose: u8) -> Result<()> {
    let level = match std::env::var("REMOFILE_LOG") {
        Ok(name) if !name.is_empty() => parse(&name)?,
        _ => of_count(verbose),
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).init();
    Ok(())
}

/// Whether anything asks for more than warnings: a client without that needs no log at all.
pub(crate) fn is_wanted(verbose: u8) -> bool {
    verbose > 0 || std::env::var_os("REMOFILE_LOG").is_some_and(|name| !name.is_empty())
}

fn of_count(verbose: u8) -> LevelFilter {
    match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn parse(name: &str) -> Result<LevelFilter> {
    name.parse().map_err(|_| {
        Failed::Configuration(format!("REMOFILE_LOG is {name:?}: it must be off, error, warn, info, debug or trace"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_from_a_name_or_a_count() {
        assert_eq!(of_count(0), LevelFilter::WARN);
        assert_eq!(of_count(9), LevelFilter::TRACE);
        assert_eq!(parse("Debug").unwrap(), LevelFilter::DEBUG);
        assert!(parse("loud").is_err());
    }
}
