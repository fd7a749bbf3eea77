//! The calls of a store, by which a test says what is to fail.

#[cfg(doc)]
use crate::store::{Directory, DurableStore, PosixStore, ReadStore, ResumeStore, Source, Staged, WriteStore};

/// Something that a store is asked to do, and may fail at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreCall {
    /// [`ReadStore::stat`], [`ReadStore::shared_identity`] and [`ReadStore::special`].
    Stat,
    /// [`ReadStore::walk`].
    Walk,
    /// [`ReadStore::open`].
    Open,
    /// [`Source::read_at`], of files and partials.
    Read,
    /// [`ReadStore::read_link`].
    ReadLink,
    /// [`WriteStore::create_file`] and [`PosixStore::make_special`].
    CreateFile,
    /// [`WriteStore::make_directory`] and [`Directory::stage_directory`].
    MakeDirectory,
    /// [`WriteStore::directory`].
    Directory,
    /// [`Directory::stage`].
    Stage,
    /// [`Staged::write`] and [`Staged::write_hole`].
    Write,
    /// [`Staged::commit`] and [`Staged::commit_alone`].
    Commit,
    /// [`WriteStore::remove`], and each step of a removal of a tree.
    Remove,
    /// [`WriteStore::rename`].
    Rename,
    /// [`ResumeStore::partials`] and [`ResumeStore::read_partial`].
    Partials,
    /// [`ResumeStore::remove_partial`] and [`ResumeStore::expire_partials`].
    RemovePartial,
    /// [`PosixStore::edit`].
    Edit,
    /// [`PosixStore::make_link`], [`PosixStore::keep_link`] and [`PosixStore::add_name`].
    MakeLink,
    /// [`PosixStore::set_mode`], [`PosixStore::set_modified`], [`PosixStore::give_attributes`] and [`PosixStore::hold_as`].
    SetAttributes,
    /// [`PosixStore::prepare_backup`].
    Backup,
    /// [`DurableStore::sync`] and [`Directory::flush_file_system`].
    Sync,
}
