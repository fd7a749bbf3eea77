//! The presentation of errors.

use super::text::{harmless, harmless_lines};
use super::{json, note, stderr_line, stderr_object};
use crate::advice;
use crate::failed::Failed;
use remofile::Error;
use remofile::protocol::wire::Failure;

/// The form in which the user wants to see errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presentation {
    /// As objects, one a line.
    pub(crate) json: bool,
}

impl Presentation {
    /// Shows why the command failed.
    pub(crate) fn show(self, failed: &Failed) {
        if failed.is_silent() {
            return;
        }
        match failed {
            _ if self.json => stderr_object(&json::error(failed)),
            Failed::Unconfigured(_) => stderr_line(&failed.message()),
            Failed::Library(Error::Conflicts(conflicts)) => self.show_conflicts(conflicts),
            _ => stderr_line(&line(failed)),
        }
    }

    /// Names every file that is in the way, and says what can be done.
    fn show_conflicts(self, conflicts: &[Failure]) {
        for conflict in conflicts {
            self.show_file(conflict);
        }
        let are = match conflicts.len() {
            1 => "1 file is".to_owned(),
            count => format!("{count} files are"),
        };
        note(&format!("{are} in the way; nothing was changed ({})", advice::ON_CONFLICT));
    }

    /// Shows why one file failed.
    pub(crate) fn show_file(self, failure: &Failure) {
        stderr_line(&self.file_line(failure));
    }

    /// The line that [`Presentation::show_file`] shows.
    pub(crate) fn file_line(self, failure: &Failure) -> String {
        if self.json {
            json::file_error(failure).to_string()
        } else {
            format!("remofile: {}", harmless(&advice::failure_with_advice(failure)))
        }
    }
}

/// The lines that tell why a command failed. Only those about what the user wrote have line feeds: a configuration error
/// shows the line it is about.
pub(super) fn line(failed: &Failed) -> String {
    let message = failed.message();
    let shown = match failed {
        Failed::Configuration(_) | Failed::Usage(_) => harmless_lines(message.trim_end()),
        _ => harmless(&message),
    };
    format!("remofile: {shown}")
}
