//! What a caller may choose.

use super::plan::Rules;
use crate::client::{Retry, TransferOptions, require};
use crate::error::Result;
use crate::store::DEFAULT_PARTIAL_EXPIRY;
use crate::transfer::CompressLevel;
use remofile_protocol::handshake::{Capabilities, Capability};
use remofile_protocol::wire::{Links, OnConflict};
use std::num::NonZeroU64;
use std::time::Duration;

/// Whether files of which the destination has another version travel as what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delta {
    /// Where that is expected to take less time, by what is measured of the line and of this machine.
    #[default]
    Measured,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a directory is made like another. The default is what `remofile sync` does without options:
/// nothing is deleted, files whose size and time are the same are left as they are, links are passed over.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Whether the plan is made and told, and nothing is changed.
    pub dry_run: bool,
    /// Whether what only the destination has is deleted, last of all. If something of the source could not be
    /// read, nothing is.
    pub delete: bool,
    /// If more files and directories than this were to be deleted, none is.
    pub max_delete: Option<u64>,
    /// Whether files of one size are compared by their contents.
    pub checksum: bool,
    /// Whether files of one size are taken for the same.
    pub size_only: bool,
    /// Whether files that are newer at the destination are left as they are.
    pub update: bool,
    /// Whether nothing is created.
    pub existing: bool,
    /// Whether files that exist at the destination are left as they are.
    pub ignore_existing: bool,
    /// What is left out on both sides, and so neither sent nor deleted: lines in the notation of gitignore,
    /// the last that matches decides.
    pub rules: Vec<String>,
    /// What becomes of symbolic links at the source.
    pub links: Links,
    /// Whether permission bits are kept (never setuid, setgid and sticky).
    pub preserve_mode: bool,
    /// Times that differ by no more than this are the same.
    pub modify_window: Duration,
    /// A directory of the destination's side where what is replaced or deleted is kept, under its path below
    /// the destination: absolute, or relative to the destination. It is not synchronised itself. For a
    /// download it must be inside the destination.
    pub backup: Option<String>,
    /// Whether large files travel as what changed.
    pub delta: Delta,
    /// Whether blocks that shrink are sent compressed.
    pub compress: Option<CompressLevel>,
    /// At most so many bytes a second.
    pub bytes_per_second: Option<NonZeroU64>,
    /// How often it is tried again when the connection is lost.
    pub retry: Retry,
    /// How long what is left of an interrupted download is kept.
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
            rules: Vec::new(),
            links: Links::Skip,
            preserve_mode: false,
            modify_window: Duration::ZERO,
            backup: None,
            delta: Delta::Measured,
            compress: None,
            bytes_per_second: None,
            retry: Retry::default(),
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
        }
    }
}

/// Smaller files are sent whole: what it takes to find out what changed is no less than they are, in bytes.
const LEAST_DELTA: u64 = 64 * 1024;

impl SyncOptions {
    /// What of it concerns the plan; `shows_chunks` for a monitor that wants to see all content, `capabilities` are the
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
            preserve_mode: self.preserve_mode,
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
        require(can, self.links == Links::Copy, Capability::Links)?;
        require(can, self.preserve_mode, Capability::Modes)?;
        require(can, self.backup.is_some(), Capability::Backups)?;
        require(can, self.update, Capability::Times)
    }

    /// What of it concerns the transfer of files that are chosen one by one.
    pub(super) fn transfer(&self) -> TransferOptions {
        TransferOptions {
            on_conflict: OnConflict::Replace,
            links: Links::Follow,
            preserve_mode: self.preserve_mode,
            compress: self.compress,
            bytes_per_second: self.bytes_per_second,
            retry: self.retry,
            partial_expiry: self.partial_expiry,
            ..TransferOptions::default()
        }
    }
}
