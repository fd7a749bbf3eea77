//! Paths without a character: what is said about them begins with them, and not with a colon.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::common;

use common::{Fixture, remote};
use remofile::protocol::token::Token;
use remofile::protocol::wire::Failure;
use remofile::{
    LocalPartials, LocalSource, RemoteSource, Server, Silent, SyncOptions, TransferOptions, TransferReport,
    synchronize_download, synchronize_upload,
};
use std::path::{Path, PathBuf};

/// Everything that was said, of which there must be something.
fn said(result: remofile::Result<Vec<Failure>>) -> Vec<String> {
    let said = match result {
        Err(error) => vec![error.to_string()],
        Ok(failures) => failures.iter().map(ToString::to_string).collect(),
    };
    assert!(!said.is_empty());
    said
}

fn failures(report: TransferReport) -> Vec<Failure> {
    report.failures.into_iter().chain(report.skipped).collect()
}

#[test]
fn what_is_said_about_an_empty_path_shows_that_it_is_empty() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    fixture.write("directory/file", "content");
    let (mut client, empty, root) = (fixture.client(), Path::new(""), remote("/"));
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let source = LocalSource { directory: PathBuf::new(), path: PathBuf::new(), name: Some("name".to_owned()) };
    let from = [RemoteSource::from(remote("/directory"))];
    let sync = SyncOptions::default();
    let mut everything = Vec::new();
    everything.extend(said(client.upload(&[empty], &root, &options, &mut Silent).map(failures)));
    everything.extend(said(client.upload(&[source], &root, &options, &mut Silent).map(failures)));
    everything.extend(said(client.download(&from, empty, &options, &mut Silent).map(failures)));
    everything.extend(said(
        synchronize_upload(&mut client, empty, &root, &sync, &mut Silent).map(|report| failures(report.transfer)),
    ));
    everything.extend(said(
        synchronize_download(&mut client, &root, empty, &sync, &mut Silent).map(|report| failures(report.transfer)),
    ));
    everything.extend(said(LocalPartials::open(empty).map(|_| Vec::new())));
    everything.extend(said(Server::new(empty, Token::generate()).map(|_| Vec::new())));
    for line in everything {
        assert!(!line.starts_with(':') && !line.contains(" : ") && !line.contains("  "), "{line}");
        assert!(line.contains("''"), "{line}");
    }
}
