//! A peer that knows the token and sends any sequence of messages ends its session at worst.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::session::{ClientSession, ServerSession};
use remofile_protocol::wire::{Header, Request};
use std::time::Duration;

fuzz_target!(|messages: Vec<(Vec<u8>, u32, u16)>| {
    let mut server = ServerSession::new(1 << 20);
    let mut client = ClientSession::new(1 << 20);
    let root = || "/".parse().expect("the root is a path");
    client.start(
        Duration::ZERO,
        Request::List {
            path: root(),
            recursive: true,
            rules: Vec::new(),
            targets: false,
            unflushed: false,
            extras: false,
        },
        0,
    );
    let sources = vec![root()];
    client.start(
        Duration::ZERO,
        Request::Download {
            sources,
            recursive: true,
            total: true,
            credit: 1 << 20,
            selection: None,
            send_options: None,
        },
        0,
    );
    client.start(
        Duration::ZERO,
        Request::Read { path: root(), offset: 0, length: 1 << 20, version: None, credit: 1 << 20, growing: None },
        0,
    );
    let (mut server_lives, mut client_lives, mut now) = (true, true, Duration::ZERO);
    for (bytes, payload, milliseconds) in messages {
        now += Duration::from_millis(milliseconds.into());
        let Ok(header) = Header::decode(&bytes) else { continue };
        let payload = payload as usize % (2 << 20);
        server_lives = server_lives && server.receive(now, header.clone(), payload).is_ok();
        client_lives = client_lives && client.receive(now, header, payload).is_ok();
        let _timeouts = (server.handle_timeout(now), client.handle_timeout(now));
        while server.poll_header().is_some() {}
        while client.poll_header().is_some() {}
    }
});
