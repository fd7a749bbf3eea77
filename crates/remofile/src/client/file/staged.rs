//! The calls behind a file that is staged at the server: each names it anew, so that it outlives lost connections.

use super::parts::{Change, Part, Writing};
use super::ranges::FileRange;
use crate::client::servers::repeated::{LEASE_WAIT, is_lost, is_out_of_reach};
use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::{Client, Interrupt, RetryOptions, Wait};
use crate::error::{Error, Result};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, ErrorCode, Failure, Request, StagedFileId, Version};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Longest time for which a file that is given up is told of to the server.
const LONGEST_FAREWELL: Duration = Duration::from_secs(2);

/// A file that is staged at the server.
#[derive(Debug)]
pub(super) struct StagedRemote {
    client: Client,
    path: RemotePath,
    file: StagedFileId,
}

impl StagedRemote {
    pub(super) fn new(client: Client, path: RemotePath) -> Self {
        Self { client, path, file: random_id() }
    }

    /// Returns another way to the same file, for another thread.
    pub(super) fn sibling(&self) -> Self {
        Self { client: self.client.sibling(), path: self.path.clone(), file: self.file }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(super) fn path(&self) -> &RemotePath {
        &self.path
    }

    pub(super) fn into_client(self) -> Client {
        self.client
    }

    /// Begins it. With `replace` it takes the place of a file that is there, with `create` of none.
    pub(super) fn begin(&mut self, replace: bool, create: bool) -> Result<()> {
        let request = self.request(Stage { begin: Some((replace, create)), ..Stage::default() });
        self.write_by(&request, &[]).map_err(|failed| failed.error)
    }

    /// Begins it, writes all of its content and makes it visible.
    pub(super) fn make(&mut self, replace: bool, content: &[u8]) -> Result<()> {
        let (begin, commit) = (Some((replace, true)), Some(content.len() as u64));
        let request = self.request(Stage { begin, commit, ..Stage::default() });
        let pieces: &[(u64, &[u8])] = if content.is_empty() { &[] } else { &[(0, content)] };
        match self.write_by(&request, pieces) {
            // A lost answer may have been that it was made.
            Err(Failed { error: Error::Remote(failure), was_lost: true })
                if failure.code == ErrorCode::AlreadyExists && self.is_made_of(content)? =>
            {
                Ok(())
            }
            made => made.map_err(|failed| failed.error),
        }
    }

    /// Reports whether the file has this content.
    fn is_made_of(&mut self, content: &[u8]) -> Result<bool> {
        let whole = FileRange { path: self.path.clone(), offset: 0, length: content.len() as u64 + 1 };
        let there = self.client.read_ranges(&[whole])?.into_iter().next();
        Ok(there.is_some_and(|there| there.is_ok_and(|there| there == content)))
    }

    /// Cuts it, or makes it longer by zeros, then writes pieces.
    pub(super) fn write(&mut self, length: Option<u64>, pieces: &[(u64, &[u8])]) -> Result<()> {
        let request = self.request(Stage { length, ..Stage::default() });
        self.write_by(&request, pieces).map_err(|failed| failed.error)
    }

    /// Writes pieces, and makes it visible with this size, perhaps only in place of one version.
    pub(super) fn commit(&mut self, size: u64, version: Option<Version>, pieces: &[(u64, &[u8])]) -> Result<()> {
        let request = self.request(Stage { commit: Some(size), version, ..Stage::default() });
        self.write_by(&request, pieces).map_err(|failed| match failed.error {
            Error::Remote(failure) if failed.was_lost && failure.code == ErrorCode::PartialChanged => {
                let why = "the connection was lost as it was closed, and the server was restarted since: look whether \
                           it has become visible";
                Failure::new(ErrorCode::PartialChanged).because(why).at(&self.path).into()
            }
            error => error,
        })
    }

    /// Reads into an empty buffer as far as the file goes.
    pub(super) fn read(&mut self, offset: u64, length: u64, buffer: Vec<u8>) -> Result<Vec<u8>> {
        let mut part = Part::new(buffer, length, self.client.options.on_waiting.clone());
        let (path, file) = (self.path.clone(), self.file);
        let request = Request::ReadStaged { path, file, offset, length, credit: length.max(1) };
        let read = self.again(|client, context| {
            part.bytes.clear();
            client.call_in(context, request.clone(), &mut part)
        });
        read.map_err(|failed| failed.error)?;
        Ok(part.bytes)
    }

    /// Tells the server that nothing is to be left of it, if there is a connection. Otherwise the server finds out by itself.
    pub(super) fn discard(&mut self) {
        let Some(session) = self.client.session.take().or_else(|| self.client.idle.take(&self.client.options)) else {
            return;
        };
        self.client.session = Some(session);
        let request = self.request(Stage { discard: true, ..Stage::default() });
        let context = CallContext {
            deadline: Deadline::after(Some(LONGEST_FAREWELL)),
            wait: Wait::No,
            interrupt: Interrupt::default(),
        };
        let mut on_waiting = self.client.options.on_waiting.clone();
        let told = self.client.call_in(&context, request, &mut Writing::new(Change::default(), &mut on_waiting));
        if let Err(error) = told {
            tracing::debug!("the server was not told that {} is given up: {error}", self.path);
        }
        self.client.lend();
    }

    fn request(&self, stage: Stage) -> Request {
        let Stage { begin, length, commit, version, discard } = stage;
        let (path, file, (replace, create)) = (self.path.clone(), self.file, begin.unwrap_or_default());
        Request::Stage { path, file, begin: begin.is_some(), replace, create, length, commit, version, discard }
    }

    fn write_by(&mut self, request: &Request, pieces: &[(u64, &[u8])]) -> std::result::Result<(), Failed> {
        let mut on_waiting = self.client.options.on_waiting.clone();
        let change = Change { pieces, ..Change::default() };
        let done = self.again(|client, context| {
            client.call_in(context, request.clone(), &mut Writing::new(change, &mut on_waiting))
        });
        done.map(drop)
    }

    /// Makes a call, again after a lost connection. All calls may be repeated.
    fn again(
        &mut self,
        mut call: impl FnMut(&mut Client, &CallContext) -> Result<Done>,
    ) -> std::result::Result<Done, Failed> {
        let (retry, mut context, mut failed) = (RetryOptions::default(), self.client.context(), 0);
        let result = loop {
            match call(&mut self.client, &context) {
                Err(error) if failed < retry.times && is_worth_another(&error, failed > 0) => {
                    tracing::debug!("writing {} again: {error}", self.path);
                    failed += 1;
                    // Most often it is only this connection that was lost.
                    if failed > 1 {
                        context
                            .sleep(retry.pause_before(failed - 1))
                            .map_err(|error| Failed { error, was_lost: true })?;
                    }
                    context = context.waiting_at_least(LEASE_WAIT);
                }
                // The server was there before, so this is a lost connection, not a wrong address.
                Err(Error::Connect { source, .. }) if failed > 0 => {
                    break Err(Failed { error: Error::ConnectionLost(source), was_lost: true });
                }
                result => break result.map_err(|error| Failed { error, was_lost: failed > 0 }),
            }
        };
        self.client.lend();
        result
    }
}

/// A call that failed, perhaps after its connection was lost before.
struct Failed {
    error: Error,
    was_lost: bool,
}

/// The fields of a request of a staged file.
#[derive(Debug, Clone, Copy, Default)]
struct Stage {
    /// The rule whether it takes the place of a file, and of none, if it begins.
    begin: Option<(bool, bool)>,
    length: Option<u64>,
    commit: Option<u64>,
    version: Option<Version>,
    discard: bool,
}

fn is_worth_another(error: &Error, was_there: bool) -> bool {
    is_lost(error) || was_there && is_out_of_reach(error)
}

/// Returns a name that nobody guesses: the keys of both halves come from the operating system.
fn random_id() -> StagedFileId {
    let half = |salt: u64| u128::from(RandomState::new().hash_one((std::process::id(), salt)));
    StagedFileId((half(0) << 64 | half(1)).to_be_bytes())
}
