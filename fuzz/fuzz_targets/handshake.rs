//! No bytes of a stranger do more than be refused, on either side.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::handshake::{
    ClientCredentials, ClientHandshake, ClientHello, ServerAnswer, ServerCredentials, ServerHello, answer,
};
use remofile_protocol::path::NameRule;
use remofile_protocol::token::{Token, TokenKey};
use remofile_protocol::transport::Cipher;
use std::sync::OnceLock;

fn token() -> TokenKey {
    static TOKEN: OnceLock<TokenKey> = OnceLock::new();
    TOKEN.get_or_init(|| Token::generate().stretch()).clone()
}

fuzz_target!(|bytes: &[u8]| {
    let hello = ServerHello {
        cipher: Cipher::Unknown,
        agent: String::new(),
        max_payload_bytes: 1 << 20,
        names: NameRule::Portable,
        file_size_limit: 1,
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
    };
    let credentials =
        ServerCredentials { tokens: std::sync::Arc::new(vec![token()].into()), private_key: None, allow_plain: true };
    // The right token's name in front, so that the deeper layers are reached, too.
    let mut named = bytes.to_vec();
    if named.len() >= 28 {
        named[12..28].copy_from_slice(&token().identifier().0);
    }
    for bytes in [bytes, &named] {
        assert!(!matches!(answer(&credentials, |_| Ok(hello.clone()), bytes), ServerAnswer::Accept { .. }));
    }
    let offer = ClientHello::new(Cipher::offer(false), "fuzz", "fuzz");
    let (mut client, _) = ClientHandshake::start(&ClientCredentials { token: token(), server: None }, offer);
    assert!(!matches!(client.receive(bytes), Ok(Some(_))));
});
