//! Two servers on one directory: neither would know of the other's clients, so the second does not start.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crate::common;

use common::{Fixture, LOCALHOST, remote};
use remofile::protocol::token::Token;
use remofile::store::{Faulty, LocalStore, StoreOptions};
use remofile::{Error, LiveTokens, Server, ServerOptions};
use std::sync::Arc;

fn read_only() -> ServerOptions {
    ServerOptions { read_only: true, ..ServerOptions::default() }
}

#[test]
fn the_second_server_on_a_directory_is_refused_on_each_carrier_and_told_what_to_do() {
    let fixture = Fixture::new();
    let second = Server::new(fixture.root(), Token::generate()).unwrap();
    for refused in [second.bind(0, Some(LOCALHOST)).unwrap_err(), second.handler().unwrap_err()] {
        assert!(matches!(refused, Error::Root { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains("another server") && told.contains("stop it first"), "{told}");
    }
    fixture.client().create_file(&remote("/served"), false).unwrap();
}

#[test]
fn a_store_of_a_directory_that_another_server_has_is_refused_whatever_is_around_it() {
    let fixture = Fixture::new();
    let open = || Arc::new(LocalStore::open(fixture.root(), StoreOptions::default()).unwrap());
    let second = Server::with_store(open(), Token::generate());
    let many = Server::with_store_and_tokens(Arc::new(Faulty::new(open())), LiveTokens::default());
    for refused in [second.bind(0, Some(LOCALHOST)).unwrap_err(), many.handler().unwrap_err()] {
        let told = refused.to_string();
        assert!(told.contains("another server") && told.contains("stop it first"), "{told}");
    }
    second.set_options(read_only()).unwrap();
    drop(second.bind(0, Some(LOCALHOST)).unwrap());
}

#[test]
fn servers_that_change_nothing_may_be_many() {
    let fixture = Fixture::new();
    let servers = [(); 2].map(|()| Server::new(fixture.root(), Token::generate()).unwrap());
    for server in &servers {
        server.set_options(read_only()).unwrap();
    }
    let _bound = servers.each_ref().map(|server| server.bind(0, Some(LOCALHOST)).unwrap());
}

#[test]
fn a_directory_is_free_as_soon_as_its_server_has_ended() {
    let mut fixture = Fixture::new();
    let second = Server::new(fixture.root(), Token::generate()).unwrap();
    fixture.stop().unwrap();
    let bound = second.bind(0, Some(LOCALHOST)).unwrap();
    let again = second.bind(0, Some(LOCALHOST)).unwrap_err();
    assert!(matches!(again, Error::Usage(_)), "it is the same server: {again}");
    let serving = std::thread::spawn(move || bound.serve());
    second.terminate().unwrap();
    serving.join().unwrap().unwrap();
    drop(second.handler().unwrap());
    drop(second.bind(0, Some(LOCALHOST)).unwrap());
}
