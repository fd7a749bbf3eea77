//! The choice of what is told of a transfer.

use super::EventsTo;
use crate::settings::Direction;

/// What the user wants to be told of a transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Events as objects, and where they go.
    pub(crate) events: Option<EventsTo>,
    /// Nothing but errors.
    pub(crate) quiet: bool,
    /// Each file as it is finished.
    pub(crate) files: bool,
    /// What is planned to be changed.
    pub(crate) changes: Changes,
    /// What differs and is planned to be left as it is.
    pub(crate) left: bool,
    /// Whether nothing is done but planning.
    pub(crate) dry_run: bool,
    /// How far it is, if standard error is a terminal.
    pub(crate) progress: bool,
    /// What was done, in the end.
    pub(crate) stats: bool,
    /// Whether compression is something to tell about.
    pub(crate) compression: bool,
    /// Which way files move.
    pub(crate) direction: Direction,
}

/// How the changes of a plan are told, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Not at all.
    Untold,
    /// By their paths, on standard error.
    Named,
    /// As data, on standard output.
    Itemized,
}
