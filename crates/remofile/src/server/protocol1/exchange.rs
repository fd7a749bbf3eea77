//! The requests of one peer, one after the other, with what may wait for a disk on the threads of the pool.
//!
//! While a request is there, its [`Session`] is, too, with its lease. Requests that come meanwhile wait for it.

use super::Session;
use crate::blocking::{Owner, Pending, Pool, Slice};
use crate::budget::{Budget, Exhausted, Reservation};
use crate::carrier::Waker;
use crate::server::session::{Peer, SharedState};
use remofile_protocol::protocol1::{Request, Response};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A session of protocol 1, and where it is at work.
pub(in crate::server) struct Exchange {
    shared: Arc<SharedState>,
    pool: Pool,
    waker: Waker,
    place: Place,
    /// Requests that came while one was on another thread.
    waiting: VecDeque<FramedRequest>,
    /// The memory of the requests that are kept.
    memory: Reservation,
}

enum Place {
    Here(Box<Session>),
    Away {
        work: Pending<Answered>,
        /// Of the request that is answered there.
        envelope: Vec<Vec<u8>>,
    },
    /// Its work on another thread has failed beyond repair.
    Lost,
}

/// A request, and the frames before it, which its answer has, too.
struct FramedRequest {
    envelope: Vec<Vec<u8>>,
    body: Vec<u8>,
}

/// A session that comes back with its answer.
struct Answered {
    session: Box<Session>,
    answer: Vec<u8>,
}

/// An answer, behind the frames that its request came with.
pub(in crate::server) struct Enveloped {
    pub(in crate::server) envelope: Vec<Vec<u8>>,
    pub(in crate::server) answer: Vec<u8>,
}

impl Exchange {
    pub(in crate::server) fn new(shared: Arc<SharedState>, peer: Peer, waker: Waker) -> Self {
        let memory = Budget::of_session(&shared.memory, peer.grant.principal.limits.session_memory);
        // As in protocol 2: peers of whom no network is known share nothing.
        let pool = shared.pool.of(peer.network.map_or(Owner(peer.session.into()), |network| Owner(network.number())));
        let mut session = Box::new(Session::new(Arc::clone(&shared), peer));
        session.wake_by(&waker);
        Self {
            shared,
            pool,
            waker,
            place: Place::Here(session),
            waiting: VecDeque::new(),
            memory: Reservation::new(&memory),
        }
    }

    /// Takes a request, with the frames before it. Returns the answer if it is there now.
    ///
    /// # Errors
    /// If more requests come before their turn than there is memory for.
    pub(in crate::server) fn ask(
        &mut self,
        now: Duration,
        envelope: &[&[u8]],
        body: &[u8],
    ) -> Result<Option<Enveloped>, Exhausted> {
        let is_first = self.waiting.is_empty();
        match &mut self.place {
            Place::Here(session) if is_first && !session.may_wait(body) => {
                let answer = session.answer_at_once(now, body);
                Ok(Some(Enveloped { envelope: owned(envelope), answer }))
            }
            place => {
                let is_here = matches!(place, Place::Here(_));
                let asked = FramedRequest { envelope: owned(envelope), body: body.to_vec() };
                self.memory.resize(self.memory.bytes() + asked.bytes())?;
                self.waiting.push_back(asked);
                if is_here {
                    self.send_away(now);
                }
                Ok(None)
            }
        }
    }

    /// Returns the next answer that has come, and goes on with what waited for that.
    pub(in crate::server) fn come_back(&mut self, now: Duration) -> Option<Enveloped> {
        if let Place::Away { work, .. } = &self.place {
            let answered = work.take()?;
            let Place::Away { envelope, .. } = std::mem::replace(&mut self.place, Place::Lost) else { return None };
            self.settle_memory();
            let Ok(Answered { mut session, answer }) = answered else {
                return Some(Enveloped { envelope, answer: lost() });
            };
            // While it was away nobody could tell it.
            session.leave_if_lost();
            self.place = Place::Here(session);
            if self.waiting.front().is_some_and(|next| self.may_wait(&next.body)) {
                self.send_away(now);
            }
            return Some(Enveloped { envelope, answer });
        }
        let FramedRequest { envelope, body } = self.waiting.pop_front()?;
        self.settle_memory();
        let answer = match &mut self.place {
            Place::Here(session) => session.answer_at_once(now, &body),
            Place::Away { .. } | Place::Lost => lost(),
        };
        if self.waiting.front().is_some_and(|next| self.may_wait(&next.body)) {
            self.send_away(now);
        }
        Some(Enveloped { envelope, answer })
    }

    fn may_wait(&self, body: &[u8]) -> bool {
        matches!(&self.place, Place::Here(session) if session.may_wait(body))
    }

    /// Has the next request answered on another thread.
    fn send_away(&mut self, now: Duration) {
        let Some(FramedRequest { envelope, body }) = self.waiting.pop_front() else { return };
        match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Here(mut session) => {
                let work = self.pool.run(self.waker.clone(), move || {
                    let answer = session.answer(now, &body);
                    Answered { session, answer }
                });
                self.place = Place::Away { work, envelope };
            }
            place => {
                self.place = place;
                self.waiting.push_front(FramedRequest { envelope, body });
            }
        }
    }

    /// Counts the requests that are kept. That of the session on another thread is still counted until its answer is here.
    fn settle_memory(&mut self) {
        let bytes = self.waiting.iter().map(FramedRequest::bytes).sum();
        // There is always room for less.
        let _less = self.memory.resize(bytes);
    }

    pub(in crate::server) fn wake_by(&mut self, waker: &Waker) {
        self.waker = waker.clone();
        if let Place::Here(session) = &mut self.place {
            session.wake_by(waker);
        }
    }

    /// Ends a transfer that has lost its lease, which nobody may ask anything about for long.
    pub(in crate::server) fn woken(&mut self) {
        if let Place::Here(session) = &mut self.place {
            session.leave_if_lost();
        }
    }

    /// Reports whether nothing is under way, neither a transfer nor a request.
    pub(in crate::server) fn is_idle(&self) -> bool {
        match &self.place {
            Place::Here(session) => session.is_idle() && self.waiting.is_empty(),
            Place::Away { .. } => false,
            Place::Lost => self.waiting.is_empty(),
        }
    }

    /// Reports whether another request can be answered now.
    pub(in crate::server) fn wants_requests(&self) -> bool {
        matches!(self.place, Place::Here(_) | Place::Lost) && self.waiting.is_empty()
    }

    pub(in crate::server) fn next_timeout(&self) -> Option<Duration> {
        match &self.place {
            Place::Here(session) => session.next_timeout(),
            // The disk is slow, and not the client.
            Place::Away { .. } | Place::Lost => None,
        }
    }

    pub(in crate::server) fn handle_timeout(&mut self, now: Duration) {
        if let Place::Here(session) = &mut self.place {
            session.handle_timeout(now);
        }
    }

    /// Waits until what is under way on another thread is over.
    pub(in crate::server) fn end(&mut self) {
        self.waiting.clear();
        if let Place::Away { work, .. } = &self.place {
            work.await_result();
            // With its lease.
            self.place = Place::Lost;
        }
    }
}

/// However it ends, what is on another thread goes on to its end, and gives its lease back then. A server that stops waits for
/// that.
impl Drop for Exchange {
    fn drop(&mut self) {
        if self.shared.stopping.load(Ordering::Acquire) {
            self.end();
        }
    }
}

impl FramedRequest {
    fn bytes(&self) -> u64 {
        let frames = self.envelope.iter().map(|frame| size_of::<Vec<u8>>() + frame.len());
        (size_of::<Self>() + self.body.len() + frames.sum::<usize>()) as u64
    }
}

impl Session {
    /// Reports whether a request may have to wait for the disk, by what it is. A distant store may take its time for any.
    fn may_wait(&self, body: &[u8]) -> bool {
        if self.peer.grant.store.is_distant() {
            return true;
        }
        match Request::decode(body) {
            Ok(
                Request::CreateFile { .. }
                | Request::MakeDirectory { .. }
                | Request::RemoveFile { .. }
                | Request::UploadFile { .. },
            ) => self.is_idle(),
            Ok(Request::SendChunk { data }) => self.may_wait_for_chunk(data.len()),
            // What is there of the file is removed.
            Ok(Request::CancelTransfer) => self.is_uploading(),
            Ok(Request::ListFiles { .. } | Request::DownloadFile { .. } | Request::ReceiveChunk) | Err(_) => false,
        }
    }

    /// Answers a request that should take no time. If it does, the disk is slow, and chunks are no longer stored at once.
    fn answer_at_once(&mut self, now: Duration, body: &[u8]) -> Vec<u8> {
        let slice = Slice::at_once();
        let answer = self.answer(now, body);
        if slice.is_over() {
            self.notice_slow_disk();
        }
        answer
    }
}

fn owned(envelope: &[&[u8]]) -> Vec<Vec<u8>> {
    envelope.iter().map(|frame| frame.to_vec()).collect()
}

fn lost() -> Vec<u8> {
    Response::UnknownError("the request failed inside the server".to_owned()).encode()
}
