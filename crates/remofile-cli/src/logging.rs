//! The log: what the library traces, on standard error.

use crate::failed::{Failed, Result};
use crate::output::text::harmless;
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;

/// Begins to log: what `REMOFILE_LOG` names, else what the number of `-v` asks for.
pub(crate) fn begin(verbose: u8) -> Result<()> {
    let level = match std::env::var("REMOFILE_LOG") {
        Ok(name) if !name.is_empty() => parse(&name)?,
        _ => of_count(verbose),
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(|| Harmless(io::stderr())).with_target(false).init();
    Ok(())
}

/// Reports whether anything asks for more than warnings: a client without that needs no log at all.
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

/// A log of which every line is harmless to show. It is given whole events, each with a line feed at its end: one inside
/// comes from what a peer or a file said, and would make a line that nobody logged.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = event.strip_suffix(b"\n").map_or((event, ""), |text| (text, "\n"));
        let line = format!("{}{end}", harmless(&String::from_utf8_lossy(text)));
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
    use remofile::protocol::printable::is_harmful;
    use std::sync::{Arc, Mutex};

    #[test]
    fn levels_come_from_a_name_or_a_count() {
        assert_eq!(of_count(0), LevelFilter::WARN);
        assert_eq!(of_count(9), LevelFilter::TRACE);
        assert_eq!(parse("Debug").unwrap(), LevelFilter::DEBUG);
        assert!(parse("loud").is_err());
    }

    #[test]
    fn what_a_peer_says_is_one_harmless_line_of_the_log() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || Harmless(Kept(writer.clone())))
            .with_target(false)
            .without_time()
            .finish();
        let client = "eve\u{9b}2J\u{202e}\u{1b}[31m\nWARN forged";
        tracing::subscriber::with_default(subscriber, || tracing::info!(%client, as_text = client, "session {client}"));
        let told = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(told.matches('\n').count(), 1, "{told:?}");
        assert!(told.ends_with('\n') && !told.trim_end().chars().any(is_harmful), "{told:?}");
        assert_eq!(told.matches("2J").count(), 3, "{told}");
    }

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
