//! The time of the processor that claims and releases take beside many leases:
//! `cargo test --release -p remofile-core --lib leases::tests::speed -- --ignored --nocapture`.

use super::*;

use rustix::time::{ClockId, clock_gettime};

const HELD: u64 = 10_000;
const ROUNDS: u64 = 20_000;

/// Returns the time that this thread has computed for, in microseconds.
fn microseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Measures rounds of a claim and its release, in microseconds each.
fn measure(what: &str, claims: impl Fn(u64) -> Vec<Claim>, expected: bool) {
    let leases = Under::default();
    for session in 0..HELD {
        let path = format!("/{}/{}/deep/er/{session}", session % 10, session % 100);
        assert!(is_granted(&leases.ask(session, write(&path))));
    }
    let all: Vec<Vec<Claim>> = (0..ROUNDS).map(claims).collect();
    let begun = microseconds();
    for (session, claims) in (HELD..).zip(all) {
        assert_eq!(is_granted(&leases.ask(session, claims)), expected);
        leases.end(session);
    }
    let each = (microseconds() - begun) / ROUNDS as f64;
    println!("{what}: {each:.2} us a claim and its release, beside {HELD} leases");
}

#[test]
#[ignore = "measures"]
fn claim_and_release() {
    measure("a file of its own", |round| entry(&format!("/{}/{}/deep/new/{round}", round % 10, round % 100)), true);
    measure("a tree of its own", |round| write(&format!("/new/{round}")), true);
    let names = |round| (0..100).flat_map(|name| write(&format!("/new/{round}/{name}"))).collect();
    measure("an upload of 100 names", names, true);
    measure("a directory that others have parts of", |_| write("/3"), false);
    measure("everything", |_| write("/"), false);
    queue();
}

/// Measures how long it takes until all that wait for one path have had it.
fn queue() {
    let leases = Under::default();
    leases.ask(0, write("/a"));
    for session in 1..=HELD {
        assert!(!is_granted(&leases.queue(session, write("/a/b")).0));
    }
    let begun = microseconds();
    for session in 0..=HELD {
        leases.end(session);
    }
    let each = (microseconds() - begun) / HELD as f64;
    println!("one path that {HELD} wait for: {each:.2} us for each that gets it");
}
