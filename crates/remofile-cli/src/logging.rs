//! The log: what the library traces, on standard error.

use crate::args::LogFormat;
use crate::failed::{Failed, Result};
use crate::output;
use crate::output::screen::Stderr;
use crate::output::text::harmless;
use remofile::protocol::printable::harmless_json;
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The variables that tell what is logged, the one that counts more first. Other programs heed the second one, too.
const OWN_VARIABLE: &str = "REMOFILE_LOG";
const VARIABLE: &str = "RUST_LOG";

/// Begins to log: what `REMOFILE_LOG` or `RUST_LOG` names, else what the number of `-v` asks for. The first call counts, of
/// a command that talks to several servers.
pub(crate) fn begin(verbose: u8) -> Result<()> {
    begin_as(verbose, LogFormat::Text)
}

/// Begins to log in this form.
pub(crate) fn begin_as(verbose: u8, format: LogFormat) -> Result<()> {
    let wanted = wanted(verbose)?;
    // Logs are read by programs as much as by people, and what is harmful in them is made visible.
    let log = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    // Otherwise a line that cannot be written, since a disk is full or a terminal gone, is a panic.
    let log = log.log_internal_errors(false);
    let registry = tracing_subscriber::registry();
    let _begun_before = match format {
        LogFormat::Text => registry.with(log.with_writer(|| Harmless(Stderr)).with_filter(wanted)).try_init(),
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false).with_span_list(false);
            output::log_warnings();
            registry.with(log.with_writer(|| HarmlessJson(Stderr)).with_filter(wanted)).try_init()
        }
    };
    Ok(())
}

fn wanted(verbose: u8) -> Result<Targets> {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    if let Some(name) = named(OWN_VARIABLE) {
        return parse(&name).map(|level| Targets::new().with_default(level));
    }
    match named(VARIABLE).map(|directives| directives.parse()) {
        Some(Ok(wanted)) => return Ok(wanted),
        // It may be meant for another program, with another grammar.
        Some(Err(_)) => output::warn("RUST_LOG is not heeded: it is not like 'info' or 'warn,remofile=debug'"),
        None => {}
    }
    Ok(Targets::new().with_default(of_count(verbose)))
}

/// Reports whether anything asks for more than warnings: a client without that needs no log at all.
pub(crate) fn is_wanted(verbose: u8) -> bool {
    let is_named = |variable: &str| std::env::var_os(variable).is_some_and(|name| !name.is_empty());
    verbose > 0 || is_named(OWN_VARIABLE) || is_named(VARIABLE)
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

/// The same for a log of which every line is an object. What is harmful is in its texts, and is escaped there.
struct HarmlessJson<W>(W);

impl<W: Write> Write for HarmlessJson<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = event.strip_suffix(b"\n").map_or((event, ""), |text| (text, "\n"));
        let line = harmless_json(String::from_utf8_lossy(text).into_owned()) + end;
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
            .with_ansi(false)
            .without_time()
            .finish();
        let client = "eve\u{9b}2J\u{202e}\u{1b}[31m\nWARN forged";
        tracing::subscriber::with_default(subscriber, || tracing::info!(%client, as_text = client, "session {client}"));
        let told = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(told.matches('\n').count(), 1, "{told:?}");
        assert!(told.ends_with('\n') && !told.trim_end().chars().any(is_harmful), "{told:?}");
        assert_eq!(told.matches("2J").count(), 3, "{told}");
    }

    #[test]
    fn what_a_peer_says_is_harmless_in_an_object_and_stays_what_it_is() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = log.clone();
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).without_time().with_target(false);
        let layer = layer.with_writer(move || HarmlessJson(Kept(writer.clone())));
        let client = "eve\u{9b}2J\u{202e}\u{1b}[31m\nWARN forged";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(client, "opened");
        });
        let told = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert!(told.ends_with('\n') && !told.trim_end().chars().any(is_harmful), "{told:?}");
        let object: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&object["client"], &object["level"]), (&client.into(), &"INFO".into()));
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
