//! The output of a transfer while it runs, and in the end: files that failed, who is waited for, and, if it was
//! asked for, each file, how far it is, and what was done.

mod ask;
mod bar;
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
use super::{Presentation, json, note_line, screen, stderr_line, summary, text::harmless, waiting_for};
use crate::exit::Exit;
use crate::failed::{Failed, Result, without_number};
use bar::Bar;
use count::Count;
use events::Events;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure, Holder, OnConflict};
use remofile::sync::plan::{Plan, Step, Tally, Withheld};
use remofile::{Conflict, Error, Event, Monitor, TransferReport};
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

    /// The transfer has ended: tells what was not told yet, and how the process ends.
    ///
    /// # Errors
    /// Those of the transfer, and [`Failed::Output`].
    pub(crate) fn conclude(mut self, result: Result<TransferReport>) -> Result<Exit> {
        let bar = self.bar.take().is_some_and(Bar::finish);
        let foretold = self.planned.as_ref().map_or(0, |planned| planned.counts.attributes);
        let report = match result {
            Ok(report) => TransferReport { attributes: report.attributes + foretold, ..report },
            Err(failed) => {
                self.finish_output(None)?;
                let failed = self.explain(failed);
                self.tell_so_far(&failed);
                return Err(failed);
            }
        };
        for failure in &report.failures {
            self.tell_failure(failure);
        }
        let withheld = self.planned.as_ref().and_then(|planned| planned.counts.withheld);
        if let Some(withheld) = withheld {
            self.tell_withheld(withheld);
        }
        self.tell_left_out();
        self.tell_summary(&report);
        let elapsed = self.started.elapsed();
        self.finish_output(Some((&report, elapsed)))?;
        self.tell_statistics(&report, elapsed, bar);
        Ok(match &self.planned {
            Some(planned) if !self.wanted.is_sync => Exit::of_foretold(planned.counts.changes(), &report),
            Some(_) => Exit::of_withheld(withheld, &report.failures),
            None => Exit::of_transfer(&report),
        })
    }

    fn finish_output(&mut self, done: Option<(&TransferReport, Duration)>) -> Result<()> {
        let written = match (self.events.take(), self.items.take()) {
            (Some(mut events), _) => {
                if !self.wanted.dry_run {
                    events.progress_in_the_end(&self.count);
                }
                if let Some((report, elapsed)) = done {
                    let planned = self.planned.as_ref().map(|planned| (&planned.counts, self.wanted.dry_run));
                    events.summary(report, planned, elapsed);
                }
                events.finish()
            }
            (None, Some(items)) => items.finish(),
            (None, None) => Ok(()),
        };
        match written {
            // A reader that has seen enough changes nothing about the transfer.
            Err(failed) if !failed.is_silent() => Err(failed),
            _ => Ok(()),
        }
    }

    fn tell_statistics(&self, report: &TransferReport, elapsed: Duration, had_bar: bool) {
        let (moved, counts) = (self.count.moved(), self.planned.as_ref().map(|planned| &planned.counts));
        if self.wanted.stats && self.wanted.events.is_none() {
            stderr_line(stats::table(report, counts, moved, elapsed, self.wanted).trim_end());
        } else if had_bar && !self.wanted.dry_run {
            stderr_line(&stats::sentence(report, moved, elapsed));
        }
    }

    fn tell_so_far(&self, failed: &Failed) {
        if let Failed::Library(error) = failed
            && self.goes_on
            && self.is_talking()
            && let Some(text) = so_far::so_far(error, &self.count)
        {
            self.note(&text);
        }
    }

    /// Explains a failure after an interrupted question, which counts as not answered.
    fn explain(&self, failed: Failed) -> Failed {
        match (&failed, &self.ask) {
            (Failed::Library(Error::Conflicts(_)), Some(ask)) if ask.is_interrupted() => Error::Interrupted.into(),
            _ => failed,
        }
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

    /// Tells why nothing is deleted. That something could not be read, failures tell scripts already.
    fn tell_withheld(&self, withheld: Withheld) {
        let told = plan::withheld(withheld);
        match withheld {
            Withheld::TooMany { .. } if self.presentation.json => {
                self.line(&json::too_many_deletions(&told).to_string());
            }
            Withheld::Unreadable { .. } if self.presentation.json => {}
            _ => self.note(&told),
        }
    }

    /// The destination is not the directory that holds the copy, as it would be otherwise, but the copy.
    pub(crate) fn goes_on_with(&self, path: impl Display) {
        if self.is_talking() {
            self.note(&going_on_with(path));
        }
    }

    /// Nobody who copies a tree should miss what is in it and was not copied.
    fn tell_left_out(&self) {
        let left_out = self.planned.as_ref().map_or(0, |planned| planned.counts.left_out);
        if left_out > 0 && self.is_talking() && !self.wanted.left {
            self.note(&plan::left_out(left_out));
        }
    }

    /// Tells how much failed or was left out: single lines scroll by.
    fn tell_summary(&self, report: &TransferReport) {
        if self.is_talking() {
            let unchanged = self.planned.as_ref().and_then(|planned| planned.counts.unchanged);
            let lines = summary::of_transfer(report, unchanged.map_or(0, |unchanged| unchanged.files));
            lines.iter().for_each(|line| self.note(line));
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
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Direction;

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
