//! The answer of `/health` at a server with a coordinator.

use super::http::Answer;
use remofile::Server;
use remofile::server::Standing;

/// Returns how a server stands with its coordinator, if it has one.
pub(super) fn coordinator_of(server: &Server) -> Option<Standing> {
    server.options().coordinator.map(|coordinated| coordinated.standing())
}

/// Answers for a server whose event loop turns. One that may change nothing is not well: another one may be.
pub(super) fn answer(server: &Server) -> Answer {
    match coordinator_of(server) {
        None | Some(Standing::Joined) => Answer::text("200 OK", "ok\n"),
        Some(Standing::Silent(why)) => {
            Answer::text("200 OK", &format!("ok, but the coordinator does not answer at the moment: {why}\n"))
        }
        Some(Standing::Lost(why)) => {
            let told = format!("the coordinator cannot be reached: clients read, and change nothing: {why}\n");
            Answer::text("503 Service Unavailable", &told)
        }
    }
}
