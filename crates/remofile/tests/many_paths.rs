//! Requests for many paths in one flight: none waits for the answer to the one before it.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "tests fail by panicking")]

use crate::common;

use common::raw::{Raw, listen};
use common::remote;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Done, ErrorCode, Failure, OperationId, Request, Signal};
use remofile::{Client, ClientOptions, Result};
use std::thread::JoinHandle;

/// A client of a server that answers the first request, and does this with the next `count` when all have come.
fn client_of(
    count: usize,
    script: impl FnOnce(&mut Raw, Vec<(OperationId, Request)>) + Send + 'static,
) -> (Client, JoinHandle<()>) {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        let (first, _) = raw.next_request().unwrap();
        raw.signal(first, Signal::Done { done: Done { files: 1, ..Done::default() } });
        let requests = (0..count).map(|_| raw.next_request().unwrap()).collect();
        script(&mut raw, requests);
    });
    (Client::new(ClientOptions::new("127.0.0.1", address.port(), token)), server)
}

/// The number of a path, and what came of it: the files that are gone, or the failure.
type Told = (usize, std::result::Result<u64, String>);

/// Removes `count` paths, and returns what came of each as far as it was told.
fn remove(client: &mut Client, count: usize) -> (Vec<Told>, Result<()>) {
    let paths: Vec<_> = (0..count).map(|number| remote(&format!("/{number}"))).collect();
    let mut told = Vec::new();
    let outcome = client.remove_each(&paths, false, &mut |number, outcome| {
        told.push((number, outcome.map(|removed| removed.files).map_err(|error| error.to_string())));
    });
    (told, outcome)
}

fn done(raw: &mut Raw, operation: OperationId, files: u64) {
    raw.signal(operation, Signal::Done { done: Done { files, ..Done::default() } });
}

#[test]
fn requests_do_not_wait_for_answers_and_outcomes_come_in_the_order_of_the_paths() {
    let (mut client, server) = client_of(4, |raw, requests| {
        for (number, (operation, request)) in requests.iter().enumerate().rev() {
            let path = remote(&format!("/{}", number + 1));
            assert_eq!(*request, Request::Remove { path: path.clone(), recursive: false });
            match number {
                2 => {
                    let failure = Failure::new(ErrorCode::NotFound).at(path);
                    raw.signal(*operation, Signal::Failed { failure });
                }
                number => done(raw, *operation, number as u64 + 2),
            }
        }
        while raw.receive().is_some() {}
    });
    let (told, outcome) = remove(&mut client, 5);
    outcome.unwrap();
    let failed = Err("/3: there is no such file or directory".to_owned());
    assert_eq!(told, [(0, Ok(1)), (1, Ok(2)), (2, Ok(3)), (3, failed), (4, Ok(5))]);
    drop(client);
    server.join().unwrap();
}

#[test]
fn what_was_not_answered_on_a_lost_connection_may_have_been_done_and_is_not_asked_for_again() {
    let (mut client, server) = client_of(9, |raw, requests| {
        // The last but one, too: but what is before it is not known.
        [0, 1, 7].into_iter().for_each(|number: usize| done(raw, requests[number].0, 1));
    });
    let (told, outcome) = remove(&mut client, 10);
    assert_eq!(told, [(0, Ok(1)), (1, Ok(1)), (2, Ok(1))]);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("may have been done"), "{error}");
    server.join().unwrap();
}

#[test]
fn what_a_server_without_its_coordinator_refuses_is_asked_for_again_in_its_place() {
    let (mut client, server) = client_of(3, |raw, requests| {
        done(raw, requests[0].0, 1);
        raw.signal(requests[1].0, Signal::Failed { failure: Failure::new(ErrorCode::CoordinatorLost) });
        done(raw, requests[2].0, 3);
        let (again, request) = raw.next_request().unwrap();
        assert_eq!(request, requests[1].1);
        done(raw, again, 2);
        while raw.receive().is_some() {}
    });
    let (told, outcome) = remove(&mut client, 4);
    outcome.unwrap();
    assert_eq!(told, [(0, Ok(1)), (1, Ok(1)), (2, Ok(2)), (3, Ok(3))]);
    drop(client);
    server.join().unwrap();
}
