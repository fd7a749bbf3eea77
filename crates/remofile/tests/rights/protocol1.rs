//! Protocol 1: the same for its requests, behind a socket of somebody's own and over connections.

use crate::rights::matrix::PLACES;
use crate::rights::world::{KINDS, World};
use crate::zeromq::peer::ZeroMq;
use Right::{Create, Read, Remove};
use remofile::TokenRights;
use remofile::protocol::handshake::Right;
use remofile::protocol::protocol1::{Directory, Request, Response};
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

/// Requests about a path that begin something, and the right that each takes.
fn cases(path: &str) -> Vec<(Request<'static>, Right)> {
    let (directory, name) = path.rsplit_once('/').unwrap();
    let (directory, name) = (|| Directory::new(directory), || name.to_owned());
    let chunk_size = 512;
    vec![
        (Request::ListFiles { directory: Directory::new(path) }, Read),
        (Request::CreateFile { name: name(), directory: directory() }, Create),
        (Request::MakeDirectory { name: name(), directory: directory() }, Create),
        (Request::RemoveFile { name: name(), directory: directory() }, Remove),
        (Request::UploadFile { name: name(), directory: directory(), file_size: 3, chunk_size }, Create),
        (Request::DownloadFile { name: name(), directory: directory(), chunk_size }, Read),
    ]
}

/// Asks for something, with the chunk that follows.
fn ask(peer: &mut ZeroMq, request: &Request<'_>) -> Vec<Response<'static>> {
    let mut answers = vec![peer.ask(request)];
    if let Response::TransferAccepted { file_size } = answers[0] {
        let chunk =
            if file_size.is_some() { Request::ReceiveChunk } else { Request::SendChunk { data: b"new"[..].into() } };
        answers.push(peer.ask(&chunk));
    }
    answers
}

fn peers(world: &World) -> Vec<ZeroMq> {
    world.tokens[..KINDS.len()].iter().map(|token| ZeroMq::req(world.address(), token.reveal())).collect()
}

/// An answer without the times of files.
fn words(answers: &[Response<'_>]) -> String {
    let of = |answer: &Response<'_>| match answer {
        Response::FilesListed(files) => {
            let file = |file: &remofile::protocol::protocol1::ListedFile| (file.name.clone(), file.is_directory);
            format!("{:?}", files.iter().map(file).collect::<BTreeSet<_>>())
        }
        other => format!("{other:?}"),
    };
    answers.iter().map(of).collect()
}

#[test]
fn the_matrix_of_rights_holds_for_protocol_1() {
    let (scoped, plain) = (World::scoped(true), World::plain(true));
    let (mut scoped_peers, mut plain_peers) = (peers(&scoped), peers(&plain));
    let around = scoped.outside();
    for place in PLACES.into_iter().filter(|place| *place != "/") {
        for (request, needed) in cases(place) {
            for (number, kind) in KINDS.into_iter().enumerate() {
                let about = format!("{} at {place}: {request:?}", kind.name());
                scoped.reset();
                plain.reset();
                let before = scoped.inside();
                let told = words(&ask(&mut scoped_peers[number], &request));
                assert_eq!(scoped.outside(), around, "{about}");
                assert!(!told.contains("zz-content") && !told.contains("zz-inner"), "{about}: {told}");
                if !kind.rights().has(needed) {
                    let denied = format!("the token \\\"{}\\\" has no right to {}", kind.name(), needed.name());
                    assert!(told.contains(&denied), "{about}: {told}");
                    assert_eq!(scoped.inside(), before, "{about}");
                } else if kind != TokenRights::Upload {
                    let expected = words(&ask(&mut plain_peers[KINDS.len() - 1], &request));
                    assert_eq!(told, expected, "{about}");
                }
            }
        }
    }
}

#[test]
fn a_drop_box_is_refused_in_the_same_words_by_protocol_1_whatever_takes_a_name() {
    let world = World::scoped(true);
    let mut peer = peers(&world).swap_remove(1);
    let takers = ["f", "nowhere", "../zz-secret/f", "t", "d"];
    for place in ["/t", "/t/new"] {
        for (request, _) in cases(place) {
            let mut refused = BTreeSet::new();
            for taker in takers {
                // A directory is no file, and what is in it may be had.
                if taker == "d" && place == "/t/new" {
                    continue;
                }
                symlink(taker, world.inner.join("t")).unwrap();
                refused.insert(words(&ask(&mut peer, &request)));
                world.reset();
            }
            std::fs::write(world.inner.join("t"), "zz").unwrap();
            refused.insert(words(&ask(&mut peer, &request)));
            world.reset();
            assert_eq!(refused.len(), 1, "{place}: {request:?}: {refused:#?}");
        }
    }
}
