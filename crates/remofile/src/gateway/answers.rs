//! Failures that stand for answers that were not hoped for.

use super::requests;
use remofile_protocol::protocol1::Response;
use remofile_protocol::wire::{ErrorCode, Failure};

/// Returns the failure for a response that is not the one that was hoped for.
pub(super) fn refused(response: Response<'_>) -> Failure {
    match response {
        Response::InvalidFileName => ErrorCode::InvalidName.into(),
        Response::FileNotFound => ErrorCode::NotFound.into(),
        Response::FileAlreadyExists => ErrorCode::AlreadyExists.into(),
        Response::NotAFile => ErrorCode::NotAFile.into(),
        Response::NotADirectory => ErrorCode::NotADirectory.into(),
        Response::IncorrectFileSize => ErrorCode::FileTooLarge.into(),
        Response::IncorrectChunkSize => ErrorCode::IncorrectChunkSize.into(),
        Response::BadRequest => ErrorCode::BadRequest.into(),
        Response::UnknownError(message) => requests::unknown(message),
        _ => unexpected(),
    }
}

pub(super) fn unexpected() -> Failure {
    Failure::new(ErrorCode::CorruptedResponse).because("it does not belong to the request")
}
