//! Requests of protocol 1.

use super::*;
use crate::server::protocol1::Session;
use Right::{Create, Read, Remove};
use remofile_protocol::protocol1::{Directory, Request as Request1, Response};
use std::collections::BTreeSet;
use std::time::Duration;

/// The number of kinds of requests.
const REQUESTS: usize = 9;

/// A number for each request below [`REQUESTS`]. A new one does not compile until it is here, and the test fails until it
/// is in [`requests`].
fn number(request: &Request1<'_>) -> usize {
    match request {
        Request1::ListFiles { .. } => 0,
        Request1::CreateFile { .. } => 1,
        Request1::MakeDirectory { .. } => 2,
        Request1::UploadFile { .. } => 3,
        Request1::SendChunk { .. } => 4,
        Request1::DownloadFile { .. } => 5,
        Request1::ReceiveChunk => 6,
        Request1::CancelTransfer => 7,
        Request1::RemoveFile { .. } => 8,
    }
}

/// Every request, and the right that it takes.
fn requests() -> Vec<(Request1<'static>, Option<Right>)> {
    let (root, name) = (|| Directory::new("/"), |name: &str| name.to_owned());
    vec![
        (Request1::ListFiles { directory: root() }, Some(Read)),
        (Request1::CreateFile { name: name("g"), directory: root() }, Some(Create)),
        (Request1::MakeDirectory { name: name("d"), directory: root() }, Some(Create)),
        (Request1::UploadFile { name: name("u"), directory: root(), file_size: 3, chunk_size: 512 }, Some(Create)),
        // Of a transfer that was begun, or of none.
        (Request1::SendChunk { data: b"new"[..].into() }, None),
        (Request1::DownloadFile { name: name("f"), directory: root(), chunk_size: 512 }, Some(Read)),
        (Request1::ReceiveChunk, None),
        (Request1::CancelTransfer, None),
        (Request1::RemoveFile { name: name("f"), directory: root() }, Some(Remove)),
    ]
}

#[test]
fn every_request_of_protocol_1_is_refused_without_its_right_and_changes_nothing() {
    let covered: BTreeSet<usize> = requests().iter().map(|(request, _)| number(request)).collect();
    assert_eq!(covered, (0..REQUESTS).collect());
    for rights in every_set() {
        let scene = Scene::new(&rights);
        let mut session = Session::new(Arc::clone(&scene.shared), scene.peer());
        for (request, needed) in requests() {
            let (before, told) = (scene.tree(), format!("{request:?} with {rights:?}"));
            let answer = session.answer(Duration::ZERO, &request.encode());
            let denied = match Response::decode(&answer).unwrap() {
                Response::UnknownError(message) if message.contains("permission denied") => Some(message),
                _ => None,
            };
            match needed.and_then(|needed| missing(&rights, &[needed])) {
                None => assert_eq!(denied, None, "{told}"),
                Some(right) => {
                    assert!(denied.is_some_and(|denied| denied.contains(&denial(right))), "{told}");
                    assert_eq!(scene.tree(), before, "{told}");
                }
            }
        }
    }
}
