//! Writers beside each other: who uploads under a name of its own waits for nobody.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::common;

use common::{Fixture, noise, remote, visible, write};
use remofile::{Client, ClientOptions, Event, Monitor, TransferOptions, Wait};

/// Fails if a call has to wait for anybody.
struct NeverWaits;

impl Monitor for NeverWaits {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Waiting { holders } = event {
            panic!("it waits for {holders:?}");
        }
    }
}

#[test]
fn twenty_clients_at_a_limited_rate_upload_into_one_directory_and_none_waits() {
    let (fixture, source) = (Fixture::new(), tempfile::tempdir().unwrap());
    let content = noise(10 << 20);
    let mut options = TransferOptions::default();
    options.send.bytes_per_second = Some(5 << 20);
    std::thread::scope(|scope| {
        for number in 0..20 {
            let path = write(source.path(), &format!("file{number}"), &content);
            let (fixture, options) = (&fixture, &options);
            scope.spawn(move || {
                let mut client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
                client.upload(&[path], &remote("/"), options, &mut NeverWaits).unwrap();
            });
        }
    });
    assert_eq!(visible(fixture.root()).len(), 20);
}
