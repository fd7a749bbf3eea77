//! Events for scripts: an object a line. `docs/commands.md` describes them.

use super::count::Count;
use super::sink::{EventsTo, Sink};
use crate::failed::{Result, without_number};
use crate::output::json::{self, Object};
use crate::output::plan::{self, Counts};
use remofile::protocol::wire::Failure;
use remofile::sync::plan::Step;
use remofile::{Error, Event, TransferReport};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The shortest time between two objects that tell how far it is.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(100);

/// Writes events.
pub(super) struct Events {
    sink: Sink,
    /// The time of the last event of progress, and that event.
    progress: Option<(Instant, Value)>,
}

impl Events {
    pub(super) fn new(to: EventsTo) -> Result<Self> {
        Ok(Self { sink: Sink::new(to)?, progress: None })
    }

    /// Tells an event, if it has all that is to be told of it.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let object = match event {
            Event::Waiting { holders } => json::waiting(holders),
            Event::Total { files, bytes } => json!({"event": "total", "files": files, "bytes": bytes}),
            Event::FilePresent { path, size } => json!({"event": "present", "path": path, "size": size}),
            Event::FileStarted { path, size, offset } => {
                json!({"event": "start", "path": path, "size": size, "offset": offset})
            }
            Event::FileFinished { path } => json!({"event": "finish", "path": path}),
            Event::Retrying { .. }
            | Event::Planned { .. }
            | Event::Transferred { .. }
            | Event::FileSkipped { .. }
            | Event::FileFailed { .. } => return,
        };
        self.write(&object);
    }

    pub(super) fn retrying(&mut self, error: &Error, (attempt, of): (u32, u32), pause: Duration) {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let (kind, message) = (error.kind(), without_number(&error.to_string()));
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

    /// Tells a step of a plan.
    pub(super) fn step(&mut self, step: &Step) {
        self.sink.object(&plan::step(step));
    }

    /// Tells what was told so far.
    pub(super) fn flush(&mut self) {
        self.sink.flush();
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

    /// Tells what was done, and what was planned if there was a plan.
    pub(super) fn summary(&mut self, report: &TransferReport, planned: Option<(&Counts, bool)>, elapsed: Duration) {
        let mut object = json::transfer(report);
        if let Some((counts, is_dry_run)) = planned {
            object["plan"] = plan::counts(counts);
            object["dry_run"] = is_dry_run.into();
        }
        object["event"] = "summary".into();
        object["seconds"] = elapsed.as_secs_f64().into();
        self.write(&object);
    }

    fn write(&mut self, object: &Value) {
        self.sink.object(&Object::from(object));
        self.sink.flush();
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) -> Result<()> {
        self.sink.finish()
    }
}
