use super::*;
use crate::key::PrivateKey;
use crate::limits::{DEFAULT_PAYLOAD_BYTES, MAX_HANDSHAKE_BYTES};
use crate::path::NameRule;
use crate::token::{Token, TokenKey};

fn token() -> TokenKey {
    Token::parse("e9NUu9DRuDtUa5mSvc3VC7").unwrap().stretch()
}

fn other_token() -> TokenKey {
    Token::parse("22222222222222222222Ci").unwrap().stretch()
}

fn hello() -> ServerHello {
    ServerHello {
        cipher: Cipher::Unknown,
        agent: "server/1".to_owned(),
        max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
        names: NameRule::Portable,
        file_size_limit: 4,
        read_only: false,
        places: Vec::new(),
        checks_versions: false,
        stages_files: false,
        hashes_files: false,
        takes_lanes: false,
        whole_copies: false,
        has_joined: false,
        capabilities: Default::default(),
        rights: Default::default(),
        chunk_sizes: None,
        attributes: false,
        as_they_are: false,
    }
}

fn server(private_key: Option<PrivateKey>, allow_plain: bool) -> ServerCredentials {
    ServerCredentials { tokens: std::sync::Arc::new(vec![other_token(), token()].into()), private_key, allow_plain }
}

fn offer(plain: bool) -> ClientHello {
    ClientHello::new(Cipher::offer(plain), "client/1", "alice@laptop")
}

fn client(server: Option<&PrivateKey>) -> ClientCredentials {
    ClientCredentials { token: token(), server: server.map(PrivateKey::public) }
}

/// Runs both sides; what the client came to.
fn run(
    client: &ClientCredentials,
    plain: bool,
    server: &ServerCredentials,
) -> Result<(Established<ServerHello>, Box<Established<ClientHello>>), HandshakeError> {
    let (mut handshake, bytes) = ClientHandshake::start(client, offer(plain));
    match answer(server, |_| Ok(hello()), &bytes) {
        ServerAnswer::Incomplete => panic!("the first flight is complete"),
        ServerAnswer::Refuse { bytes, .. } => Err(handshake.receive(&bytes).unwrap_err()),
        ServerAnswer::Accept { session, bytes, .. } => {
            let (established, consumed) = handshake.receive(&bytes)?.expect("the answer is complete");
            assert_eq!(consumed, bytes.len());
            Ok((established, session))
        }
    }
}

fn refused(client: &ClientCredentials, plain: bool, server: &ServerCredentials) -> Refusal {
    match run(client, plain, server) {
        Err(HandshakeError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_token_alone_opens_an_encrypted_session() {
    let (mut client_side, mut server_side) = run(&client(None), false, &server(None, true)).unwrap();
    assert!(client_side.cipher.encrypts());
    assert_eq!(server_side.peer.client, "alice@laptop");
    let mut record = b"\0\0\0\0hello0123456789abcdef".to_vec();
    client_side.sealer.seal(&mut record);
    assert_eq!(server_side.opener.open(&mut record).unwrap(), b"hello");
    let mut record = b"\0\0\0\0back0123456789abcdef".to_vec();
    server_side.sealer.seal(&mut record);
    assert_eq!(client_side.opener.open(&mut record).unwrap(), b"back");
}

#[test]
fn a_pinned_key_opens_a_session_and_a_wrong_one_does_not() {
    let (key, wrong) = (PrivateKey::generate(), PrivateKey::generate());
    assert!(run(&client(Some(&key)), false, &server(Some(key.clone()), false)).is_ok());
    assert_eq!(refused(&client(Some(&wrong)), false, &server(Some(key.clone()), false)), Refusal::Key);
    assert_eq!(refused(&client(Some(&key)), false, &server(None, false)), Refusal::NoKey);
    assert_eq!(refused(&client(None), false, &server(Some(key), false)), Refusal::KeyRequired);
}

#[test]
fn plain_needs_both_sides_and_no_private_key() {
    let (client_side, _) = run(&client(None), true, &server(None, true)).unwrap();
    assert!(!client_side.cipher.encrypts());
    assert_eq!(refused(&client(None), true, &server(None, false)), Refusal::EncryptionRequired);
    let key = PrivateKey::generate();
    assert_eq!(refused(&client(Some(&key)), true, &server(Some(key), true)), Refusal::EncryptionRequired);
}

#[test]
fn a_wrong_token_is_refused_and_nothing_of_a_token_is_on_the_wire() {
    let stranger = ClientCredentials { token: Token::generate().stretch(), server: None };
    assert_eq!(refused(&stranger, false, &server(None, false)), Refusal::Token);
    let (_, bytes) = ClientHandshake::start(&client(None), offer(false));
    assert!(!bytes.windows(8).any(|part| b"e9NUu9DRuDtUa5mSvc3VC7".windows(8).any(|secret| secret == part)));
    assert!(!bytes.windows(8).any(|part| token().psk().windows(8).any(|secret| secret == part)));
}

/// A server tells everybody that it has a key, and that it wants ours: nobody finds out tokens by it.
#[test]
fn a_right_identifier_and_a_wrong_one_are_refused_the_same_for_want_of_a_key() {
    let key = PrivateKey::generate();
    for (ours, theirs, expected) in [(Some(&key), None, Refusal::NoKey), (None, Some(&key), Refusal::KeyRequired)] {
        let server = server(theirs.cloned(), false);
        for token in [token(), other_token(), Token::generate().stretch()] {
            let client = ClientCredentials { token, server: ours.map(PrivateKey::public) };
            assert_eq!(refused(&client, false, &server), expected);
            let (_, first) = ClientHandshake::start(&client, offer(false));
            let regardless = answer_regardless(&server, &first);
            assert!(matches!(regardless, Some(ServerAnswer::Refuse { refusal, .. }) if refusal == expected));
        }
    }
}

#[test]
fn what_is_answered_regardless_of_the_token_does_not_depend_on_it() {
    let key = PrivateKey::generate();
    let (right, wrong) = (token(), Token::generate().stretch());
    for (key, plain, change) in [
        (None, false, None),
        (None, true, None),
        (Some(&key), false, None),
        (None, false, Some((8, 3))),
        (None, false, Some((10, 7))),
        (None, false, Some((29, 0xff))),
        (None, false, Some((40, 0xff))),
    ] {
        let server = server(key.cloned(), false);
        let [right, wrong] = [&right, &wrong].map(|token| {
            let client = ClientCredentials { token: token.clone(), server: key.map(PrivateKey::public) };
            let (_, mut first) = ClientHandshake::start(&client, offer(plain));
            if let Some((at, byte)) = change {
                first[at] = byte;
            }
            (answer_regardless(&server, &first), answer(&server, |_| Ok(hello()), &first))
        });
        match (right.0, wrong.0) {
            (None, None) => {
                assert!(matches!(wrong.1, ServerAnswer::Refuse { refusal: Refusal::Token, .. }), "{change:?}");
            }
            (Some(right), Some(wrong)) => assert_eq!(format!("{right:?}"), format!("{wrong:?}")),
            differ => panic!("{differ:?} {change:?}"),
        }
    }
}

#[test]
fn a_server_that_does_not_know_the_token_cannot_pose_as_one_that_does() {
    let (mut handshake, bytes) = ClientHandshake::start(&client(None), offer(false));
    let mut relabelled = bytes;
    relabelled[12..28].copy_from_slice(&other_token().identifier().0);
    let impostor = ServerCredentials {
        tokens: std::sync::Arc::new(vec![other_token()].into()),
        private_key: None,
        allow_plain: true,
    };
    assert!(matches!(
        answer(&impostor, |_| Ok(hello()), &relabelled),
        ServerAnswer::Refuse { refusal: Refusal::Token, .. }
    ));
    let (_, foreign) = ClientHandshake::start(&ClientCredentials { token: other_token(), server: None }, offer(false));
    let ServerAnswer::Accept { bytes, .. } = answer(&impostor, |_| Ok(hello()), &foreign) else {
        panic!("refused its own")
    };
    assert_eq!(handshake.receive(&bytes).unwrap_err(), HandshakeError::NotProved);
}

#[test]
fn every_flipped_bit_of_either_flight_ends_the_handshake() {
    let credentials = server(None, true);
    let (_, first) = ClientHandshake::start(&client(None), offer(false));
    for bit in 0..first.len() * 8 {
        let mut changed = first.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let accepted = matches!(answer(&credentials, |_| Ok(hello()), &changed), ServerAnswer::Accept { .. });
        assert!(!accepted, "bit {bit}");
    }
    let (_, first) = ClientHandshake::start(&client(None), offer(false));
    let ServerAnswer::Accept { bytes: second, .. } = answer(&credentials, |_| Ok(hello()), &first) else { panic!() };
    for bit in 0..second.len() * 8 {
        let mut changed = second.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (mut handshake, _) = ClientHandshake::start(&client(None), offer(false));
        assert!(!matches!(handshake.receive(&changed), Ok(Some(_))), "bit {bit}");
    }
}

#[test]
fn a_flight_cut_at_any_byte_waits_for_more() {
    let credentials = server(None, true);
    let (mut handshake, first) = ClientHandshake::start(&client(None), offer(false));
    for end in 0..first.len() {
        assert!(matches!(answer(&credentials, |_| Ok(hello()), &first[..end]), ServerAnswer::Incomplete), "{end}");
    }
    let ServerAnswer::Accept { bytes: second, .. } = answer(&credentials, |_| Ok(hello()), &first) else { panic!() };
    for end in 0..second.len() {
        assert!(matches!(handshake.receive(&second[..end]), Ok(None)), "{end}");
    }
    assert!(first.len() <= MAX_HANDSHAKE_BYTES && second.len() <= MAX_HANDSHAKE_BYTES);
}

#[test]
fn other_protocols_are_told_apart() {
    assert_eq!(recognise(b""), Greeting::Undecided);
    assert_eq!(recognise(b"\x89RM"), Greeting::Undecided);
    assert_eq!(recognise(&MAGIC), Greeting::Native);
    assert_eq!(recognise(b"\xff\0\0\0"), Greeting::ZeroMq);
    assert_eq!(recognise(b"GET / HTTP/1.1"), Greeting::Unknown);
    let (mut handshake, _) = ClientHandshake::start(&client(None), offer(false));
    assert_eq!(handshake.receive(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03").unwrap_err(), HandshakeError::ZeroMq);
    assert_eq!(handshake.receive(b"SSH-2.0-OpenSSH_9.2").unwrap_err(), HandshakeError::NotRemofile);
}

#[test]
fn another_version_is_refused_by_name() {
    let (_, mut bytes) = ClientHandshake::start(&client(None), offer(false));
    (bytes[8], bytes[9]) = (3, 9);
    let answer = answer(&server(None, true), |_| Ok(hello()), &bytes);
    assert!(matches!(answer, ServerAnswer::Refuse { refusal: Refusal::Version, .. }));
}

#[test]
fn the_answer_tells_which_token_a_client_has_and_says_hello_to_that_one() {
    let server = server(None, true);
    for (index, token) in [other_token(), token()].into_iter().enumerate() {
        let credentials = ClientCredentials { token, server: None };
        let (mut client, first) = ClientHandshake::start(&credentials, offer(false));
        let hello_of = |token: usize| Ok(ServerHello { file_size_limit: token as u64, ..hello() });
        let ServerAnswer::Accept { token, bytes, .. } = answer(&server, hello_of, &first) else { panic!("refused") };
        let (established, _) = client.receive(&bytes).unwrap().unwrap();
        assert_eq!((token, established.peer.file_size_limit), (index, index as u64));
        let ServerAnswer::Refuse { refusal, .. } = answer(&server, |_| Err(Refusal::Expired), &first) else {
            panic!("accepted")
        };
        assert_eq!(refusal, Refusal::Expired);
    }
}

/// A peer that knows the identifier of a token from a recording has not proved it, and learns nothing of it.
#[test]
fn only_who_has_proved_an_expired_token_learns_that_it_has_expired() {
    let mut bytes = token().to_bytes();
    bytes[0] ^= 1;
    let forged = ClientCredentials { token: TokenKey::from_bytes(&bytes), server: None };
    for credentials in [forged, ClientCredentials { token: Token::generate().stretch(), server: None }] {
        let (_, first) = ClientHandshake::start(&credentials, offer(false));
        let answered = answer(&server(None, true), |_| Err(Refusal::Expired), &first);
        assert!(matches!(answered, ServerAnswer::Refuse { refusal: Refusal::Token, .. }), "{answered:?}");
    }
}
