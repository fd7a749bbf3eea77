//! The choice of what is told of a transfer.

use super::EventsTo;
use crate::settings::Direction;

/// The output that the user wants of a transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputOptions {
    /// Events as objects, and where they go.
    pub(crate) events: Option<EventsTo>,
    /// Nothing but errors.
    pub(crate) quiet: bool,
    /// Each file as it is finished.
    pub(crate) files: bool,
    /// The form of the changes that are planned.
    pub(crate) changes: Changes,
    /// True if files that differ and are left as they are, are told.
    pub(crate) left: bool,
    /// True if a directory is made like another one.
    pub(crate) is_sync: bool,
    /// True if nothing is done but planning.
    pub(crate) dry_run: bool,
    /// True if progress is shown, where standard error is a terminal.
    pub(crate) progress: bool,
    /// True if statistics are told in the end.
    pub(crate) stats: bool,
    /// True if compression is something to tell about.
    pub(crate) compression: bool,
    /// The direction in which files move.
    pub(crate) direction: Direction,
}

/// The form of the changes of a plan, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Not at all.
    Untold,
    /// By their paths, on standard error.
    Named,
    /// As data, which goes there.
    Itemized(EventsTo),
}
