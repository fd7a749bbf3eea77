//! Files that pass through protocol 1, chunk by chunk.

use super::answers::{refused, unexpected};
use super::shared_connection::SharedConnection;
use crate::store::{Extent, Source, Staged, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::protocol1::{Directory, Request, Response};
use remofile_protocol::wire::{Entry, ErrorCode, Failure};
use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A remote file that is being read. Protocol 1 gives a file from its beginning on and no other way.
pub(super) struct Reading {
    shared: SharedConnection,
    directory: RemotePath,
    name: FileName,
    entry: Entry,
    state: Mutex<ReadState>,
}

#[derive(Default)]
struct ReadState {
    is_open: bool,
    /// Bytes that have come so far.
    received: u64,
    /// The last of those bytes, which are not used yet.
    ahead: Vec<u8>,
}

impl Reading {
    pub(super) fn new(shared: SharedConnection, directory: RemotePath, name: FileName, entry: Entry) -> Self {
        Self { shared, directory, name, entry, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, ReadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut ReadState) -> StoreResult<()> {
        self.close(state);
        *state = ReadState::default();
        let (name, directory) = (self.name.as_str(), self.directory.as_str());
        let (_, response) = self.shared.begin(|chunk_size| Request::DownloadFile {
            name: name.to_owned(),
            directory: Directory::new(directory),
            chunk_size: chunk_size.into(),
        })?;
        match response {
            // It may have grown since it was looked at.
            Response::TransferAccepted { file_size } if file_size.unwrap_or(0) >= self.entry.size => {
                state.is_open = true;
                Ok(())
            }
            Response::TransferAccepted { .. } => {
                self.shared.cancel();
                Err(ErrorCode::SourceChanged.into())
            }
            other => Err(refused(other)),
        }
    }

    fn close(&self, state: &mut ReadState) {
        if std::mem::take(&mut state.is_open) {
            self.shared.cancel();
        }
    }

    /// Gets the next chunk.
    fn advance(&self, state: &mut ReadState) -> StoreResult<()> {
        let data = match self.shared.ask(&Request::ReceiveChunk)? {
            Response::ChunkSent(data) => data,
            Response::TransferCompleted { data } => {
                state.is_open = false;
                data.unwrap_or_default()
            }
            other => {
                state.is_open = false;
                return Err(refused(other));
            }
        };
        if data.is_empty() && state.is_open {
            return Err(unexpected());
        }
        state.received += data.len() as u64;
        state.ahead.extend_from_slice(&data);
        Ok(())
    }
}

impl Source for Reading {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let left = usize::try_from(self.entry.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let state = &mut *self.lock();
        let at = |state: &ReadState| state.received - state.ahead.len() as u64;
        if wanted == 0 {
            return Ok(0);
        }
        if (!state.is_open && state.received == 0) || offset < at(state) {
            self.open(state)?;
        }
        loop {
            // Bytes before the offset are of no use.
            let before = usize::try_from(offset - at(state)).unwrap_or(usize::MAX).min(state.ahead.len());
            state.ahead.drain(..before);
            if at(state) == offset && state.ahead.len() >= wanted {
                break;
            }
            if !state.is_open {
                return Err(ErrorCode::SourceChanged.into());
            }
            self.advance(state)?;
        }
        buffer[..wanted].copy_from_slice(&state.ahead[..wanted]);
        state.ahead.drain(..wanted);
        Ok(wanted)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        Ok(Extent::Data(self.entry.size.saturating_sub(offset)))
    }

    /// Returns true always: the server sends the file that it has opened, and a wrong length would be noticed.
    fn is_unchanged(&self) -> StoreResult<bool> {
        Ok(true)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = std::mem::take(&mut *self.lock());
        self.close(&mut state);
    }
}

/// A file that is being written. Its last chunk makes it visible, and so is not sent before it is committed.
pub(super) struct Writing {
    shared: SharedConnection,
    directory: RemotePath,
    name: FileName,
    size: u64,
    /// Size of the chunks of a transfer that has begun.
    chunk_size: Option<usize>,
    written: u64,
    pending: Vec<u8>,
}

impl Writing {
    pub(super) fn new(shared: SharedConnection, directory: RemotePath, name: FileName, size: u64) -> Self {
        Self { shared, directory, name, size, chunk_size: None, written: 0, pending: Vec::new() }
    }

    fn directory(&self) -> Directory {
        Directory::new(self.directory.as_str())
    }

    fn begin(&mut self) -> StoreResult<usize> {
        if let Some(chunk_size) = self.chunk_size {
            return Ok(chunk_size);
        }
        let (name, directory) = (self.name.as_str().to_owned(), self.directory());
        let size = i64::try_from(self.size).map_err(|_| Failure::from(ErrorCode::FileTooLarge))?;
        let (chunk_size, response) = self.shared.begin(|chunk_size| Request::UploadFile {
            name: name.clone(),
            directory: directory.clone(),
            file_size: size,
            chunk_size: chunk_size.into(),
        })?;
        match response {
            Response::TransferAccepted { .. } => {
                self.chunk_size = Some(chunk_size);
                Ok(chunk_size)
            }
            other => Err(refused(other)),
        }
    }

    /// Sends whole chunks, all but the last one.
    fn send_chunks(&mut self) -> StoreResult<()> {
        // More than a chunk, so that the last one always stays for the commit.
        while self.pending.len() > self.chunk_size.unwrap_or(self.shared.likely_chunk() as usize) {
            let chunk_size = self.begin()?;
            if self.pending.len() <= chunk_size {
                break;
            }
            let chunk: Vec<u8> = self.pending.drain(..chunk_size).collect();
            match self.shared.ask(&Request::SendChunk { data: Cow::Owned(chunk) })? {
                Response::ChunkReceived => {}
                other => {
                    self.chunk_size = None;
                    return Err(refused(other));
                }
            }
        }
        Ok(())
    }

    fn is_whole(&self) -> StoreResult<()> {
        match self.written == self.size {
            true => Ok(()),
            false => Err(Failure::new(ErrorCode::IntegrityFailure).because("its size is not the announced one")),
        }
    }

    /// Sends the rest of the file.
    fn complete(&mut self) -> StoreResult<()> {
        self.is_whole()?;
        if self.size == 0 {
            let request = Request::CreateFile { name: self.name.as_str().to_owned(), directory: self.directory() };
            return match self.shared.ask(&request)? {
                Response::FileCreated => Ok(()),
                other => Err(refused(other)),
            };
        }
        let chunk_size = self.begin()?;
        while !self.pending.is_empty() {
            let length = self.pending.len().min(chunk_size);
            let chunk: Vec<u8> = self.pending.drain(..length).collect();
            match self.shared.ask(&Request::SendChunk { data: Cow::Owned(chunk) })? {
                Response::ChunkReceived if !self.pending.is_empty() => {}
                Response::TransferCompleted { .. } if self.pending.is_empty() => self.chunk_size = None,
                other => {
                    self.chunk_size = None;
                    return Err(refused(other));
                }
            }
        }
        Ok(())
    }
}

impl Staged for Writing {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.written += bytes.len() as u64;
        if self.written > self.size {
            return self.is_whole();
        }
        self.pending.extend_from_slice(bytes);
        self.send_chunks()
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        const ZEROS: [u8; 8192] = [0; 8192];
        let mut left = bytes;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            self.write(&ZEROS[..length])?;
            left -= length as u64;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.complete()
    }

    /// Retains nothing: protocol 1 has no partials.
    fn retain_partial(self: Box<Self>) {}
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.chunk_size.take().is_some() {
            self.shared.cancel();
        }
    }
}
