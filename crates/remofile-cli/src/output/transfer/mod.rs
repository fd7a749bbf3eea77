//! The output of a transfer while it runs, and in the end: files that failed, who is waited for, and, if it was
//! asked for, each file, how far it is, and what was done.

mod ask;
mod bar;
mod conclusion;
mod count;
mod events;
mod file_count;
mod output_options;
mod sink;
mod so_far;
mod stats;

pub(crate) use ask::Ask;
pub(crate) use output_options::{Changes, OutputOptions};
pub(crate) use sink::EventsTo;

use super::plan::{self, Planned};
use super::{Presentation, note_line, screen, stderr_line, text::harmless, waiting_for};
use crate::failed::{Result, without_number};
use bar::Bar;
use count::Count;
use events::Events;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure, Holder, OnConflict};
use remofile::sync::plan::{Plan, Step, Tally};
use remofile::{Conflict, Error, Event, Monitor};
use sink::Sink;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Failures that are told once, however often they are met.
const MOST_TOLD: usize = 100_000;

/// Shows a transfer.
pub(crate) struct Show {
    wanted: OutputOptions,
    presentation: Presentation,
    bar: Option<Bar>,
    events: Option<Events>,
    /// Takes itemized changes.
    items: Option<Sink>,
    ask: Option<Ask>,
    count: Count,
    /// The plan, if there is one.
    planned: Option<Planned>,
    /// Hashes of the failures that were told as they happened.
    told: HashSet<u64>,
    hashes: RandomState,
    started: Instant,
    /// True if the same command goes on where this one was interrupted.
    goes_on: bool,
    /// Those who were waited for last.
    waited_for: Vec<Holder>,
}

impl Show {
    /// A transfer begins.
    ///
    /// # Errors
    /// [`Failed::Output`]
    pub(crate) fn new(wanted: OutputOptions, ask: Option<Ask>) -> Result<Self> {
        let json = wanted.events.is_some();
        let bar = wanted.progress && !json;
        let events = wanted.events.filter(|_| !wanted.quiet).map(Events::new).transpose()?;
        let items = match wanted.changes {
            Changes::Itemized(to) if !json => Some(Sink::new(to)?),
            _ => None,
        };
        Ok(Self {
            wanted,
            presentation: Presentation { json },
            bar: bar.then(Bar::begin),
            events,
            items,
            ask,
            count: Count::default(),
            planned: None,
            told: HashSet::new(),
            hashes: RandomState::new(),
            started: Instant::now(),
            goes_on: true,
            waited_for: Vec::new(),
        })
    }

    /// Reports whether the total is shown to somebody.
    pub(crate) fn wants_total(&self) -> bool {
        self.bar.is_some() || self.events.is_some()
    }

    /// Notes that the transfer begins anew when it is run again after an interruption: it resumes nothing, or is about a stream.
    pub(crate) fn begins_anew(&mut self) {
        self.goes_on = false;
    }

    fn tell_failure(&mut self, failure: &Failure) {
        let line = self.presentation.file_line(failure);
        let is_new = self.told.len() >= MOST_TOLD || self.told.insert(self.hashes.hash_one(&line));
        if is_new {
            self.line(&line);
            if let Some(events) = &mut self.events {
                events.failed(failure);
            }
        }
    }

    /// The destination is not the directory that holds the copy, as it would be otherwise, but the copy.
    pub(crate) fn goes_on_with(&self, path: impl Display) {
        if self.is_talking() {
            self.note(&going_on_with(path));
        }
    }

    /// Tells a plan before it is carried out.
    fn planned(&mut self, plan: &Plan) {
        let mut planned = self.planned.take().unwrap_or_default();
        planned.add(plan, &mut |step| match &mut self.events {
            Some(events) => events.step(step),
            None => self.tell_step(step),
        });
        self.planned = Some(planned);
        self.events.iter_mut().for_each(Events::flush);
        if let Some(items) = &mut self.items {
            items.flush();
        }
        if !self.wanted.dry_run {
            let Tally { files, bytes } = plan::to_send(plan);
            self.count.set_rest(files, bytes);
            if let Some(events) = &mut self.events {
                events.event(&Event::Total { files, bytes });
            }
            self.moved();
        }
    }

    fn tell_step(&mut self, step: &Step) {
        let direction = self.wanted.direction;
        match (&mut self.items, self.wanted.changes) {
            (Some(items), _) => plan::itemized(step, direction).iter().for_each(|line| items.line(&harmless(line))),
            (None, Changes::Named) => plan::named(step).iter().for_each(|line| self.line(&harmless(line))),
            (None, _) => {}
        }
        if self.wanted.left && self.is_talking() {
            plan::left(step).iter().for_each(|line| self.note(line));
        }
    }

    fn skipped(&mut self, failure: &Failure) {
        if let Some(events) = &mut self.events {
            events.skipped(failure);
        } else if self.is_talking() {
            self.line(&self.presentation.file_line(failure));
        }
    }

    fn retrying(&mut self, error: &Error, (attempt, of): (u32, u32), pause: Duration) {
        self.count.again();
        if let Some(bar) = &self.bar {
            bar.pause(self.started.elapsed(), pause);
        }
        if let Some(events) = &mut self.events {
            events.retrying(error, (attempt, of), pause);
        } else if self.is_talking() {
            let (what, pause) = (what_happened(error), pause.as_secs_f64());
            self.note(&format!("{what}; trying again in {pause} s ({attempt} of {of})"));
        }
    }

    /// Tells whom it waits for, unless that was told last: several requests may meet the same holder.
    fn tell_waiting(&mut self, holders: &[Holder]) {
        let who = holders.iter().map(|holder| Holder { held_milliseconds: 0, ..holder.clone() }).collect();
        if self.waited_for != who && self.is_talking() {
            self.note(&waiting_for(holders));
        }
        self.waited_for = who;
    }

    fn finished(&mut self, path: &str, remark: &str) {
        if self.wanted.files && self.is_talking() {
            self.line(&format!("{}{remark}", harmless(path)));
        }
    }

    /// Reports whether there is anything to tell besides errors, and in words.
    fn is_talking(&self) -> bool {
        !self.wanted.quiet && self.wanted.events.is_none()
    }

    fn note(&self, text: &str) {
        self.line(&note_line(text));
    }

    fn line(&self, line: &str) {
        stderr_line(line);
    }

    /// Shows how far it is to who looks at it.
    fn show_bar(&self) {
        if let Some(bar) = &self.bar {
            bar.update(&self.count, self.started.elapsed());
        }
    }

    /// Shows how far it is.
    fn moved(&mut self) {
        self.show_bar();
        if let Some(events) = &mut self.events {
            events.progress(&self.count);
        }
    }
}

impl Monitor for Show {
    fn report(&mut self, event: Event<'_>) {
        if let Some(events) = &mut self.events {
            events.event(&event);
        }
        match event {
            Event::Waiting { holders } => {
                if let Some(bar) = &self.bar {
                    bar.wait(self.started.elapsed());
                }
                self.tell_waiting(holders);
            }
            Event::Retrying { error, attempt, of, pause } => self.retrying(error, (attempt, of), pause),
            Event::Total { files, bytes } => {
                self.count.set_total(files, bytes);
                self.moved();
            }
            Event::FilePresent { path, size } => {
                self.count.file_present(size);
                self.finished(path, " (there already)");
                self.moved();
            }
            Event::FileStarted { path, size, offset } => {
                self.count.started(path, size, offset);
                self.moved();
            }
            Event::Transferred { bytes } => {
                self.count.transferred(bytes);
                self.moved();
            }
            Event::FileFinished { path } => {
                self.count.finished(path);
                self.finished(path, "");
                // What a plan sends may be made of what is there.
                if self.planned.is_some() {
                    self.count.completed(path);
                    self.moved();
                } else {
                    self.show_bar();
                }
            }
            Event::FileSkipped { failure } => self.skipped(failure),
            Event::FileFailed { failure } => self.tell_failure(failure),
            Event::Planned { plan } => self.planned(plan),
        }
    }

    fn resolve(&mut self, conflict: &Conflict<'_>) -> OnConflict {
        let Some(ask) = &mut self.ask else { return OnConflict::Abort };
        let _no_bar = screen::Hold::begin();
        ask.ask(conflict)
    }
}

/// Tells that a copy which an earlier run of the same command has begun is gone on with.
pub(crate) fn going_on_with(path: impl Display) -> String {
    format!("going on with {path}, which an earlier run has begun")
}

/// Returns the reason a transfer is tried again, without the advice to do what is being done.
fn what_happened(error: &Error) -> String {
    match error {
        Error::ConnectionLost(source) => {
            format!("the connection was lost ({})", without_number(&source.to_string()))
        }
        Error::PeerSilent(silence) => format!("the server has not answered for {} s", silence.as_secs()),
        Error::Remote(failure) if failure.code == ErrorCode::ShuttingDown => "the server is shutting down".to_owned(),
        Error::Remote(failure) if failure.code == ErrorCode::CoordinatorLost => {
            "the server has lost its coordinator".to_owned()
        }
        Error::Refused(refusal @ Refusal::ShuttingDown) => refusal.to_string(),
        other => without_number(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::settings::Direction;
    use remofile::TransferReport;

    const WANTED: OutputOptions = OutputOptions {
        is_sync: false,
        events: None,
        quiet: false,
        files: false,
        changes: Changes::Untold,
        left: false,
        dry_run: false,
        progress: false,
        stats: false,
        compression: false,
        direction: Direction::Up,
    };

    #[test]
    fn nothing_is_counted_for_nobody() {
        assert!(!Show::new(WANTED, None).unwrap().wants_total());
        assert!(Show::new(OutputOptions { events: Some(EventsTo::Stderr), ..WANTED }, None).unwrap().wants_total());
        let quiet = OutputOptions { events: Some(EventsTo::Stderr), quiet: true, ..WANTED };
        assert!(!Show::new(quiet, None).unwrap().wants_total());
    }

    #[test]
    fn a_lost_connection_is_told_without_advice() {
        let lost = Error::ConnectionLost(std::io::Error::other("broken pipe"));
        assert_eq!(what_happened(&lost), "the connection was lost (broken pipe)");
        let reset = Error::ConnectionLost(std::io::Error::from(rustix::io::Errno::CONNRESET));
        assert_eq!(what_happened(&reset), "the connection was lost (Connection reset by peer)");
        let source = rustix::io::Errno::CONNREFUSED.into();
        let unreachable = what_happened(&Error::Connect { address: "a:1".to_owned(), source });
        assert!(unreachable.contains("a:1: Connection refused") && !unreachable.contains("os error"), "{unreachable}");
    }

    #[test]
    fn failures_that_were_not_told_are_told_in_the_end_and_decide_the_status() {
        let mut show = Show::new(WANTED, None).unwrap();
        let failures = vec![Failure::new(ErrorCode::NotFound).at("/a")];
        show.report(Event::FileFailed { failure: &failures[0] });
        let report = TransferReport { files: 1, failures, ..TransferReport::default() };
        assert_eq!(show.conclude(Ok(report)).unwrap(), Exit::SomeFailed);
    }
}
