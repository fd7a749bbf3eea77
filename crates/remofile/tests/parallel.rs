//! Transfers over several connections at once.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{Harm, proxy};
use common::{AtFirst, Fixture, assert_serves, noise, remote, tree, write};
use remofile::protocol::wire::{ErrorCode, OnConflict};
use remofile::{
    Chunk, Client, ClientOptions, Error, Event, Interrupt, Monitor, RetryOptions, Silent, TransferOptions, Wait,
};
use std::num::NonZeroU32;
use std::path::Path;

const MIB: usize = 1024 * 1024;

fn at_once(transfers: u8) -> TransferOptions {
    TransferOptions { recursive: true, transfers, ..TransferOptions::default() }
}

/// Small files, large ones, and empty directories.
fn plant(root: &Path) {
    for index in 0..400 {
        write(root, &format!("tree/d{}/f{index:03}", index % 9), noise(index * 31));
    }
    for index in 0..6 {
        write(root, &format!("tree/large{index}"), noise(3 * MIB + index));
    }
    std::fs::create_dir(root.join("tree/empty")).unwrap();
}

#[test]
fn a_tree_arrives_whole_over_any_number_of_connections() {
    for transfers in [0, 1, 2, 5] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let (there, back) = (local.path().join("there"), local.path().join("back"));
        std::fs::create_dir(&back).unwrap();
        plant(&there);
        let mut client = fixture.client();
        let options = at_once(transfers);
        let report = client.upload(&[there.join("tree")], &remote("/"), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (406, 0), "{transfers}");
        assert!(tree(&there) == tree(fixture.root()), "{transfers}");
        let report = client.download(&[remote("/tree")], &back, &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (406, 0), "{transfers}");
        assert!(tree(&there) == tree(&back), "{transfers}");
        assert_eq!(client.upload(&[there.join("tree")], &remote("/"), &options, &mut Silent).unwrap().present, 406);
        assert_eq!(client.download(&[remote("/tree")], &back, &options, &mut Silent).unwrap().present, 406);
        assert_serves(&fixture);
    }
}

#[test]
fn what_broke_off_goes_on_over_several_connections() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    let (address, line) = proxy(fixture.address, Harm::Cut(5 * MIB as u64), Harm::None);
    let once = TransferOptions { retry: RetryOptions::NEVER, ..at_once(1) };
    let mut broken = Client::new(ClientOptions { port: address.port(), ..fixture.options() });
    let result = broken.upload(&[local.path().join("tree")], &remote("/"), &once, &mut Silent);
    assert!(matches!(result, Err(Error::ConnectionLost(_))), "{result:?}");
    drop(broken);
    line.join().unwrap();
    let mut client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
    let report = client.upload(&[local.path().join("tree")], &remote("/"), &at_once(4), &mut Silent).unwrap();
    assert_eq!((report.files + report.present, report.failures.len()), (406, 0), "{report:?}");
    assert!(report.resumed_bytes > 0, "{report:?}");
    assert!(tree(local.path()) == tree(fixture.root()));
}

#[test]
fn failures_of_files_are_told_and_the_others_arrive() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    write(local.path(), "tree/a:b", "not portable");
    let report = fixture.client().upload(&[local.path().join("tree")], &remote("/"), &at_once(3), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (406, 1), "{report:?}");
    assert_eq!(report.failures[0].code, ErrorCode::InvalidName);
}

#[test]
fn conflicts_are_found_before_anything_is_sent() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    fixture.write("tree/d1/f001", "in the way");
    let before = tree(fixture.root());
    let error = fixture.client().upload(&[local.path().join("tree")], &remote("/"), &at_once(3), &mut Silent);
    assert!(matches!(error, Err(Error::Conflicts(_))), "{error:?}");
    assert!(tree(fixture.root()) == before);
    let replace = TransferOptions { on_conflict: OnConflict::Replace, ..at_once(3) };
    fixture.client().upload(&[local.path().join("tree")], &remote("/"), &replace, &mut Silent).unwrap();
    assert!(tree(local.path()) == tree(fixture.root()));
}

#[test]
fn an_interrupt_ends_all_connections_and_the_same_call_again_completes_it() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    let interrupt = Interrupt::default();
    let mut client = Client::new(ClientOptions { interrupt: interrupt.clone(), ..fixture.options() });
    let mut monitor = AtFirst::transferred(|| interrupt.trigger());
    let result = client.upload(&[local.path().join("tree")], &remote("/"), &at_once(4), &mut monitor);
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    drop(client);
    assert_serves(&fixture);
    let mut client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
    client.upload(&[local.path().join("tree")], &remote("/"), &at_once(4), &mut Silent).unwrap();
    assert!(tree(local.path()) == tree(fixture.root()));
}

/// Counts the bytes of the chunks it sees.
struct Seen(u64);

impl Monitor for Seen {
    fn report(&mut self, _: Event<'_>) {}

    fn chunk_size(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(4096)
    }

    fn process_chunk(&mut self, chunk: &Chunk<'_>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        self.0 += chunk.data.len() as u64;
        Ok(true)
    }
}

#[test]
fn a_monitor_that_wants_to_see_chunks_sees_them_all() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    let mut seen = Seen(0);
    let report = fixture.client().upload(&[local.path().join("tree")], &remote("/"), &at_once(4), &mut seen).unwrap();
    assert_eq!(seen.0, report.bytes);
}
