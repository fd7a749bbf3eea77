//! The end of a transfer: what was not told yet, what it comes to, and how the process ends.

use super::Show;
use super::bar::Bar;
use super::{so_far, stats};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::plan::{self};
use crate::output::{json, stderr_line, summary};
use remofile::sync::plan::Withheld;
use remofile::{Error, TransferReport};
use std::time::Duration;

impl Show {
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
}
