//! Asking the user what becomes of files in the way.

use crate::output::stderr_text;
use crate::output::text::harmless;
use crate::output::time::Clock;
use indicatif::HumanBytes;
use remofile::protocol::wire::{Entry, OnConflict};
use remofile::{Conflict, Interrupt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal};

/// Asks on the terminal.
pub(crate) struct Ask {
    interrupt: Interrupt,
    clock: Clock,
    /// The answer for all the rest.
    all: Option<OnConflict>,
    /// A transfer that is tried again comes to the same files again.
    answers: HashMap<String, OnConflict>,
}

const QUESTION: &str = "(r)eplace, (s)kip, re(n)ame, (a)bort; in capitals for all the rest? ";

impl Ask {
    /// Reports whether questions can be answered: somebody sees them, and can type.
    pub(crate) fn is_possible() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A question is over when this is triggered.
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, clock: Clock::local(), all: None, answers: HashMap::new() }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupt.is_triggered()
    }

    /// Asks what becomes of a file. A user who does not answer wants nothing changed.
    pub(super) fn ask(&mut self, conflict: &Conflict<'_>) -> OnConflict {
        if let Some(answer) = self.all.or_else(|| self.answers.get(conflict.path).copied()) {
            return answer;
        }
        stderr_text(&format!("{}\n", self.describe(conflict)));
        loop {
            stderr_text(QUESTION);
            let Some(line) = self.line() else { return OnConflict::Abort };
            let Some((answer, for_all)) = parse(&line) else { continue };
            if for_all {
                self.all = Some(answer);
            }
            self.answers.insert(conflict.path.to_owned(), answer);
            return answer;
        }
    }

    fn describe(&self, conflict: &Conflict<'_>) -> String {
        let file = |entry: &Entry| format!("{}, {}", HumanBytes(entry.size), self.clock.show(entry.modified));
        let (path, existing, new) = (harmless(conflict.path), file(conflict.existing), file(conflict.new));
        format!("{path} exists already ({existing}); the new one: {new}")
    }

    /// A line of standard input; `None` at its end, or when the user has interrupted.
    fn line(&self) -> Option<String> {
        let stdin = io::stdin();
        let timeout = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        loop {
            if self.is_interrupted() {
                stderr_text("\n");
                return None;
            }
            let mut descriptors = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut descriptors, Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(_) => return None,
            }
        }
        let mut line = String::new();
        let length = io::stdin().lock().read_line(&mut line).ok()?;
        (length > 0).then_some(line)
    }
}

/// The answer, and whether it is for all the rest.
fn parse(line: &str) -> Option<(OnConflict, bool)> {
    let mut letters = line.trim().chars();
    let (letter, None) = (letters.next()?, letters.next()) else { return None };
    let answer = match letter.to_ascii_lowercase() {
        'r' => OnConflict::Replace,
        's' => OnConflict::Skip,
        'n' => OnConflict::Rename,
        'a' => OnConflict::Abort,
        _ => return None,
    };
    Some((answer, letter.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_letters_and_capitals_are_for_all() {
        assert_eq!(parse("r\n"), Some((OnConflict::Replace, false)));
        assert_eq!(parse(" S \n"), Some((OnConflict::Skip, true)));
        assert_eq!(parse("n"), Some((OnConflict::Rename, false)));
        assert_eq!(parse("a"), Some((OnConflict::Abort, false)));
        for line in ["", "\n", "x", "rs", "replace"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
