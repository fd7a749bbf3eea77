//! Whatever decodes as a header encodes to a header that decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::wire::{Body, Header, Listed};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::decode(bytes)
        && matches!(header.body, Body::Request(_) | Body::Signal(_))
    {
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(Header::decode(&again).as_ref(), Ok(&header));
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    while decoder.position() < bytes.len() && decoder.decode::<Listed>().is_ok() {}
});
