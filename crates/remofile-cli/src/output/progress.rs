//! What a transfer tells while it runs: files that failed, who is waited for, and, if it was asked
//! for and somebody watches, how far it is.

use super::{Presentation, note, stderr_line, text};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use remofile::protocol::wire::Failure;
use remofile::{Event, Monitor, TransferReport, describe_holder};
use std::io::{IsTerminal, stderr};
use std::time::Instant;

/// Redraws per second.
const DRAWS_PER_SECOND: u8 = 10;

const WITH_TOTAL: &str =
    "{percent:>3}% [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {msg}";
const WITHOUT_TOTAL: &str = "{binary_bytes} {binary_bytes_per_sec} {msg}";

/// Shows a transfer.
pub(crate) struct Progress {
    presentation: Presentation,
    bar: Option<ProgressBar>,
    started: Instant,
    total_bytes: Option<u64>,
    moved_bytes: u64,
    files_told: usize,
}

impl Progress {
    /// A transfer begins. There is a bar if `wanted` and standard error is a terminal.
    pub(crate) fn new(presentation: Presentation, wanted: bool) -> Self {
        let bar = (wanted && !presentation.json && stderr().is_terminal()).then(new_bar);
        Self { presentation, bar, started: Instant::now(), total_bytes: None, moved_bytes: 0, files_told: 0 }
    }

    /// Whether a bar is shown, and the total is of use therefore.
    pub(crate) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// The transfer has ended: takes the bar away, names the files that were not named yet, and sums up
    /// where a bar was.
    pub(crate) fn finish(&mut self, report: &TransferReport) {
        for failure in report.failures.iter().skip(self.files_told) {
            self.line(&self.presentation.file_line(failure));
        }
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            stderr_line(&summary(report, self.started.elapsed().as_secs_f64()));
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.files_told += 1;
        self.line(&self.presentation.file_line(failure));
    }

    fn skipped(&self, failure: &Failure) {
        // In a summary for scripts they are listed; they are no errors.
        if !self.presentation.json {
            self.line(&self.presentation.file_line(failure));
        }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| stderr_line(line)),
            None => stderr_line(line),
        }
    }

    fn total(&mut self, bytes: u64) {
        self.total_bytes = Some(bytes);
        if let Some(bar) = &self.bar {
            bar.set_length(bytes.max(self.moved_bytes));
            bar.set_style(style(WITH_TOTAL));
        }
    }

    /// Moves forward only; a file that grew moves the end of the bar, too.
    fn moved(&mut self, bytes: u64) {
        self.moved_bytes += bytes;
        let Some(bar) = &self.bar else { return };
        if self.total_bytes.is_some_and(|total| self.moved_bytes > total) {
            bar.set_length(self.moved_bytes);
        }
        bar.set_position(self.moved_bytes);
    }
}

impl Monitor for Progress {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { holders } => {
                let who: Vec<String> = holders.iter().map(describe_holder).collect();
                if !self.presentation.json {
                    note(&format!("waiting for {}", who.join(", ")));
                }
            }
            Event::Total { bytes, .. } => self.total(bytes),
            Event::FileStarted { path, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(text::harmless(path).into_owned());
                }
            }
            Event::Transferred { bytes } => self.moved(bytes),
            Event::FileFinished { .. } => {}
            Event::FileFailed { failure } => self.failed(failure),
            Event::FileSkipped { failure } => self.skipped(failure),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
    bar.set_style(style(WITHOUT_TOTAL));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn summary(report: &TransferReport, seconds: f64) -> String {
    let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is shown rounded"
    )]
    let rate = (report.bytes as f64 / seconds.max(0.001)) as u64;
    let failed = match report.failures.len() {
        0 => String::new(),
        count => format!(", {count} failed"),
    };
    format!("{files}, {} in {seconds:.1} s ({}/s){failed}", HumanBytes(report.bytes), HumanBytes(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress_with_hidden_bar() -> Progress {
        let mut progress = Progress::new(Presentation { json: false }, false);
        progress.bar = Some(ProgressBar::hidden());
        progress
    }

    #[test]
    fn the_templates_are_valid() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn progress_never_goes_backwards_and_never_beyond_its_end() {
        let mut progress = progress_with_hidden_bar();
        progress.report(Event::Transferred { bytes: 10 });
        progress.report(Event::Total { files: 1, bytes: 5 });
        progress.report(Event::Transferred { bytes: 20 });
        let bar = progress.bar.as_ref().unwrap();
        assert_eq!((bar.position(), bar.length()), (30, Some(30)));
    }

    #[test]
    fn nothing_is_shown_unless_it_was_asked_for() {
        assert!(!Progress::new(Presentation { json: false }, false).is_shown());
        assert!(!Progress::new(Presentation { json: true }, true).is_shown());
    }
}
