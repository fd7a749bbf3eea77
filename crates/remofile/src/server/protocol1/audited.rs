//! The audit log of protocol 1: what its requests are about, and what their answers say.

use crate::server::audit::{OK, SessionAudit};
use crate::server::session::{Peer, SharedState};
use remofile_protocol::protocol1::{Request, Response};
use remofile_protocol::wire::{Done, ErrorCode, OperationId};
use std::cell::Cell;

/// The request that is being answered, as the log knows it.
pub(super) struct AuditedRequest(Option<OperationId>);

/// The lines of one session, and what it is in the middle of.
pub(super) struct Audit {
    log: SessionAudit,
    /// The numbers of the last request and of the transfer.
    last: OperationId,
    transfer: OperationId,
    /// The refusal of the request at hand, if protocol 1 has no answer of its own for it.
    denied: Cell<Option<ErrorCode>>,
}

impl Audit {
    pub(super) fn begin(shared: &SharedState, peer: &Peer) -> Self {
        let log = SessionAudit::begin(&shared.reporter, &peer.audited());
        Self { log, last: OperationId::SESSION, transfer: OperationId::SESSION, denied: Cell::new(None) }
    }

    /// The request at hand is refused for this reason.
    pub(super) fn denied(&self, code: ErrorCode) {
        self.denied.set(Some(code));
    }

    /// Content of the upload has come.
    pub(super) fn received(&mut self, bytes: usize) {
        self.log.received(self.transfer, bytes);
    }

    /// Content of the download has left.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.log.sent(self.transfer, bytes);
    }

    /// The file of the upload is complete under its name.
    pub(super) fn stored(&self) {
        self.log.stored(self.transfer);
    }

    /// Begins an operation of the log. The parts of a transfer are none of their own.
    pub(super) fn asked(&mut self, request: &Request<'_>) -> AuditedRequest {
        let (what, path) = match request {
            Request::ListFiles { directory } => ("list", path_text(directory.as_str(), "")),
            Request::CreateFile { name, directory } => ("create-file", path_text(directory.as_str(), name)),
            Request::MakeDirectory { name, directory } => ("make-directory", path_text(directory.as_str(), name)),
            Request::RemoveFile { name, directory } => ("remove", path_text(directory.as_str(), name)),
            Request::UploadFile { name, directory, file_size: _, chunk_size: _ } => {
                ("upload", path_text(directory.as_str(), name))
            }
            Request::DownloadFile { name, directory, chunk_size: _ } => {
                ("download", path_text(directory.as_str(), name))
            }
            Request::SendChunk { data: _ } | Request::ReceiveChunk | Request::CancelTransfer => {
                return AuditedRequest(None);
            }
        };
        self.last = OperationId(self.last.0 + 1);
        self.denied.set(None);
        self.log.asked_about(self.last, what, &path);
        AuditedRequest(Some(self.last))
    }

    /// Ends an operation of the log, unless a transfer has begun, and encodes the answer.
    pub(super) fn answered(&mut self, asked: &AuditedRequest, response: &Response<'_>) -> Vec<u8> {
        match (asked.0, response) {
            (None, _) => {}
            (Some(id), Response::TransferAccepted { .. }) => self.transfer = id,
            (Some(id), response) => {
                let outcome = self.denied.take().map_or_else(|| outcome_of(response), ErrorCode::name);
                self.log.ended_as(id, outcome, None);
            }
        }
        response.encode()
    }

    /// Ends the transfer in the log.
    pub(super) fn transferred(&mut self, outcome: &'static str) {
        let bytes = self.log.bytes_of(self.transfer);
        let done = Done { files: 1, bytes, ..Done::default() };
        self.log.ended_as(self.transfer, outcome, (outcome == OK).then_some(&done));
    }
}

/// The path that a request is about, whether there can be such a path or not.
fn path_text(directory: &str, name: &str) -> String {
    let names = directory.split('/').chain([name]).filter(|name| !matches!(*name, "" | "."));
    let path = names.fold(String::new(), |path, name| path + "/" + name);
    if path.is_empty() { "/".to_owned() } else { path }
}

/// The outcome that an answer tells: the failure's code where the documentation of protocol 1 has an answer for it.
fn outcome_of(response: &Response<'_>) -> &'static str {
    match response {
        Response::FilesListed(_)
        | Response::FileCreated
        | Response::DirectoryCreated
        | Response::FileRemoved
        | Response::TransferAccepted { .. }
        | Response::ChunkReceived
        | Response::ChunkSent(_)
        | Response::TransferCompleted { .. } => OK,
        Response::TransferCancelled => ErrorCode::Cancelled.name(),
        Response::InvalidFileName => ErrorCode::InvalidName.name(),
        Response::FileNotFound => ErrorCode::NotFound.name(),
        Response::FileAlreadyExists => ErrorCode::AlreadyExists.name(),
        Response::NotAFile => ErrorCode::NotAFile.name(),
        Response::NotADirectory => ErrorCode::NotADirectory.name(),
        Response::IncorrectFileSize => ErrorCode::FileTooLarge.name(),
        Response::IncorrectChunkSize | Response::BadRequest => ErrorCode::BadRequest.name(),
        Response::UnknownError(_) => ErrorCode::Other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_those_of_protocol_2() {
        for (directory, name, expected) in [
            ("/", "a", "/a"),
            (".", "a", "/a"),
            ("a/b", "c", "/a/b/c"),
            ("//a/./b/", "", "/a/b"),
            ("..", "x", "/../x"),
            ("/", "", "/"),
        ] {
            assert_eq!(path_text(directory, name), expected);
        }
    }
}
