//! Sessions that are told something while they go to rest.

use super::*;
use crate::server::{Bound, Prepared, Server};
use remofile_protocol::token::Token;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A session with nothing to do. In its first turns the lobby calls it behind its last look.
struct Crossed {
    socket: UnixStream,
    calls: usize,
    turns: Arc<AtomicUsize>,
}

impl Serve for Crossed {
    fn serve(&mut self, waker: &Waker, _linger: &dyn Fn() -> Duration) -> Served {
        if self.turns.fetch_add(1, Ordering::SeqCst) < self.calls {
            waker.wake();
        }
        Served::Idle
    }

    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn lobby(root: &std::path::Path) -> Lobby {
    let server = Server::new(root, Token::generate()).unwrap();
    let Bound { config, .. } = server.bind(0, Some(LOCALHOST)).unwrap();
    let waker = Waker::new().unwrap();
    let Prepared { context, .. } = config.prepare(&waker, None).unwrap();
    Lobby::new(Vec::new(), Arc::new(context), None, &waker).unwrap()
}

#[test]
fn a_session_that_is_called_while_it_goes_to_rest_looks_again() {
    let root = tempfile::tempdir().unwrap();
    let mut lobby = lobby(root.path());
    for (session, calls) in [(1, 0), (2, 1), (3, 2)] {
        let pass = lobby.pass(0).unwrap();
        let place = Place::new(LOCALHOST, &pass.grant.principal);
        let presence = Presence::new(Instant::now(), None);
        let turns = Arc::new(AtomicUsize::new(0));
        let (socket, _far) = UnixStream::pair().unwrap();
        lobby.begin_session(session, place, pass, presence, Crossed { socket, calls, turns: Arc::clone(&turns) });
        let is_parked = |lobby: &mut Lobby| {
            let (_, running) = lobby.admission.running_mut(session).unwrap();
            matches!(running, Running::Waits { has_something_to_do: false, .. })
        };
        let mut events = Events::with_capacity(8);
        while !is_parked(&mut lobby) {
            lobby.poll.poll(&mut events, None).unwrap();
            lobby.waker.drain();
            lobby.take_returns();
        }
        assert_eq!(turns.load(Ordering::SeqCst), 1 + calls, "each call had it look once more");
    }
}
