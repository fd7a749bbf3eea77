//! The numbers of messages in a session of several connections.
//!
//! Such a session has one stream of messages in each direction, as any other. Its sender numbers them and gives each to
//! the connection that has room; its receiver takes them in the order of their numbers. A number is a CBOR integer in
//! front of the header, which is a map: so a header without one is told from one with one by its first byte.

use super::MalformedMessage;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Appends the number of a message; its header follows.
///
/// # Panics
/// Never: memory can always be written.
pub fn write_number(number: u64, out: &mut Vec<u8>) {
    let written = Encoder::new(out).u64(number).map(drop);
    debug_assert!(written.is_ok(), "memory can always be written");
}

/// Returns the number of a message, if it has one, and its header.
///
/// # Errors
/// [`MalformedMessage`] if the bytes begin with neither.
pub fn split_number(bytes: &[u8]) -> Result<(Option<u64>, &[u8]), MalformedMessage> {
    let mut decoder = Decoder::new(bytes);
    if !matches!(decoder.datatype()?, Type::U8 | Type::U16 | Type::U32 | Type::U64) {
        return Ok((None, bytes));
    }
    let number = decoder.u64()?;
    Ok((Some(number), bytes.get(decoder.position()..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::{Header, OperationId, Signal};
    use super::*;

    #[test]
    fn a_header_is_read_with_its_number_and_without_one() {
        let header = Header::signal(OperationId(7), Signal::Ping);
        for number in [0, 23, 24, 255, 65_536, u64::MAX] {
            let mut bytes = Vec::new();
            write_number(number, &mut bytes);
            header.encode(&mut bytes);
            let (read, rest) = split_number(&bytes).unwrap();
            assert_eq!((read, Header::decode(rest).unwrap()), (Some(number), header.clone()));
        }
        let mut plain = Vec::new();
        header.encode(&mut plain);
        assert_eq!(split_number(&plain).unwrap(), (None, &plain[..]));
        assert!(split_number(&[]).is_err() && split_number(&[0x19, 1]).is_err());
    }
}
