//! The table of failures and their answers in protocol 1.

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
            | ErrorCode::SourceChanged
            | ErrorCode::IntegrityFailure
            | ErrorCode::Busy
            | ErrorCode::Cancelled
            | ErrorCode::ShuttingDown
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
            | ErrorCode::LeaseExpired => other(failure),
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
        Some(Holder { client, address, activity, held_milliseconds }) => {
            let seconds = held_milliseconds / 1000;
            format!("{sentence}: {client} at {address} has been busy with {activity} for {seconds} s (try again later)")
        }
    })
}
