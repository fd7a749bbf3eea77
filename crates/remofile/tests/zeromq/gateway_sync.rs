//! A sync to a server of protocol 1: what its requests cannot do is known before anything is done.

use crate::common::{Fixture, remote, write};
use remofile::protocol::wire::ErrorCode;
use remofile::{Client, ClientOptions, Error, Protocol, SendOptions, Silent, SyncOptions, synchronize_upload};

#[test]
fn a_sync_to_protocol_1_plans_what_its_requests_can_do() {
    let (fixture, source) = (Fixture::new(), tempfile::tempdir().unwrap());
    let mut client = Client::connect(ClientOptions { protocol: Protocol::One, ..fixture.options() }).unwrap();
    write(source.path(), "same", "content");
    write(source.path(), "changes", "old");
    let mut sync =
        |options: &SyncOptions| synchronize_upload(&mut client, source.path(), &remote("/"), options, &mut Silent);
    let refused = sync(&SyncOptions {
        send: SendOptions { preserve_mode: true, ..SendOptions::default() },
        ..SyncOptions::default()
    });
    assert!(matches!(&refused, Err(Error::Remote(failure)) if failure.code == ErrorCode::Unsupported), "{refused:?}");
    assert!(!fixture.path("same").exists());
    assert_eq!(sync(&SyncOptions::default()).unwrap().transfer.files, 2);
    let again = sync(&SyncOptions::default()).unwrap();
    assert_eq!((again.plan.unchanged.files, again.plan.steps.len(), again.transfer.failures), (2, 0, vec![]));
    write(source.path(), "changes", "new");
    write(source.path(), "fresh", "x");
    let report = sync(&SyncOptions::default()).unwrap();
    let codes: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
    assert_eq!((report.transfer.files, codes), (1, vec![ErrorCode::Unsupported]));
    assert_eq!(std::fs::read(fixture.path("changes")).unwrap(), b"old");
}
