//! Events for scripts: an object a line. `docs/commands.md` describes them.

use super::count::Count;
use crate::failed::Result;
use crate::output::{Data, json, stderr_line};
use remofile::protocol::wire::Failure;
use remofile::{Error, Event, TransferReport};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The shortest time between two objects that tell how far it is.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(100);

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventsTo {
    /// Standard output.
    Stdout,
    /// Standard error, because standard output has the file.
    Stderr,
}

/// Writes events.
pub(super) struct Events {
    sink: Sink,
    /// When it was told how far it is, and what was told.
    progress: Option<(Instant, Value)>,
}

enum Sink {
    Stdout(Box<Data>),
    Stderr,
    /// Nobody reads any more, or nothing can be written.
    Failed(crate::failed::Failed),
}

impl Events {
    pub(super) fn new(to: EventsTo) -> Result<Self> {
        let sink = match to {
            EventsTo::Stdout => Sink::Stdout(Box::new(Data::in_background()?)),
            EventsTo::Stderr => Sink::Stderr,
        };
        Ok(Self { sink, progress: None })
    }

    /// Tells an event, if it has all that is to be told of it.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let object = match event {
            Event::Waiting { holders } => {
                json!({"event": "waiting", "holders": holders.iter().map(json::holder).collect::<Vec<_>>()})
            }
            Event::Total { files, bytes } => json!({"event": "total", "files": files, "bytes": bytes}),
            Event::FilePresent { path, size } => json!({"event": "present", "path": path, "size": size}),
            Event::FileStarted { path, size, offset } => {
                json!({"event": "start", "path": path, "size": size, "offset": offset})
            }
            Event::FileFinished { path } => json!({"event": "finish", "path": path}),
            Event::Retrying { .. }
            | Event::Transferred { .. }
            | Event::FileSkipped { .. }
            | Event::FileFailed { .. } => return,
        };
        self.write(&object);
    }

    pub(super) fn retrying(&mut self, error: &Error, (attempt, of): (u32, u32), pause: Duration) {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let (kind, message) = (error.kind(), error.to_string());
        let object = json!({"event": "retrying", "kind": kind, "message": message, "attempt": attempt, "of": of,
            "pause_ms": pause});
        self.write(&object);
    }

    pub(super) fn skipped(&mut self, failure: &Failure) {
        self.of_file("skipped", failure);
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.of_file("failed", failure);
    }

    fn of_file(&mut self, event: &str, failure: &Failure) {
        let mut object = json::failure(failure);
        object["event"] = event.into();
        self.write(&object);
    }

    /// Tells how far it is, unless it was told a moment ago.
    pub(super) fn progress(&mut self, count: &Count) {
        let now = Instant::now();
        if self.progress.as_ref().is_none_or(|(last, _)| now.duration_since(*last) >= BETWEEN_PROGRESS) {
            self.progress_at(now, count);
        }
    }

    /// Tells it once more.
    pub(super) fn progress_in_the_end(&mut self, count: &Count) {
        self.progress_at(Instant::now(), count);
    }

    fn progress_at(&mut self, now: Instant, count: &Count) {
        let object =
            json!({"event": "progress", "bytes": count.done(), "total": count.total(), "path": count.current()});
        if self.progress.as_ref().is_none_or(|(_, last)| *last != object) {
            self.write(&object);
            self.progress = Some((now, object));
        }
    }

    pub(super) fn summary(&mut self, report: &TransferReport, elapsed: Duration) {
        let mut object = json::transfer(report);
        object["event"] = "summary".into();
        object["seconds"] = elapsed.as_secs_f64().into();
        self.write(&object);
    }

    fn write(&mut self, object: &Value) {
        let line = object.to_string();
        let written = match &mut self.sink {
            Sink::Stdout(data) => data.line(&line).and_then(|()| data.flush()),
            Sink::Stderr => {
                stderr_line(&line);
                Ok(())
            }
            Sink::Failed(_) => return,
        };
        if let Err(failed) = written {
            self.sink = Sink::Failed(failed);
        }
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) -> Result<()> {
        match self.sink {
            Sink::Stdout(mut data) => data.finish(),
            Sink::Stderr => Ok(()),
            Sink::Failed(failed) => Err(failed),
        }
    }
}
