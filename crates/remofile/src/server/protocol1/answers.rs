//! The table of failures and their answers in protocol 1, and how a listing describes files.

use remofile_protocol::protocol1::Response;
use remofile_protocol::wire::{ErrorCode, Failure, Holder};

/// The answers of one request about missing things. The documentation of protocol 1 differs from request to
/// request.
pub(super) struct Refusals {
    not_found: Response<'static>,
}

impl Refusals {
    pub(super) const LISTING: Self = Self { not_found: Response::FileNotFound };
    pub(super) const CREATION: Self = Self { not_found: Response::FileNotFound };
    /// For uploads: only the directory can be missing.
    pub(super) const UPLOAD: Self = Self { not_found: Response::NotADirectory };
    /// For downloads: the directory was looked at before, so the file is missing.
    pub(super) const DOWNLOAD: Self = Self { not_found: Response::FileNotFound };

    pub(super) fn response(&self, failure: &Failure) -> Response<'static> {
        match failure.code {
            // A path out of reach counts as missing.
            ErrorCode::NotFound | ErrorCode::OutsideRoot => self.not_found.clone(),
            ErrorCode::NotADirectory => Response::NotADirectory,
            ErrorCode::NotAFile => Response::NotAFile,
            ErrorCode::AlreadyExists => Response::FileAlreadyExists,
            ErrorCode::InvalidName => Response::InvalidFileName,
            ErrorCode::FileTooLarge => Response::IncorrectFileSize,
            ErrorCode::Other
            | ErrorCode::NotEmpty
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::NoSpace
            | ErrorCode::QuotaExceeded
            | ErrorCode::SourceChanged
            | ErrorCode::IntegrityFailure
            | ErrorCode::Busy
            | ErrorCode::Cancelled
            | ErrorCode::ShuttingDown
            | ErrorCode::CoordinatorLost
            | ErrorCode::Unsupported
            | ErrorCode::BadRequest
            | ErrorCode::TooMany
            | ErrorCode::DiskFailure
            | ErrorCode::LinkLoop
            | ErrorCode::IntoItself
            | ErrorCode::OutOfResources
            | ErrorCode::CrossDevice
            | ErrorCode::Skipped
            | ErrorCode::Occupied
            | ErrorCode::NoMatch
            | ErrorCode::BadPattern
            | ErrorCode::PartialChanged
            | ErrorCode::LeaseExpired
            | ErrorCode::TokenRevoked
            | ErrorCode::SessionReplaced
            | ErrorCode::IncorrectChunkSize
            | ErrorCode::CorruptedResponse => other(failure),
        }
    }
}

/// Returns the answer for a failure that no other answer names.
pub(super) fn other(failure: &Failure) -> Response<'static> {
    Response::UnknownError(failure.to_string())
}

/// Returns an answer that names the client which holds the lease.
pub(super) fn busy(holders: &[Holder]) -> Response<'static> {
    let sentence = ErrorCode::Busy.sentence();
    Response::UnknownError(match holders.first() {
        None => format!("{sentence} (try again later)"),
        Some(Holder { client, address, activity, held_milliseconds, path }) => {
            let seconds = held_milliseconds / 1000;
            // Of some clients others must not know where they are.
            let address = if address.is_empty() { String::new() } else { format!(" at {address}") };
            let place = path.as_ref().map_or_else(String::new, |path| format!(" at {path}"));
            format!(
                "{sentence}: {client}{address} has been busy with {activity}{place} for {seconds} s (try again later)"
            )
        }
    })
}
