use crate::codes::{Own, all, describe, of_error};
use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure};
use std::collections::HashSet;
use std::io;
use std::time::Duration;

/// One of each error that has no code of its own on the wire, in the order of their codes.
fn own_errors() -> Vec<(Error, Own)> {
    let text = String::new;
    let source = || io::Error::from(io::ErrorKind::Other);
    let failure = || Failure::new(ErrorCode::NotFound);
    let second = Duration::from_secs(1);
    vec![
        (Error::NotRemofile { address: text(), what: text() }, Own::NotRemofile),
        (Error::SpeaksZeroMq { address: text() }, Own::NotRemofile),
        (Error::NoAnswer { address: text(), waited: second }, Own::NoAnswer),
        (Error::Resolve { hostname: text(), source: source() }, Own::HostNotFound),
        (Error::Connect { address: text(), source: source() }, Own::CannotConnect),
        (Error::ConnectionLost(source()), Own::ConnectionLost),
        (Error::Unanswered, Own::Unanswered),
        (Error::PeerSilent(second), Own::PeerSilent),
        (Error::Protocol(text()), Own::Protocol),
        (Error::Timeout(second), Own::Timeout),
        (Error::Stalled(second), Own::Stalled),
        (Error::Stopped, Own::Stopped),
        (Error::Callback(text().into()), Own::Callback),
        (Error::Conflicts(Vec::new()), Own::Conflicts),
        (Error::Interrupted, Own::Interrupted),
        (Error::Listen { address: text(), source: source() }, Own::CannotListen),
        (Error::Root { path: text(), failure: failure() }, Own::CannotServe),
        (Error::Usage("wrong"), Own::Usage),
        (Error::System { what: "nothing", source: source() }, Own::System),
    ]
}

#[test]
fn each_failure_of_the_wire_has_its_code_and_its_name() {
    for &code in ErrorCode::ALL {
        let error = Error::from(Failure::new(code));
        assert_eq!(of_error(&error), 1000 + i32::from(code.number()));
        assert_eq!(describe(of_error(&error)), Some((error.kind(), code.meaning())));
    }
}

#[test]
fn each_refusal_has_its_code_and_its_name() {
    for &refusal in Refusal::ALL {
        let error = Error::Refused(refusal);
        assert_eq!(of_error(&error), 2000 + i32::from(refusal.number()));
        assert_eq!(describe(of_error(&error)), Some((error.kind(), refusal.meaning())));
    }
}

#[test]
fn each_error_of_this_side_has_its_code_and_its_name() {
    let mut reached = HashSet::new();
    for (error, own) in own_errors() {
        assert_eq!(of_error(&error), own as i32, "{error:?}");
        assert_eq!(own.name(), error.kind());
        reached.insert(own as i32);
    }
    let of_errors = Own::ALL.iter().map(|own| *own as i32).filter(|code| *code < 4000);
    assert_eq!(reached, of_errors.collect());
}

#[test]
fn no_number_and_no_name_is_given_twice() {
    let numbers: HashSet<i32> = all().iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers.len(), all().len());
    // A server that is shutting down refuses sessions and ends them, by one name.
    let names: HashSet<&str> = all().iter().map(|(_, name, _)| *name).collect();
    assert_eq!(names.len() + 1, all().len());
    assert!(all().iter().all(|(_, name, _)| name.len() < crate::types::REMOFILE_NAME_BYTES));
}
