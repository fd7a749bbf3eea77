//! Options of a sync.

use crate::client::{ReceiveOptions, RetryOptions, TransferOptions, require};
use crate::error::{Error, Result};
use crate::plan::Rules;
use crate::transfer::ListedPaths;
use remofile_protocol::handshake::{Capabilities, Capability};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Links, OnConflict, Selection, SendOptions};
use std::path::PathBuf;
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
    /// True if a dry run takes a destination that is missing for an empty directory: for those who make it before the call that is
    /// none.
    pub missing_is_empty: bool,
    /// True if files and directories that only the destination has are deleted, last of all. Nothing is deleted if
    /// something of the source could not be read.
    pub delete: bool,
    /// Most files and directories that may be deleted. If there are more, none is. It needs `delete`.
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
    /// [`Selection::links`] says what becomes of symbolic links at the source. Files of the source that
    /// [`Selection::min_size`] or [`Selection::max_size`] leave out are not sent, and what the destination has in their
    /// places stays as it is. The sync sets the rest itself.
    pub selection: Selection,
    /// The paths below the source that alone take part, each with all that is below it; `None` for all. What the destination
    /// has elsewhere stays. A path that the source does not have is a failure, and then nothing is deleted.
    pub listed: Option<ListedPaths>,
    /// Number of connections over which files are moved at once: see [`TransferOptions::transfers`]. With a rate, a monitor that
    /// wants to see chunks, or a backup outside of the destination, files come one after the other, over all connections.
    pub transfers: u8,
    /// True if the plan tells which attributes are given at the end, as that of a dry run does: to compare them takes another look
    /// at both trees.
    pub tells_attributes: bool,
    /// True to go on with a file that an earlier run began, where it broke off.
    pub resume: bool,
    /// The way files are sent, in either direction. A level of compression that zstd does not have is `bad-request`.
    pub send: SendOptions,
    /// The further attempts after a lost connection.
    pub retry: RetryOptions,
    /// The way a download is stored.
    pub receive: ReceiveOptions,
    /// True if names are encoded: see [`TransferOptions::encode_names`].
    pub encode_names: bool,
    /// Remote directory of an earlier backup: see [`TransferOptions::link_dest`].
    pub link_dest: Option<RemotePath>,
    /// Local directory of an earlier copy: see [`TransferOptions::link_dest_here`].
    pub link_dest_here: Option<PathBuf>,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            missing_is_empty: false,
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
            listed: None,
            transfers: 0,
            tells_attributes: false,
            resume: true,
            send: SendOptions::default(),
            retry: RetryOptions::default(),
            receive: ReceiveOptions::default(),
            encode_names: false,
            link_dest: None,
            link_dest_here: None,
        }
    }
}

/// Smallest file that may travel as a delta, in bytes. To find out what changed in a smaller one costs no less than
/// to send it.
const LEAST_DELTA: u64 = 64 * 1024;

impl SyncOptions {
    /// Returns the number of connections, for a monitor that wants to see chunks or not.
    pub(super) fn connections(&self, shows_chunks: bool) -> usize {
        let is_one = shows_chunks || self.send.rate().is_some();
        if is_one { 1 } else { usize::from(self.transfers.max(1)) }
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
            min_size: self.selection.min_size,
            max_size: self.selection.max_size,
            delta_from: is_delta.then_some(LEAST_DELTA),
            capabilities,
        }
    }

    /// Refuses options that contradict each other, before anything is asked for.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(super) fn refuse_contradictions(&self) -> Result<()> {
        // Whoever forgot one of the two may have meant the other.
        if self.max_delete.is_some() && !self.delete { Err(Error::Usage("max_delete needs delete")) } else { Ok(()) }
    }

    /// Refuses what the destination cannot do, before anything is planned.
    ///
    /// # Errors
    /// [`Error::Remote`]: `unsupported`.
    pub(super) fn refuse_unsupported(&self, can: Capabilities) -> Result<()> {
        require(can, self.selection.links == Links::Copy, Capability::Links)?;
        require(can, self.send.preserve_mode, Capability::Modes)?;
        require(can, self.backup.is_some(), Capability::Backups)
    }

    /// Reports whether listings have to tell what keeps files as they are.
    pub(super) fn asks_for_extras(&self) -> bool {
        self.selection.links == Links::Keep || self.selection.devices || self.send.hard_links
    }

    /// Returns the options for the transfer of files that are chosen one by one.
    pub(super) fn transfer(&self) -> TransferOptions {
        TransferOptions {
            on_conflict: OnConflict::Replace,
            selection: Selection { links: Links::Follow, ..Selection::default() },
            send: self.send,
            retry: self.retry,
            receive: self.receive,
            transfers: self.transfers,
            ..TransferOptions::default()
        }
    }
}
