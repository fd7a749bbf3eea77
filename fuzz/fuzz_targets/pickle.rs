//! Whatever is a message of protocol 1 says the same when we write it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::pickle;
use remofile_protocol::protocol1::{Request, Response};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    if let Ok(response) = Response::decode(bytes) {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
    // Values have more shapes than messages. No number is compared: there is one that equals no other.
    if let Ok(value) = pickle::read(bytes, bytes.len() + 64) {
        let again = pickle::write(&value);
        let read = pickle::read(&again, usize::MAX);
        assert!(read.is_ok_and(|read| pickle::write(&read) == again));
    }
});
