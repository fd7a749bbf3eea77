//! Paths as requests spell them, and entries as answers do.

use super::answers;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::protocol1::{ListedFile, Response};
use remofile_protocol::wire::{Entry, Failure, Kind, Timestamp};

/// Reads a directory as clients write it: repeated slashes and `.` mean nothing, and a relative one is taken from
/// the root.
pub(super) fn spelled(text: &str) -> Result<RemotePath, Misnamed> {
    if text.chars().any(char::is_control) || text.split('/').any(|name| name == "..") {
        return Err(Misnamed::Bad);
    }
    let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    RemotePath::parse(&format!("/{}", names.join("/"))).map_err(|_| Misnamed::Nowhere)
}

/// The reason why a text is no directory.
pub(super) enum Misnamed {
    /// The request must not be made.
    Bad,
    /// There can be no such directory.
    Nowhere,
}

/// The reason why a name and a directory make no path.
pub(super) enum Misplaced {
    Name,
    Directory(Misnamed),
    /// There may be such a path, and it may not be used so.
    Refused(Failure),
}

impl Misplaced {
    /// Returns the answer; `nowhere` is that for a missing directory.
    pub(super) fn or(self, nowhere: Response<'static>) -> Response<'static> {
        match self {
            Self::Name => Response::InvalidFileName,
            Self::Directory(Misnamed::Bad) => Response::BadRequest,
            Self::Directory(Misnamed::Nowhere) => nowhere,
            Self::Refused(failure) => answers::other(&failure),
        }
    }
}

pub(super) fn described(name: &FileName, entry: &Entry) -> ListedFile {
    ListedFile {
        name: name.as_str().to_owned(),
        is_directory: entry.kind == Kind::Directory,
        size: entry.size,
        modified: float_seconds(entry.modified),
    }
}

/// Returns the time as Python's `st_mtime` has it, to the last bit.
fn float_seconds(time: Timestamp) -> f64 {
    time.seconds() as f64 + 1e-9 * f64::from(time.nanoseconds())
}
