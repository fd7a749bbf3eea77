//! The checks of what a server's store can do, before anything is changed.

use crate::error::{Error, Result};
use remofile_protocol::handshake::{Capabilities, Capability, Right, ServerHello};
use remofile_protocol::wire::{AttributeSet, ErrorCode, Failure};

const NO_LINKS: &str = "the server keeps no symbolic links: follow them, or leave them out";

/// Returns the failure of a link at a server that keeps none. Who keeps links as they are is told of each, and gets the rest.
pub(crate) fn no_links() -> Failure {
    Failure::new(ErrorCode::Unsupported).because(NO_LINKS)
}

/// Refuses what is wanted and cannot be had.
///
/// # Errors
/// [`Error::Remote`]: `unsupported`.
pub(crate) fn require(can: Capabilities, is_wanted: bool, capability: Capability) -> Result<()> {
    if !is_wanted || can.has(capability) {
        return Ok(());
    }
    let why = match capability {
        Capability::Links => NO_LINKS,
        Capability::Modes => "the server keeps no permission bits: transfer without them",
        Capability::Times => "the server keeps no times: compare sizes or contents",
        Capability::Renames => "the server cannot rename",
        Capability::Backups => "the server keeps no backups: transfer without them",
        Capability::Edits => "the server changes no files in place",
        Capability::Replacing => "the server replaces no files: remove them first",
        Capability::Copies => "the server cannot copy: download the files, and upload them under the other name",
        Capability::Partials | Capability::ReadablePartials => "the server keeps nothing of unfinished files",
    };
    Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)))
}

/// The answer to whether attributes are kept.
pub(crate) enum KeptAttributes {
    /// They are.
    All,
    /// Nobody asked for them.
    None,
    /// They are not, which is to be told. Only what comes with others, and not by its own name, may be left out.
    Told(Failure),
}

impl KeptAttributes {
    /// Reports whether all permission bits are given when everything is there, so that what is there need not get them before.
    pub(crate) fn sets_modes(&self, wanted: AttributeSet) -> bool {
        matches!(self, Self::All) && wanted.has(AttributeSet::TIMES_AND_MODES)
    }
}

/// Finds out whether a server keeps the attributes that are wanted, of what it is sent or of what it sends.
///
/// # Errors
/// [`Error::Remote`]: `unsupported` if an owner or extended attributes are wanted and not kept.
pub(crate) fn kept_attributes(hello: &ServerHello, wanted: AttributeSet, is_upload: bool) -> Result<KeptAttributes> {
    if !wanted.is_any() {
        return Ok(KeptAttributes::None);
    }
    let may_change = hello.rights.has(Right::Replace) || !is_upload;
    if hello.attributes && may_change {
        return Ok(KeptAttributes::All);
    }
    let why = match may_change {
        true => "the server keeps no attributes but times and permissions of files",
        false => "the token gives no right to replace, without which attributes cannot be given",
    };
    if wanted.has(AttributeSet::OWNER) || wanted.has(AttributeSet::EXTENDED) {
        let why = format!("{why}: transfer without owners and extended attributes");
        return Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)));
    }
    let lost = match sets_directory_modes(hello) || !is_upload {
        true => "times of directories and links, and set-user-ID bits, are left out",
        false => "times of directories and links, permissions of directories, and set-user-ID bits, are left out",
    };
    Ok(KeptAttributes::Told(Failure::new(ErrorCode::Skipped).because(format!("{why}; {lost}"))))
}

/// Reports whether an upload may give directories their permissions. A directory that is named with permissions may be there
/// already, so that takes the right to replace; without them it takes the right to create alone.
pub(crate) fn sets_directory_modes(hello: &ServerHello) -> bool {
    hello.rights.has(Right::Replace)
}
