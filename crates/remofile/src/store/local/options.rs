//! Options of a local store.

use crate::store::{FollowLinks, Fsync};
use remofile_protocol::path::NameRule;

/// Options of a local store.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// Permission bits of new files, of which readable and writable by the user are always set and
    /// executable never; `None` leaves group and public to the umask.
    pub file_mode: Option<u32>,
    /// Permission bits of new directories, of which the user's are always set; `None` leaves group
    /// and public to the umask.
    pub directory_mode: Option<u32>,
    /// The moment at which written files must be on the disk.
    pub fsync: Fsync,
    /// The rule for names of new files and directories. Existing ones are listed and read regardless.
    pub names: NameRule,
    /// The rule that names are encoded for, so that paths have names for all that the disk holds: see
    /// [`remofile_protocol::path::encode_name`]. `None` leaves names as they are, and what paths cannot hold is a failure.
    pub encoding: Option<NameRule>,
    /// The links that a path may pass through.
    pub follow: FollowLinks,
    /// True if owners, set-user-ID, set-group-ID and sticky bits and extended attributes that are given are only held, to be told
    /// again, and nothing on this machine gets them.
    pub holds_attributes: bool,
}
