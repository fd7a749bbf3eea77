//! Calls that cannot go on, and servers that do not let them end.

use super::*;
use crate::carrier::Endpoint;
use crate::carrier::Message;
use crate::client::session::handler::Handler;
use remofile_protocol::wire::{Holder, Signal};

/// Wants none of what it has asked for.
struct Unwilling;

impl Handler for Unwilling {
    fn entries(&mut self, _payload: &[u8]) -> Result<u64> {
        Err(Error::Stopped)
    }

    fn waiting(&mut self, _holders: &[Holder]) {}
}

#[test]
fn a_server_that_goes_on_after_it_was_asked_to_end_gets_no_credit_and_is_left_after_a_while() {
    let mut machine = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
    let request = Request::Partials;
    let operation = machine.start(Duration::ZERO, request, 0);
    while machine.poll_header().is_some() {}
    let session = SessionUse {
        machine: &mut machine,
        lease_hold: &mut None,
        context: &CallContext::unlimited(),
        clock: Instant::now(),
        watch: StallWatch::default(),
    };
    let mut call = Call {
        lanes: None,
        session,
        operation,
        handler: &mut Unwilling,
        state: CallState::Running,
        is_untouched: true,
        is_waiting: false,
        failed: None,
    };
    let payload = vec![0; DEFAULT_PAYLOAD_BYTES as usize];
    let mut sent = 0_u64;
    let broken = loop {
        let header = Header::signal(operation, Signal::Entries);
        match call.receive(Duration::from_secs(1), Message { header, payload: payload.as_slice().into() }) {
            Ok(()) => sent += payload.len() as u64,
            Err(error) => break error,
        }
        let queued: Vec<_> =
            std::iter::from_fn(|| call.session.machine.poll_header()).map(|header| header.body).collect();
        let expected = if sent == payload.len() as u64 { vec![Body::Signal(Signal::Cancel)] } else { vec![] };
        assert_eq!(queued, expected, "it is asked once, and no credit is given for what comes");
    };
    assert!(matches!(broken, Error::Protocol(_)), "{broken:?} after {sent} bytes");
    assert!(matches!(call.failed, Some((Error::Stopped, _))));
    // Were it to send nothing but pings, it would be left as well.
    let end = call.next_timeout().unwrap().max(END_AFTER + Duration::from_secs(1));
    for (now, is_left) in [(END_AFTER - Duration::from_secs(1), false), (end, true)] {
        call.heard(now);
        assert_eq!(call.handle_timeout(now).is_err(), is_left, "{now:?}");
    }
}
