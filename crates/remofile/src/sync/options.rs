//! Options of a sync.

use crate::client::{RetryOptions, TransferOptions, require};
use crate::error::{Error, Result};
use crate::plan::Rules;
use crate::store::DEFAULT_PARTIAL_EXPIRY;
use remofile_protocol::handshake::{Capabilities, Capability};
use remofile_protocol::wire::{Links, OnConflict, Selection, SendOptions};
use std::time::Duration;

/// The use of deltas, for files of which the destination has another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delta {
    /// Deltas where they are expected to take less time, by what is measured of the line and of this machine.
    #[default]
    Measured,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The options of a sync. The default is what `remofile sync` does without options: nothing is deleted, files whose
/// size and time are the same are left as they are, links are passed over.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// True if the plan is only made and reported, and nothing is changed.
    pub dry_run: bool,
    /// True if files and directories that only the destination has are deleted, last of all. Nothing is deleted if
    /// something of the source could not be read.
    pub delete: bool,
    /// Most files and directories that may be deleted. If there are more, none is.
    pub max_delete: Option<u64>,
    /// True if files of one size are compared by their contents.
    pub checksum: bool,
    /// True if files of one size count as the same.
    pub size_only: bool,
    /// True if files that are newer at the destination are left as they are.
    pub update: bool,
    /// True if nothing is created.
    pub existing: bool,
    /// True if files that exist at the destination are left as they are.
    pub ignore_existing: bool,
    /// Largest difference of two times that count as the same.
    pub modify_window: Duration,
    /// Directory on the destination's side for the backups of files that are replaced or deleted, each under its path
    /// below the destination. It is absolute, or relative to the destination, and is not synchronised itself. For a
    /// download it must be inside the destination.
    pub backup: Option<String>,
    /// The use of deltas for large files.
    pub delta: Delta,
    /// The choice of files: what [`Selection::rules`] leave out on both sides is neither sent nor deleted, and
    /// [`Selection::links`] says what becomes of symbolic links at the source. A synchronisation knows no sizes: with
    /// [`Selection::min_size`] or [`Selection::max_size`] it fails at once. It sets the rest itself.
    pub selection: Selection,
    /// The way files are sent, in either direction. A level of compression that zstd does not have is `bad-request`.
    pub send: SendOptions,
    /// The further attempts after a lost connection.
    pub retry: RetryOptions,
    /// Time for which the partials of an interrupted download are kept.
    pub partial_expiry: Duration,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            delete: false,
            max_delete: None,
            checksum: false,
            size_only: false,
            update: false,
            existing: false,
            ignore_existing: false,
            modify_window: Duration::ZERO,
            backup: None,
            delta: Delta::Measured,
            selection: Selection::default(),
            send: SendOptions::default(),
            retry: RetryOptions::default(),
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
        }
    }
}

/// Smallest file that may travel as a delta, in bytes. To find out what changed in a smaller one costs no less than
/// to send it.
const LEAST_DELTA: u64 = 64 * 1024;

impl SyncOptions {
    /// Refuses what a synchronisation does not know.
    ///
    /// # Errors
    /// [`Error::Usage`] if files are chosen by their sizes: those that are too small or too large at the source would
    /// look deleted.
    pub(super) fn check(&self) -> Result<()> {
        match (self.selection.min_size, self.selection.max_size) {
            (None, None) => Ok(()),
            _ => Err(Error::Usage("a synchronisation cannot choose files by their sizes")),
        }
    }

    /// Returns the rules of the plan; `shows_chunks` is for a monitor that sees all content, `capabilities` are the
    /// destination's.
    pub(super) fn plan_rules(&self, shows_chunks: bool, capabilities: Capabilities) -> Rules {
        let is_delta = self.delta != Delta::Never && !shows_chunks && capabilities.has(Capability::Times);
        Rules {
            delete: self.delete,
            max_delete: self.max_delete,
            checksum: self.checksum,
            size_only: self.size_only,
            update: self.update,
            existing: self.existing,
            ignore_existing: self.ignore_existing,
            preserve_mode: self.send.preserve_mode,
            modify_window: self.modify_window,
            delta_from: is_delta.then_some(LEAST_DELTA),
            capabilities,
        }
    }

    /// Refuses what the destination cannot do, before anything is planned.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote): `unsupported`.
    pub(super) fn refuse_unsupported(&self, can: Capabilities) -> Result<()> {
        require(can, self.selection.links == Links::Copy, Capability::Links)?;
        require(can, self.send.preserve_mode, Capability::Modes)?;
        require(can, self.backup.is_some(), Capability::Backups)
    }

    /// Returns the options for the transfer of files that are chosen one by one.
    pub(super) fn transfer(&self) -> TransferOptions {
        TransferOptions {
            on_conflict: OnConflict::Replace,
            selection: Selection { links: Links::Follow, ..Selection::default() },
            send: self.send,
            retry: self.retry,
            partial_expiry: self.partial_expiry,
            ..TransferOptions::default()
        }
    }
}
