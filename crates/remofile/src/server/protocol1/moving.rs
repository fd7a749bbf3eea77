//! The course of an upload and of a download: from the request that begins it, chunk by chunk, to its end.

use super::answers::{self, Refusals};
use super::transfers::{Download, Given, Taken, Upload};
use super::{FileNamed, Session, TransferState};
use crate::server::audit::OK;
use crate::server::leases::Reach;
use crate::server::max_hold::MaxHold;
use crate::store::StoreResult;
use crate::transfer::Access;
use remofile_protocol::protocol1::Response;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::time::Duration;

impl Session {
    pub(super) fn begin_upload(
        &mut self,
        now: Duration,
        file: FileNamed<'_>,
        file_size: i64,
        chunk_size: i64,
    ) -> Response<'static> {
        // Empty files are made by `CREATE_FILE`: an upload without chunks would have no last one to answer.
        let Some(size) = u64::try_from(file_size).ok().filter(|size| self.admits_size(*size) && *size > 0) else {
            return Response::IncorrectFileSize;
        };
        let Some(chunk_size) = self.chunk_size(chunk_size) else {
            return Response::IncorrectChunkSize;
        };
        let path = match self.place(Access::Create, file.name, file.directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::NotADirectory),
        };
        if let Err(busy) = self.claim(self.claims().of_path(&path, Reach::Entry), "upload") {
            return busy;
        }
        match Upload::begin(&*self.peer.grant.store, &path, size, chunk_size) {
            Ok(upload) => {
                self.is_slow = false;
                self.state = TransferState::Uploading { upload, since: now, hold: self.hold(now) };
                Response::TransferAccepted { file_size: None }
            }
            Err(failure) => {
                self.release();
                Refusals::UPLOAD.response(&self.peer.grant.told(failure))
            }
        }
    }

    pub(super) fn begin_download(&mut self, now: Duration, file: FileNamed<'_>, chunk_size: i64) -> Response<'static> {
        let Some(chunk_size) = self.chunk_size(chunk_size) else {
            return Response::IncorrectChunkSize;
        };
        let path = match self.place(Access::Read, file.name, file.directory) {
            Ok(path) => path,
            Err(refused) => return refused.or(Response::NotADirectory),
        };
        if let Err(busy) = self.claim(self.claims().of_look(), "download") {
            return busy;
        }
        match Download::begin(&*self.peer.grant.store, &path, chunk_size) {
            Ok(download) if self.admits_size(download.size()) => {
                let size = download.size();
                self.state = TransferState::Downloading { download, since: now, hold: self.hold(now) };
                Response::TransferAccepted { file_size: Some(size) }
            }
            refused => {
                self.release();
                match refused {
                    Ok(_too_large) => Response::IncorrectFileSize,
                    Err(failure) => Refusals::DOWNLOAD.response(&self.peer.grant.told(failure)),
                }
            }
        }
    }

    fn hold(&self, now: Duration) -> MaxHold {
        let mut hold = MaxHold::new(self.shared.limits.current().max_hold);
        hold.progressed(now);
        hold
    }

    pub(super) fn take_chunk(&mut self, now: Duration, chunk: &[u8]) -> Response<'static> {
        let TransferState::Uploading { upload, hold, .. } = &mut self.state else {
            return Response::BadRequest;
        };
        let taken = upload.take(chunk);
        self.audit.received(chunk.len());
        let (response, outcome) = match taken {
            Ok(Taken::More) => {
                hold.progressed(now);
                return Response::ChunkReceived;
            }
            Ok(Taken::Misfit) => (Response::BadRequest, ErrorCode::BadRequest.name()),
            Err(failure) => self.untaken(failure),
            Ok(Taken::Complete) => match self.commit() {
                Ok(()) => (Response::TransferCompleted { data: None }, OK),
                // Taken by somebody else meanwhile, among others.
                Err(failure) => self.untaken(failure),
            },
        };
        self.end_transfer(false, outcome);
        response
    }

    fn untaken(&self, failure: Failure) -> (Response<'static>, &'static str) {
        let outcome = failure.code.name();
        (answers::other(&self.peer.grant.told(failure)), outcome)
    }

    fn commit(&mut self) -> StoreResult<()> {
        // Whether it succeeds or fails, nothing is left of the upload afterwards.
        let state = std::mem::replace(&mut self.state, TransferState::Idle { was_download: false });
        if let TransferState::Uploading { upload, .. } = state {
            upload.commit()?;
            self.audit.stored();
        }
        self.make_durable()
    }

    pub(super) fn give_chunk(&mut self, now: Duration) -> Vec<u8> {
        let TransferState::Downloading { download, hold, .. } = &mut self.state else {
            return Response::BadRequest.encode();
        };
        match download.give() {
            Ok(Given::Part(data)) => {
                hold.progressed(now);
                self.audit.sent(data.len());
                Response::ChunkSent(data.into()).encode()
            }
            Ok(Given::Last(data)) => {
                self.audit.sent(data.len());
                let response = Response::TransferCompleted { data: Some(data.into()) }.encode();
                // Its client may cancel before it has this answer.
                self.end_transfer(true, OK);
                response
            }
            Err(failure) => {
                self.end_transfer(false, failure.code.name());
                answers::other(&failure).encode()
            }
        }
    }

    pub(super) fn end_transfer(&mut self, was_download: bool, outcome: &'static str) {
        self.audit.transferred(outcome);
        self.state = TransferState::Idle { was_download };
        self.release();
    }

    fn admits_size(&self, size: u64) -> bool {
        size <= self.peer.grant.principal.limits.file_size
    }

    fn chunk_size(&self, size: i64) -> Option<usize> {
        let (least, most) = self.shared.options.chunk_size_range;
        let size = u32::try_from(size).ok()?;
        (least..=most).contains(&size).then_some(size as usize)
    }
}
