//! An audit log that a test reads.

use remofile::server::AuditLog;
use std::io;
use std::sync::{Arc, Mutex};

/// An audit log in memory.
pub struct Audited {
    pub log: AuditLog,
    bytes: Shared,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Audited {
    pub fn new() -> Self {
        let bytes = Shared::default();
        Self { log: AuditLog::to_writer(bytes.clone()), bytes }
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.flush();
        let bytes = self.bytes.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    /// The event, what was done, the paths and the outcome of each line about operations and entries.
    pub fn told(&self) -> Vec<String> {
        let lines = self.lines().into_iter().filter(|line| text(line, "event").is_some_and(|event| event != "session"));
        let fields = |line: String| {
            ["event", "what", "path", "to", "outcome"].iter().filter_map(|name| text(&line, name)).collect::<Vec<_>>()
        };
        lines.map(|line| fields(line).join(" ")).collect()
    }

    /// Waits for a line that begins so: a server that is stopped earlier tells that it interrupted the operation.
    pub fn await_line(&self, beginning: &str) {
        while !self.told().iter().any(|line| line.starts_with(beginning)) {
            std::thread::yield_now();
        }
    }

    /// The only line that has this text.
    #[track_caller]
    pub fn only(&self, wanted: &str) -> String {
        let mut found: Vec<String> = self.lines().into_iter().filter(|line| line.contains(wanted)).collect();
        assert_eq!(found.len(), 1, "{wanted}: {found:?}");
        found.remove(0)
    }
}

/// A text of a line that needs no escapes.
pub fn text(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// A number of a line.
pub fn number(line: &str, name: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}']).next()?.parse().ok()
}
