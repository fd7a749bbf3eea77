//! Connections beside those that the siblings of a client have: the server may have no room for as many.

use crate::client::session::call::Session;
use crate::client::session::connect;
use crate::client::session::context::CallContext;
use crate::client::session::ended::After;
use crate::client::session::handler::Plain;
use crate::client::session::idle::Idle;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::session::racing::{HEAD_START, HEAD_START_BESIDE};
use crate::client::{ClientOptions, OnWaiting};
use crate::error::{Error, Result};
use remofile_protocol::handshake::Refusal;
use remofile_protocol::wire::Request;
use std::time::Duration;

/// The interval at which another connection is tried to be opened while none of the siblings' comes free.
const ROOM_EVERY: Duration = Duration::from_secs(1);

/// Opens a connection. If the server has no room for it beside those of siblings, waits for one of theirs, unless all of them wait for
/// such calls themselves.
pub(crate) fn connect(
    options: &ClientOptions,
    idle: &Idle,
    expected: LaneChoice,
    context: &CallContext,
) -> Result<Session> {
    let mut waiting = None;
    loop {
        match open(options, idle, expected, context) {
            Err(error) if matches!(error.most_telling(), Error::Refused(Refusal::TooMany)) => {
                let waiting = waiting.get_or_insert_with(|| idle.waits(options.waited_by));
                if idle.count() == 0 || waiting.is_in_vain() {
                    return Err(error);
                }
                idle.wait(context, ROOM_EVERY)?;
            }
            opened => return opened,
        }
        if let Some(session) = idle.take(options) {
            return Ok(session);
        }
    }
}

/// The same in one attempt.
pub(crate) fn open(
    options: &ClientOptions,
    idle: &Idle,
    expected: LaneChoice,
    context: &CallContext,
) -> Result<Session> {
    // Before it is there, so that siblings which connect at the same time know of each other.
    let mark = idle.mark();
    let is_beside = idle.count() > 1;
    let head_start = if is_beside { HEAD_START_BESIDE } else { HEAD_START };
    let session = connect::connect(options, expected, head_start, context)?;
    // The place of the first may have gone to one that began after it, and was quicker.
    let is_beside = is_beside || idle.count() > 1;
    let mut session = if is_beside { checked(session, context)? } else { session };
    session.mark = Some(mark);
    Ok(session)
}

/// Asks for an answer: a server that has no room says so behind its handshake, and what a call sends at once could not be
/// sent again.
fn checked(mut session: Session, context: &CallContext) -> Result<Session> {
    let mut on_waiting = OnWaiting::default();
    match session.run(Request::Status, context, &mut Plain::new(&mut on_waiting)) {
        (Err(error), After::Lost | After::NotBegun) => Err(error),
        (_, After::Usable) | (Ok(_), _) => Ok(session),
    }
}
