use super::*;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::transport::{Cipher, Opener, Sealer};
use remofile_protocol::wire::Signal;
use std::os::unix::net::UnixStream;

/// Two ends of a connection.
fn pair() -> (Link, Link) {
    let (near, far) = UnixStream::pair().unwrap();
    let link = |stream: UnixStream, own, other| {
        stream.set_nonblocking(true).unwrap();
        let keys = RecordKeys {
            sealer: Sealer::new(Cipher::ChaCha20Poly1305, [own; 32]),
            opener: Opener::new(Cipher::ChaCha20Poly1305, [other; 32]),
        };
        Link::new(Socket::from(stream), keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[])
    };
    (link(near, 1, 2), link(far, 2, 1))
}

/// Two ends of a session of several connections.
fn several(count: usize) -> (Link, Link) {
    let (mut near, mut far) = pair();
    for _ in 1..count {
        let (nearer, farther) = pair();
        near.join(nearer);
        far.join(farther);
    }
    (near, far)
}

fn header(number: u64) -> Header {
    Header::signal(OperationId(number), Signal::Ping)
}

/// The next message that means something.
fn next(link: &mut Link) -> Option<Header> {
    let header = link.receive().unwrap()?.header;
    if header.body == Body::Ignorable { next(link) } else { Some(header) }
}

/// Queues a message that fills its connection.
fn push_long(link: &mut Link, number: u64) {
    let mut message = link.message();
    let length = message.room();
    message.space(length).fill(u8::try_from(number % 251).unwrap());
    message.advance(length);
    link.finish(&header(number), length);
}

/// The numbers of the messages that have come, each with the payload it was sent with.
fn received(link: &mut Link) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(Message { header, payload }) = link.receive().unwrap() {
        if header.body == Body::Ignorable {
            continue;
        }
        let number = header.operation.0;
        assert!(payload.iter().all(|byte| u64::from(*byte) == number % 251), "{number}");
        numbers.push(number);
    }
    numbers
}

#[test]
fn messages_over_several_connections_come_in_their_order_and_in_both_directions() {
    let (mut near, mut far) = several(4);
    let (mut came, mut went) = (Vec::new(), 0);
    while came.len() < 200 {
        while went < 200 && near.has_room() {
            push_long(&mut near, went);
            went += 1;
            near.flush().unwrap();
        }
        near.flush().unwrap();
        came.extend(received(&mut far));
    }
    assert_eq!(came, (0..200).collect::<Vec<_>>());
    assert!(far.others.iter().all(|lane| lane.last.is_some()), "each of them was used");
    far.push(&header(7));
    far.flush().unwrap();
    assert_eq!(received(&mut near), [7]);
}

#[test]
fn what_was_sent_before_others_joined_comes_first() {
    let (mut near, mut far) = pair();
    near.push(&header(1));
    near.push(&header(2));
    let (nearer, farther) = pair();
    near.join(nearer);
    near.push(&header(3));
    for number in 4..10 {
        push_long(&mut near, number);
        near.flush().unwrap();
    }
    // The further connection is not known here yet, and numbers come all the same.
    assert_eq!(received(&mut far)[..3], [1, 2, 3]);
    far.join(farther);
    let mut came = received(&mut far);
    while came.last() != Some(&9) {
        near.flush().unwrap();
        came.extend(received(&mut far));
    }
    assert!(came.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{came:?}");
}

#[test]
fn others_carry_messages_while_the_first_is_full() {
    let (mut near, mut far) = pair();
    let mut went = 0;
    while near.flush().unwrap() {
        push_long(&mut near, went);
        went += 1;
    }
    assert!(!near.has_room());
    let (nearer, farther) = pair();
    near.join(nearer);
    far.join(farther);
    assert!(near.has_room(), "though nobody reads what the first has");
    push_long(&mut near, went);
    assert_eq!(near.sending, 1);
    let mut came = Vec::new();
    while came.last() != Some(&went) {
        near.flush().unwrap();
        came.extend(received(&mut far));
    }
    assert_eq!(came, (0..=went).collect::<Vec<_>>());
}

#[test]
fn a_session_ends_some_time_after_one_of_its_connections_did_and_takes_what_still_comes() {
    let (mut near, mut far) = several(3);
    near.push(&header(0));
    near.flush().unwrap();
    drop(far.others.pop());
    assert_eq!(received(&mut far), [0]);
    assert_eq!(near.due_in(), None);
    assert!(near.receive().unwrap().is_none(), "a goodbye may be on its way");
    assert!(near.due_in().is_some_and(|due| due <= GRACE), "no later, though nothing else may happen by then");
    far.push(&header(5));
    far.flush().unwrap();
    assert_eq!(next(&mut near), Some(header(5)));
    near.failed = near.failed.and_then(|failed| failed.checked_sub(GRACE));
    assert!(matches!(near.receive(), Err(LinkError::Lost(_) | LinkError::Closed)));
    drop(far);
    assert!(matches!(near.receive(), Err(LinkError::Lost(_) | LinkError::Closed)));
}

#[test]
fn a_message_without_number_is_refused_behind_one_with_a_number() {
    let (mut near, mut far) = several(2);
    near.push(&header(0));
    near.next_number = None;
    near.sending = 0;
    near.push(&header(1));
    near.flush().unwrap();
    assert_eq!(next(&mut far), Some(header(0)));
    assert!(matches!(far.receive(), Err(LinkError::Malformed)));
}

#[test]
fn a_session_has_no_more_connections_than_it_may() {
    let (near, far) = several(MAX_LANES + 3);
    assert_eq!((near.lanes(), far.lanes()), (MAX_LANES, MAX_LANES));
}

#[test]
fn messages_without_a_number_over_a_further_connection_are_no_endless_work() {
    let (_near, mut far) = pair();
    let (mut nearer, farther) = pair();
    far.join(farther);
    nearer.push(&header(1));
    nearer.flush().unwrap();
    assert!(far.receive().unwrap().is_none(), "the proof of the handshake");
    nearer.push(&header(2));
    nearer.flush().unwrap();
    assert!(matches!(far.receive(), Err(LinkError::Malformed)));
}

#[test]
fn what_cannot_be_cut_goes_whole_over_a_long_line() {
    let (near, far) = pair();
    let (nearer, farther) = pair();
    let (mut near, mut far) = (near.over_long_line(), far.over_long_line());
    near.join(nearer);
    far.join(farther);
    let mut message = near.message();
    assert!(message.room() < message.whole_room());
    let length = message.whole_room();
    assert_eq!(message.append(&vec![7; length]), length);
    near.finish(&header(7), length);
    while !near.flush().unwrap() || !near.is_flushed() {
        assert!(next(&mut far).is_none());
    }
    assert_eq!(received(&mut far), [7]);
}
