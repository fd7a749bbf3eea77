//! Peers that have not proved the token, and one that takes no answers.

use super::*;

#[test]
fn strangers_are_answered_and_get_nothing() {
    let mut served = Served::new();
    write(served.root(), "f", "x");
    let list = Request::ListFiles { directory: Directory::new("/") }.encode();
    served.handler.handle(b"wrong", &[&b""[..], &list]);
    let (identity, frames) = served.awaited();
    assert_eq!(identity, b"wrong");
    assert!(
        matches!(Response::decode(&frames[1]).unwrap(), Response::UnknownError(message) if message.contains("token"))
    );
    served.handler.handle(b"x", &[&ZeroMqHello::new("a", "b", None).encode()]);
    assert_eq!(served.awaited(), (b"x".to_vec(), vec![ZeroMqAnswer::Refused(Refusal::Token).encode()]));
    assert!(matches!(served.list("/"), Response::FilesListed(files) if files.len() == 1));
}

#[test]
fn strangers_take_no_room_from_those_who_have_a_session() {
    let mut served = Served::new();
    assert_eq!(served.upload("f", "/", 600, 512), ACCEPTED);
    let guess = ZeroMqHello::new("a", "b", Some(Zeroizing::new("wrong".into()))).encode();
    for number in 0..2000u32 {
        let identity = [&b"stranger"[..], &number.to_be_bytes()].concat();
        match number % 3 {
            0 => served.handler.handle(&identity, &[&guess]),
            1 => served.handler.handle(&identity, &[&b""[..], b"garbage"]),
            _ => served.handler.handle_from(&identity, LOCALHOST, &[b"garbage"]),
        }
    }
    // Of the answers none is about the token's being right.
    while served.handler.next_reply().is_some() {}
    assert_eq!(served.send(&[1; 512]), Response::ChunkReceived);
    assert_eq!(served.send(&[1; 88]), COMPLETED);
}

#[test]
fn a_wrong_token_in_an_open_session_is_a_guess_like_any_other() {
    let mut served = Served::new();
    let hello = |token: &str| ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.into()))).encode();
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("my-custom-token")]);
    let (identity, frames) = served.awaited();
    assert_eq!(identity, b"peer");
    assert!(matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_))));
    let guessed = Instant::now();
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("wrong")]);
    assert_eq!(served.awaited().1, [ZeroMqAnswer::Refused(Refusal::Token).encode()]);
    assert!(guessed.elapsed() >= Duration::from_millis(100), "it is answered at once");
    let mut ping = Vec::new();
    Header::signal(OperationId::SESSION, Signal::Ping).encode(&mut ping);
    served.handler.handle_from(b"peer", LOCALHOST, &[&ping]);
    assert_eq!(served.awaited().1, [ZeroMqAnswer::Refused(Refusal::NoSession).encode()]);
}

#[test]
fn a_peer_that_asks_on_and_on_and_takes_no_answer_is_given_up() {
    const MEMORY: usize = 4 << 20;
    let mut served = Served::with(|options| options.session_memory = MEMORY as u64);
    for number in 0..100 {
        write(served.root(), &format!("{number:0200}"), "");
    }
    let list = Request::ListFiles { directory: Directory::new("/") }.encode();
    for _ in 0..400 {
        served.handler.handle(TOKEN, &[&b""[..], &list]);
    }
    let replies = served.replies(TOKEN);
    let bytes: usize = replies.iter().flatten().map(Vec::len).sum();
    assert!(bytes < MEMORY, "{bytes}");
    assert!(replies.contains(&vec![ZeroMqAnswer::Refused(Refusal::Malformed).encode()]));
    assert!(matches!(served.list("/"), Response::FilesListed(files) if files.len() == 100));
}

#[test]
fn who_has_proved_the_token_is_not_told_of_guesses_before() {
    let mut served = Served::new();
    let hello = |token: &str| ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.into()))).encode();
    let guessed = Instant::now();
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("wrong")]);
    let is_answered = served.handler.next_reply().is_some();
    assert!(!is_answered || guessed.elapsed() >= Duration::from_millis(100), "it is answered at once");
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("my-custom-token")]);
    let (_, frames) = served.awaited();
    assert!(matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_))));
    assert!(served.handler.next_reply().is_none());
    assert_eq!(served.handler.next_timeout(), None, "something else is going to be said");
}

#[test]
fn where_there_is_no_room_refusals_are_bounded_too() {
    let mut served = Served::with(|options| options.max_sessions = 1);
    served.handler.handle(TOKEN, &[&ZeroMqHello::new("a", "b", None).encode()]);
    let hello = ZeroMqHello::new("a", "b", Some(Zeroizing::new("my-custom-token".into()))).encode();
    for number in 0..5000u32 {
        served.handler.handle(&[&b"peer"[..], &number.to_be_bytes()].concat(), &[&hello]);
    }
    let replies = std::iter::from_fn(|| served.handler.next_reply()).filter(|reply| reply.identity != TOKEN);
    let refusals: Vec<_> = replies.map(|reply| reply.frames).collect();
    let refused = vec![ZeroMqAnswer::Refused(Refusal::TooMany).encode()];
    assert!((1..=1024).contains(&refusals.len()), "{}", refusals.len());
    assert!(refusals.iter().all(|refusal| *refusal == refused));
}

#[test]
fn a_known_address_has_its_share_of_the_sessions_and_makes_room_itself() {
    let hello = ZeroMqHello::new("a", "b", Some(Zeroizing::new("my-custom-token".into()))).encode();
    let other = "192.0.2.1".parse().unwrap();
    for idle_timeout in [Duration::from_secs(3600), Duration::ZERO] {
        let mut served = Served::with(|options| {
            options.max_sessions = 4;
            options.idle_timeout = idle_timeout;
        });
        let mut asks = |identity: &[u8], address| {
            served.handler.handle_from(identity, address, &[&hello]);
            let frames = served.awaited().1;
            matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_)))
        };
        assert!(asks(b"elsewhere", other));
        assert_eq!([b"1", b"2", b"3"].map(|identity| asks(identity, LOCALHOST)), [true; 3]);
        assert_eq!(asks(b"4", LOCALHOST), idle_timeout.is_zero(), "it has three quarters");
        let mut ping = Vec::new();
        Header::signal(OperationId::SESSION, Signal::Ping).encode(&mut ping);
        served.handler.handle_from(b"elsewhere", other, &[&ping]);
        assert_ne!(served.awaited().1, [ZeroMqAnswer::Refused(Refusal::NoSession).encode()], "another had to go");
    }
}
