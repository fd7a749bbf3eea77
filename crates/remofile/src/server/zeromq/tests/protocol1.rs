//! Requests of protocol 1 whose disk takes its time.

use super::*;
use crate::store::{Faulty, MemoryStore, StoreCall};
use remofile_protocol::path::RemotePath;
use remofile_protocol::protocol1::{Directory, Request as Request1, Response};

fn ask(handler: &mut Handler, request: &Request1<'_>) {
    handler.handle(TOKEN.as_bytes(), &[&b""[..], &request.encode()]);
}

/// Returns the kinds of the next answers of protocol 1, as many as these, when they are there.
fn answers(handler: &mut Handler, count: usize) -> Vec<String> {
    let mut answers = Vec::new();
    while answers.len() < count {
        while let Some(reply) = handler.next_reply() {
            let [delimiter, answer] = &reply.frames[..] else { panic!("{:?}", reply.frames) };
            assert!(delimiter.is_empty() && reply.identity == TOKEN.as_bytes());
            let kind = format!("{:?}", Response::decode(answer).unwrap());
            answers.push(kind.split(['(', ' ']).next().unwrap_or_default().to_owned());
        }
        if answers.len() < count {
            let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(handler, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
        }
    }
    answers
}

fn named(name: &str) -> (String, Directory) {
    (name.to_owned(), Directory::new("/"))
}

/// Requests that change something, and the answers when they have.
fn changes() -> Vec<(Request1<'static>, &'static str)> {
    let [file, made, gone] = ["file", "made", "gone"].map(named);
    vec![
        (Request1::CreateFile { name: file.0, directory: file.1 }, "FileCreated"),
        (Request1::MakeDirectory { name: made.0, directory: made.1 }, "DirectoryCreated"),
        (Request1::RemoveFile { name: gone.0, directory: gone.1 }, "FileRemoved"),
    ]
}

#[test]
fn a_handler_answers_every_peer_while_a_request_of_protocol_1_waits_for_the_disk() {
    for (request, done) in changes() {
        let root = tempfile::tempdir().unwrap();
        let mut handler = handler(root.path());
        greet(&mut handler, "\0two");
        ask(&mut handler, &Request1::MakeDirectory { name: "gone".to_owned(), directory: Directory::new("/") });
        assert_eq!(answers(&mut handler, 1), ["DirectoryCreated"]);
        let gate = gate(root.path());
        let closed = gate.lock().unwrap();
        ask(&mut handler, &request);
        assert!(told(&mut handler).is_empty(), "it is not on the disk");
        handle(&mut handler, "\0two", &Header::signal(OperationId::SESSION, Signal::Ping));
        assert!(matches!(&told(&mut handler)[..], [(_, Signal::Pong)]), "{request:?}");
        // Whoever does not wait for the answer has its requests answered in their order.
        ask(&mut handler, &Request1::ListFiles { directory: Directory::new("/") });
        ask(&mut handler, &Request1::MakeDirectory { name: "next".to_owned(), directory: Directory::new("/") });
        drop(closed);
        assert_eq!(answers(&mut handler, 3), [done, "FilesListed", "DirectoryCreated"]);
    }
}

#[test]
fn a_handler_answers_every_peer_while_a_distant_store_is_looked_at() {
    let store = Faulty::new(Arc::new(MemoryStore::new())).distant();
    let gate = store.faults().gate(StoreCall::Walk);
    let server = Server::with_store(Arc::new(store), Token::parse(TOKEN).unwrap());
    let mut handler = server.handler().unwrap();
    greet(&mut handler, "\0two");
    let closed = gate.lock().unwrap();
    ask(&mut handler, &Request1::ListFiles { directory: Directory::new("/") });
    handle(&mut handler, "\0two", &Header::signal(OperationId::SESSION, Signal::Ping));
    assert!(matches!(&told(&mut handler)[..], [(_, Signal::Pong)]));
    drop(closed);
    assert_eq!(answers(&mut handler, 1), ["FilesListed"]);
}

#[test]
fn a_handler_answers_every_peer_while_the_end_of_an_upload_waits_for_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let mut handler = handler(root.path());
    greet(&mut handler, "\0two");
    let (name, directory) = named("file");
    ask(&mut handler, &Request1::UploadFile { name, directory, file_size: 600, chunk_size: 512 });
    assert_eq!(answers(&mut handler, 1), ["TransferAccepted"]);
    ask(&mut handler, &Request1::SendChunk { data: vec![1; 512].into() });
    assert_eq!(answers(&mut handler, 1), ["ChunkReceived"]);
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    ask(&mut handler, &Request1::SendChunk { data: vec![2; 88].into() });
    assert!(told(&mut handler).is_empty(), "it is not on the disk");
    handle(&mut handler, "\0two", &Header::signal(OperationId::SESSION, Signal::Ping));
    assert!(matches!(&told(&mut handler)[..], [(_, Signal::Pong)]));
    drop(closed);
    assert_eq!(answers(&mut handler, 1), ["TransferCompleted"]);
    let shared = Arc::clone(handler.shared());
    assert!(
        shared.leases.told(Instant::now(), &RemotePath::root(), None).holders.is_empty() && shared.memory.used() == 0
    );
}

#[test]
fn a_request_of_protocol_1_keeps_its_lease_until_its_disk_has_done_it() {
    let root = tempfile::tempdir().unwrap();
    let mut handler = handler(root.path());
    let shared = Arc::clone(handler.shared());
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    let (name, directory) = named("d");
    ask(&mut handler, &Request1::MakeDirectory { name, directory });
    assert!(told(&mut handler).is_empty());
    let gone = std::thread::spawn(move || drop(handler));
    // Its lease is claimed on the other thread.
    while shared.leases.told(Instant::now(), &RemotePath::root(), None).holders.is_empty() {
        std::thread::yield_now();
    }
    drop(closed);
    gone.join().unwrap();
    shared.pool.drain();
    assert!(
        shared.leases.told(Instant::now(), &RemotePath::root(), None).holders.is_empty()
            && root.path().join("d").exists()
    );
}
