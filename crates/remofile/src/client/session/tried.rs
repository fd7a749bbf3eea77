//! The reasons of servers that cannot be used, and what they come to.

use crate::client::servers::ServerAddress;
use crate::client::servers::kept::ServerPlace;
use crate::client::session::settling::describe;
use crate::error::{Error, TriedServer, Unopened};
use std::io;
use std::net::SocketAddr;

/// A server, or an address of one, that was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) server: ServerAddress,
    /// The address; `None` if it has none.
    pub(super) address: Option<SocketAddr>,
    pub(super) reason: Unopened,
}

impl Tried {
    pub(super) fn unreachable(server: ServerAddress, address: SocketAddr, source: io::Error) -> Self {
        let reason = Error::Connect { address: server.to_string(), source }.into();
        Self { server, address: Some(address), reason }
    }

    pub(super) fn place(&self) -> Option<ServerPlace> {
        self.address.map(|address| ServerPlace { server: self.server.clone(), address })
    }

    fn is_unreachable(&self) -> bool {
        matches!(self.reason, Unopened::Failed(Error::Connect { .. }))
    }

    fn told(self, by_address: bool) -> TriedServer {
        let server = match self.address.filter(|_| by_address) {
            Some(address) => address.to_string(),
            None => self.server.to_string(),
        };
        TriedServer { server, error: error_of(self.reason) }
    }
}

/// Returns what to tell when all have failed: of one server its reason, of several the reason of each.
pub(super) fn conclude(tried: Vec<Tried>) -> Unopened {
    let mut servers: Vec<Vec<Tried>> = Vec::new();
    for tried in tried {
        match servers.iter_mut().find(|others| others.iter().any(|other| other.server == tried.server)) {
            Some(others) => others.push(tried),
            None => servers.push(vec![tried]),
        }
    }
    let mut reasons: Vec<Vec<Tried>> = servers.into_iter().map(reasons_of).collect();
    match reasons.as_mut_slice() {
        [alone] if alone.len() == 1 => alone.remove(0).reason,
        _ => together(reasons),
    }
}

/// Returns the addresses of one server whose reasons say something: an address that is not there says nothing where another
/// one has answered, and the same reason is told once.
fn reasons_of(mut tried: Vec<Tried>) -> Vec<Tried> {
    if tried.iter().all(Tried::is_unreachable) {
        return tried.drain(tried.len().saturating_sub(1)..).collect();
    }
    tried.retain(|tried| !tried.is_unreachable());
    let mut told = Vec::new();
    tried.retain(|tried| {
        let reason = match &tried.reason {
            Unopened::Closed { .. } => "closed".to_owned(),
            Unopened::Doubtful(error) | Unopened::Unsure(error) | Unopened::Failed(error) => error.to_string(),
        };
        let is_new = !told.contains(&reason);
        told.push(reason);
        is_new
    });
    tried
}

fn together(reasons: Vec<Vec<Tried>>) -> Unopened {
    let all = || reasons.iter().flatten();
    let has_closed = all().any(|tried| matches!(tried.reason, Unopened::Closed { .. } | Unopened::Unsure(_)));
    let has_doubt = all().any(|tried| matches!(tried.reason, Unopened::Doubtful(_)));
    let told = reasons.into_iter().flat_map(|tried| {
        let by_address = tried.len() > 1;
        tried.into_iter().map(move |tried| tried.told(by_address))
    });
    let error = Error::NoServer(told.collect());
    match (has_closed, has_doubt) {
        (true, _) => Unopened::Unsure(error),
        (false, true) => Unopened::Doubtful(error),
        (false, false) => Unopened::Failed(error),
    }
}

fn error_of(reason: Unopened) -> Error {
    match reason {
        Unopened::Closed { address, asked_for } => Error::NotRemofile { address, what: describe(1, asked_for) },
        Unopened::Doubtful(error) | Unopened::Unsure(error) | Unopened::Failed(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::handshake::Refusal;

    fn refused(server: &str, last: u8) -> Tried {
        let server = ServerAddress { hostname: server.to_owned(), port: 1 };
        Tried::unreachable(server, ([127, 0, 0, last], 1).into(), io::ErrorKind::ConnectionRefused.into())
    }

    fn with(reason: Unopened, tried: Tried) -> Tried {
        Tried { reason, ..tried }
    }

    #[test]
    fn one_server_is_told_of_as_if_there_were_no_others() {
        for tried in [vec![refused("a", 1)], vec![refused("a", 1), refused("a", 2)]] {
            let Unopened::Failed(Error::Connect { address, .. }) = conclude(tried) else { panic!() };
            assert_eq!(address, "a:1");
        }
        let token = || Unopened::Doubtful(Error::Refused(Refusal::Token));
        for tried in [
            vec![refused("a", 1), with(token(), refused("a", 2))],
            vec![with(token(), refused("a", 1)), with(token(), refused("a", 2))],
        ] {
            assert!(matches!(conclude(tried), Unopened::Doubtful(Error::Refused(Refusal::Token))));
        }
    }

    #[test]
    fn of_several_servers_each_is_told_with_its_reason() {
        let closed = Unopened::Closed { address: "127.0.0.2:1".to_owned(), asked_for: "" };
        let tried = vec![refused("a", 1), with(closed, refused("b", 2)), refused("c", 3)];
        let Unopened::Unsure(error) = conclude(tried) else { panic!() };
        let told = error.to_string();
        for part in ["none of the 3 servers", "a:1: connection refused", "b:1: it is not a Remofile server", "c:1: "] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(error.kind(), "not-remofile");
        let full = Unopened::Failed(Error::Refused(Refusal::TooMany));
        let Unopened::Failed(error) = conclude(vec![with(full, refused("a", 1)), refused("b", 1)]) else { panic!() };
        assert!(matches!(error.most_telling(), Error::Refused(Refusal::TooMany)));
    }

    #[test]
    fn addresses_of_one_name_that_fail_differently_are_told_by_their_addresses() {
        let token = Unopened::Doubtful(Error::Refused(Refusal::Token));
        let full = Unopened::Failed(Error::Refused(Refusal::TooMany));
        let tried = vec![with(full, refused("a", 1)), with(token, refused("a", 2)), refused("a", 3)];
        let Unopened::Doubtful(error) = conclude(tried) else { panic!() };
        let told = error.to_string();
        assert!(
            told.contains("127.0.0.1:1: ") && told.contains("127.0.0.2:1: ") && !told.contains("127.0.0.3"),
            "{told}"
        );
        assert!(matches!(error.most_telling(), Error::Refused(Refusal::Token)));
    }
}
