//! Tests of the bounds on what a peer may say.

use super::*;

#[test]
fn a_hole_copy_or_block_of_more_content_than_an_item_may_have_ends_the_session_on_either_side() {
    use crate::limits::{MAX_BLOCK_BYTES, MAX_COPY_BYTES, MAX_HOLE_BYTES};
    let block = |size: usize| Item::Compressed { length: 0, size: size as u32 };
    let pairs = [
        (Item::Hole { length: MAX_HOLE_BYTES }, Item::Hole { length: MAX_HOLE_BYTES + 1 }),
        (Item::Copy { offset: 0, length: MAX_COPY_BYTES }, Item::Copy { offset: 0, length: MAX_COPY_BYTES + 1 }),
        (block(MAX_BLOCK_BYTES), block(MAX_BLOCK_BYTES + 1)),
    ];
    let download = Request::Download {
        sources: Vec::new(),
        recursive: false,
        total: false,
        credit: u64::MAX,
        selection: None,
        send_options: Default::default(),
    };
    for (longest, longer) in pairs {
        let mut pair = Pair::new();
        let (up, down) = (pair.client.start(pair.now, upload(), 0), pair.client.start(pair.now, download.clone(), 0));
        pair.deliver();
        pair.server.open_window(up);
        pair.deliver();
        let received = |pair: &mut Pair, item: &Item| {
            let data = |id| Header::signal(id, Signal::Data { items: vec![item.clone()] });
            let at_server = pair.server.receive(pair.now, data(up), 0).map(drop);
            (at_server, pair.client.receive(pair.now, data(down), 0).map(drop))
        };
        assert_eq!(received(&mut pair, &longest), (Ok(()), Ok(())), "{longest:?}");
        pair.server.consumed(up, longest.credit_bytes());
        let (at_server, at_client) = received(&mut pair, &longer);
        for error in [at_server.unwrap_err(), at_client.unwrap_err()] {
            assert!(matches!(error, SessionError::ItemTooLong { .. }), "{longer:?} {error:?}");
        }
    }
}

#[test]
fn a_client_takes_notice_of_no_more_holders_than_may_be_named() {
    use crate::limits::MAX_HOLDERS;
    let holder = Holder {
        client: String::new(),
        address: String::new(),
        activity: String::new(),
        held_milliseconds: 0,
        path: None,
    };
    let many = vec![holder; MAX_HOLDERS + 1];
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, list(), 0);
    pair.deliver();
    pair.server.waiting(id, many.clone());
    pair.server.finish(pair.now, id, Err(Failure { holders: Some(many), ..ErrorCode::Busy.into() }));
    let (_, events) = pair.deliver();
    let [ClientEvent::Waiting(_, told), ClientEvent::Finished(_, Err(Failure { holders: Some(again), .. }))] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((told.len(), again.len()), (MAX_HOLDERS, MAX_HOLDERS));
}

#[test]
fn a_client_takes_notice_of_whom_it_waits_for_only_so_often() {
    use crate::limits::MAX_WAITING_REPORTS;
    let mut client = ClientSession::new(DEFAULT_PAYLOAD_BYTES);
    let ids = [(); 2].map(|()| client.start(Duration::ZERO, list(), 0));
    for id in ids {
        let told = (0..2 * MAX_WAITING_REPORTS).filter(|_| {
            let waiting = Header::signal(id, Signal::Waiting { holders: Vec::new() });
            matches!(client.receive(Duration::ZERO, waiting, 0), Ok(ClientEvent::Waiting(..)))
        });
        assert_eq!(told.count(), MAX_WAITING_REPORTS as usize, "of each operation");
    }
}

#[test]
fn a_side_that_has_much_to_say_takes_no_messages_be_they_few_or_large() {
    for (count, path) in [(1_024, String::new()), (70, "x".repeat(16 * 1024))] {
        let mut server = ServerSession::new(DEFAULT_PAYLOAD_BYTES);
        for number in 0..count {
            assert!(!server.is_congested(), "{number}");
            server.item_failed(OperationId(1), Failure::new(ErrorCode::NotFound).at(&path));
            assert!(server.queued_bytes() > path.len());
            if server.is_congested() {
                break;
            }
        }
        assert!(server.is_congested());
        assert!(server.queued_bytes() < 2 * 1024 * 1024);
        while server.poll_header().is_some() {}
        assert_eq!(server.queued_bytes(), 0);
    }
}

#[test]
fn a_window_opens_bit_by_bit_and_never_closes() {
    let mut pair = Pair::new();
    let id = pair.client.start(pair.now, upload(), 0);
    pair.deliver();
    let mut granted = INITIAL_CREDIT_BYTES;
    for (size, more) in [(1, 0), (INITIAL_CREDIT_BYTES + 5, 5), (2, 0), (CREDIT_WINDOW_BYTES, 15 * 1024 * 1024 - 5)] {
        pair.server.open_window_to(id, size);
        pair.deliver();
        granted += more;
        assert_eq!(pair.client.credit(id), granted, "{size}");
    }
}
