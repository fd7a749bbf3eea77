//! A simulated client of protocol 1: one request, one answer, and a user who does not give up.
//!
//! Protocol 1 replaces nothing: what is in the way of an upload is removed before. It knows no identity, so after a lost line
//! its client is a stranger to what it has left.

use super::chance::Chance;
use super::client::{Link, Moment};
use super::model::{Change, Version};
use super::sending::content;
use crate::server::DEFAULT_IDLE_TIMEOUT;
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::protocol1::{Directory, Reason, Request, Response};
use std::collections::VecDeque;
use std::time::Duration;

const CHUNK_BYTES: usize = 8192;

/// The time for which an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(45);

/// A command of its user.
#[derive(Debug, Clone)]
pub(super) enum FormerTask {
    Upload { path: RemotePath, bytes: usize, is_cancelled: bool },
    Download(RemotePath),
    Remove(RemotePath),
    List(RemotePath),
}

pub(super) struct FormerClient {
    pub(super) connection: Option<u64>,
    pub(super) wakes_at: Duration,
    chance: Chance,
    tasks: VecDeque<FormerTask>,
    work: Option<Work>,
    /// The time until which an answer is waited for, if one is.
    until: Option<Duration>,
}

/// A task that is under way.
#[derive(Debug)]
struct Work {
    task: FormerTask,
    /// The change that the model has of it, and that of the removal of what is in its way.
    change: Change,
    removal: Option<Change>,
    content: Vec<u8>,
    /// Bytes that were sent, or have come.
    at: usize,
    asked: FormerRequest,
    /// The times of the last request and of the one before it.
    asked_at: Duration,
    asked_before_at: Duration,
    /// True if a removal was under way on a line that is lost.
    left_removal: bool,
    began: u64,
}

/// The request whose answer is waited for, or that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FormerRequest {
    Begin,
    Chunk,
    Removal,
    Cancel,
}

type Checked<T> = Result<T, String>;

impl FormerTask {
    /// A task at random.
    pub(super) fn any(chance: &mut Chance, directory: &RemotePath, largest: usize) -> Self {
        let path = directory.join(chance.pick::<&str>(&["a", "b", "c", "d"])).unwrap();
        match chance.below(8) {
            0 => Self::Remove(path),
            1 => Self::List(directory.clone()),
            2 | 3 => Self::Download(path),
            _ => {
                let bytes = 1 + if chance.one_in(4) { chance.below(largest) } else { chance.below(2000) };
                Self::Upload { path, bytes, is_cancelled: chance.one_in(10) }
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Upload { .. } => "upload by protocol 1",
            Self::Download(_) => "download by protocol 1",
            Self::Remove(_) => "remove by protocol 1",
            Self::List(_) => "list by protocol 1",
        }
    }

    fn path(&self) -> &RemotePath {
        match self {
            Self::Upload { path, .. } | Self::Download(path) | Self::Remove(path) | Self::List(path) => path,
        }
    }
}

impl FormerClient {
    pub(super) fn new(chance: Chance, tasks: VecDeque<FormerTask>) -> Self {
        Self { connection: None, wakes_at: Duration::ZERO, chance, tasks, work: None, until: None }
    }

    pub(super) fn is_content(&self) -> bool {
        self.work.is_none() && self.tasks.is_empty()
    }

    /// Reports whether it waits for nothing.
    pub(super) fn has_time(&self) -> bool {
        self.until.is_none()
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.until
    }

    /// Its subject, for people.
    pub(super) fn told(&self) -> String {
        let work = self.work.as_ref().map(|work| (&work.task, work.asked, work.at));
        format!("a client of protocol 1 on connection {:?} at {work:?}", self.connection)
    }

    pub(super) fn connected(&mut self, connection: u64) {
        self.connection = Some(connection);
    }

    /// Its connection is gone: what was under way begins again.
    pub(super) fn lost(&mut self, now: Duration) {
        if let Some(work) = self.work.as_mut().filter(|_| self.until.is_some()) {
            work.left_removal |= work.asks_for_removal();
        }
        (self.connection, self.until) = (None, None);
        self.pause(now);
    }

    fn pause(&mut self, now: Duration) {
        self.wakes_at = now + self.chance.time(Duration::from_secs(2));
        if let Some(work) = &mut self.work {
            (work.asked, work.at) = (FormerRequest::Begin, 0);
        }
    }

    /// Returns the next request.
    pub(super) fn ask(&mut self, moment: &mut Moment<'_>) -> Option<Vec<u8>> {
        if self.work.is_none() {
            self.work = Some(Work::begin(self.tasks.pop_front()?, moment));
        }
        let work = self.work.as_mut()?;
        if std::mem::take(&mut work.left_removal) {
            // Nobody learns whether it still comes, over the old line and behind what comes over the new one.
            let removal = moment.model.number();
            moment.model.begin(removal, work.task.path(), Version::Absent, moment.step);
        }
        self.until = Some(moment.now + PATIENCE);
        Some(work.request(moment).encode())
    }

    /// Takes an answer.
    pub(super) fn answered(&mut self, moment: &mut Moment<'_>, answer: &[u8]) -> Checked<Link> {
        self.until = None;
        let Some(work) = &mut self.work else { return Err("an answer that nobody asked for".to_owned()) };
        let response = Response::decode(answer).map_err(|error| error.to_string())?;
        match work.learn(response, moment)? {
            Next::Request => {}
            Next::Pause => self.pause(moment.now),
            Next::Task => {
                moment.model.task_done(work.task.kind());
                self.work = None;
            }
        }
        Ok(Link::Kept)
    }
}

/// The step that follows an answer.
enum Next {
    Request,
    Pause,
    Task,
}

impl Work {
    fn begin(task: FormerTask, moment: &mut Moment<'_>) -> Self {
        let mut work = Self {
            task,
            change: 0,
            removal: None,
            content: Vec::new(),
            at: 0,
            asked: FormerRequest::Begin,
            asked_at: moment.now,
            asked_before_at: moment.now,
            left_removal: false,
            began: moment.step,
        };
        work.begin_change(moment);
        work
    }

    /// Has the model know what may happen from now on.
    fn begin_change(&mut self, moment: &mut Moment<'_>) {
        self.change = moment.model.number();
        let version = match &self.task {
            FormerTask::Upload { path, bytes, .. } => {
                self.content = content(self.change, path.as_str(), *bytes);
                Version::Content(digest(&self.content))
            }
            FormerTask::Remove(_) => Version::Absent,
            FormerTask::Download(_) | FormerTask::List(_) => return,
        };
        moment.model.begin(self.change, self.task.path(), version, moment.step);
    }

    fn asks_for_removal(&self) -> bool {
        match self.asked {
            FormerRequest::Removal => true,
            FormerRequest::Begin => matches!(self.task, FormerTask::Remove(_)),
            FormerRequest::Chunk | FormerRequest::Cancel => false,
        }
    }

    fn request(&mut self, moment: &mut Moment<'_>) -> Request<'_> {
        let path = self.task.path();
        let directory = path.parent().map(|parent| Directory::new(parent.as_str()));
        let (directory, name) = (directory.unwrap(), path.file_name().unwrap().to_string());
        (self.asked_before_at, self.asked_at) = (self.asked_at, moment.now);
        if self.asked == FormerRequest::Begin {
            self.began = moment.step;
        }
        match (self.asked, &self.task) {
            (FormerRequest::Removal, _) => Request::RemoveFile { name, directory },
            (FormerRequest::Cancel, _) => Request::CancelTransfer,
            (FormerRequest::Begin, FormerTask::Upload { bytes, .. }) => {
                let (file_size, chunk_size) = (*bytes as i64, CHUNK_BYTES as i64);
                Request::UploadFile { name, directory, file_size, chunk_size }
            }
            (FormerRequest::Begin, FormerTask::Download(_)) => {
                Request::DownloadFile { name, directory, chunk_size: CHUNK_BYTES as i64 }
            }
            (FormerRequest::Begin, FormerTask::Remove(_)) => Request::RemoveFile { name, directory },
            (FormerRequest::Begin, FormerTask::List(path)) => {
                Request::ListFiles { directory: Directory::new(path.as_str()) }
            }
            (FormerRequest::Chunk, FormerTask::Upload { .. }) => {
                let end = self.content.len().min(self.at + CHUNK_BYTES);
                let data = self.content[self.at..end].into();
                self.at = end;
                Request::SendChunk { data }
            }
            (FormerRequest::Chunk, _) => Request::ReceiveChunk,
        }
    }

    fn learn(&mut self, response: Response<'_>, moment: &mut Moment<'_>) -> Checked<Next> {
        let is_upload = matches!(self.task, FormerTask::Upload { .. });
        match (self.asked, response) {
            // Somebody else is in the way, or the disk failed.
            (_, Response::UnknownError(_)) => Ok(Next::Pause),
            // Its server may have heard nothing for so long, on a slow line, that it has ended the transfer.
            (FormerRequest::Chunk | FormerRequest::Cancel, Response::BadRequest)
                if moment.now >= self.asked_before_at + DEFAULT_IDLE_TIMEOUT =>
            {
                Ok(Next::Pause)
            }
            (FormerRequest::Begin, Response::TransferAccepted { .. }) => {
                (self.asked, self.at) = (FormerRequest::Chunk, 0);
                if !is_upload {
                    self.content.clear();
                }
                Ok(Next::Request)
            }
            (FormerRequest::Begin, Response::FileAlreadyExists) if is_upload => {
                let removal = moment.model.number();
                moment.model.begin(removal, self.task.path(), Version::Absent, moment.step);
                (self.removal, self.asked) = (Some(removal), FormerRequest::Removal);
                Ok(Next::Request)
            }
            (FormerRequest::Removal, Response::FileRemoved | Response::FileNotFound) => {
                let Some(removal) = self.removal.take() else { return Err("a removal of nothing".to_owned()) };
                // Whatever an earlier attempt had left to do is over: this one had the lease.
                moment.model.end(self.change, moment.step);
                moment.model.acknowledge(removal, self.task.path(), moment.step);
                moment.model.end(removal, moment.step);
                self.begin_change(moment);
                self.asked = FormerRequest::Begin;
                Ok(Next::Request)
            }
            (FormerRequest::Chunk, Response::ChunkReceived) if is_upload => {
                if matches!(self.task, FormerTask::Upload { is_cancelled: true, .. }) {
                    self.asked = FormerRequest::Cancel;
                }
                Ok(Next::Request)
            }
            (FormerRequest::Chunk, Response::TransferCompleted { data: None }) if is_upload => {
                if self.at < self.content.len() {
                    return Err(format!("{} is complete before all of it was sent", self.task.path()));
                }
                Ok(self.is_done(moment))
            }
            (FormerRequest::Chunk, Response::ChunkSent(data)) if !is_upload => {
                self.content.extend_from_slice(&data);
                Ok(Next::Request)
            }
            (FormerRequest::Chunk, Response::TransferCompleted { data }) if !is_upload => {
                self.content.extend_from_slice(&data.unwrap_or_default());
                self.check(moment)?;
                Ok(Next::Task)
            }
            (FormerRequest::Cancel, Response::TransferCancelled) => {
                moment.model.end(self.change, moment.step);
                Ok(Next::Task)
            }
            (FormerRequest::Begin, Response::FileRemoved | Response::FileNotFound)
                if matches!(self.task, FormerTask::Remove(_)) =>
            {
                Ok(self.is_done(moment))
            }
            (FormerRequest::Begin, Response::FileNotFound | Response::FilesListed(_)) if !is_upload => Ok(Next::Task),
            // The directory is gone with a fall of the disk, or was never there.
            (FormerRequest::Begin, Response::NotADirectory) => {
                moment.model.end(self.change, moment.step);
                Ok(Next::Task)
            }
            (asked, response) => {
                Err(format!("{:?} at {asked:?} was answered with {:?}", self.task, response.reason().map(Reason::kind)))
            }
        }
    }

    /// The change is acknowledged.
    fn is_done(&self, moment: &mut Moment<'_>) -> Next {
        moment.model.acknowledge(self.change, self.task.path(), moment.step);
        moment.model.end(self.change, moment.step);
        Next::Task
    }

    /// Looks at what was downloaded.
    fn check(&self, moment: &Moment<'_>) -> Checked<()> {
        let path = self.task.path();
        if moment.model.allows(path, Some(&self.content), self.began) || (moment.is_damaged)(&self.content) {
            return Ok(());
        }
        let (bytes, told) = (self.content.len(), moment.model.told(path));
        Err(format!("{path} was read by protocol 1 with {bytes} bytes of no version: {told}"))
    }
}
