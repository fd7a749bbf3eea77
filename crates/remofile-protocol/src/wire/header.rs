//! The header that every message begins with.

use super::request::is_request;
use super::{Done, ErrorCode, Failure, Holder, Item, Request, Selected};
use crate::limits::MAX_HEADER_BYTES;
use crate::path::InvalidPath;
use minicbor::{Decode, Decoder, Encode, Encoder, decode};
use std::error::Error as _;

/// Numbers the operations of a session: chosen by the client, rising from 1. 0 is the session itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

impl OperationId {
    /// The session itself.
    pub const SESSION: Self = Self(0);
}

/// A wait that ends only with the lease.
pub const WAIT_FOREVER: u64 = u64::MAX;

/// Kinds from this number on may be skipped by who does not know them.
const IGNORABLE_KINDS: u64 = 128;

/// The header of a message: the operation it belongs to, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The operation it belongs to.
    pub operation: OperationId,
    /// The body.
    pub body: Body,
    /// With a request: for how many milliseconds to wait for the lease; 0 to be refused at once,
    /// [`WAIT_FOREVER`] to wait until it comes.
    pub wait_milliseconds: u64,
}

/// The body of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Client: start this operation.
    Request(Request),
    /// Client: a request that this version does not know, or that names what cannot be.
    Refused(Failure),
    /// Anything after the request.
    Signal(Signal),
    /// A message that this version may skip.
    Ignorable,
}

/// Messages after the request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum Signal {
    /// Sender of files: items, their bytes in the payload.
    #[n(16)]
    Data {
        /// The items in order.
        #[n(0)]
        #[cbor(decode_with = "decode_items")]
        items: Vec<Item>,
    },
    /// Receiver of payload: this many bytes more may be sent in this operation.
    #[n(17)]
    Credit {
        /// Bytes of payload.
        #[n(0)]
        bytes: u64,
    },
    /// Client: end this operation now. Answered by failed with `cancelled`, unless it is over.
    #[n(18)]
    Cancel,
    /// Either: answer with pong.
    #[n(19)]
    Ping,
    /// Either: the answer to ping.
    #[n(20)]
    Pong,
    /// Client: an upload has no more items, or a download no more files.
    #[n(21)]
    Finish,
    /// Either: this session ends after this message.
    #[n(22)]
    Goodbye {
        /// The reason the server ends it, where the client did not: see [`ErrorCode::TooMany`] and
        /// [`ErrorCode::ShuttingDown`].
        #[n(0)]
        reason: Option<ErrorCode>,
    },
    /// Client: this file of a download is not wanted, or not any more.
    #[n(23)]
    Unwanted {
        /// The path of its item.
        #[n(0)]
        path: String,
    },
    /// Client: files of a download that names them one by one. Finish follows the last.
    #[n(24)]
    Select {
        /// The files in order.
        #[n(0)]
        files: Vec<Selected>,
    },
    /// Server: the operation is over and did what was asked, but for the items named before.
    #[n(32)]
    Done {
        /// The result of the operation.
        #[n(0)]
        done: Done,
    },
    /// Server: the operation is over and failed.
    #[n(33)]
    Failed {
        /// The failure.
        #[n(0)]
        failure: Failure,
    },
    /// Server: elements of a listing, as a CBOR sequence in the payload.
    #[n(34)]
    Entries,
    /// Server: one file of an upload was not stored; the operation goes on.
    #[n(35)]
    ItemFailed {
        /// The failure, with the path of the file.
        #[n(0)]
        failure: Failure,
    },
    /// Server: what a download will send.
    #[n(36)]
    Total {
        /// Regular files.
        #[n(0)]
        files: u64,
        /// Bytes of content.
        #[n(1)]
        bytes: u64,
    },
    /// Server: the operation waits for the lease.
    #[n(37)]
    Waiting {
        /// The clients that hold it.
        #[n(0)]
        holders: Vec<Holder>,
    },
    /// Server: the next bytes of a part of a file, in the payload.
    #[n(38)]
    Bytes,
}

/// Bytes that are no message. The session they came over cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct MalformedMessage(pub String);

impl From<decode::Error> for MalformedMessage {
    fn from(error: decode::Error) -> Self {
        Self(error.to_string())
    }
}

impl Header {
    /// A message about an operation that is no request.
    #[must_use]
    pub fn signal(operation: OperationId, signal: Signal) -> Self {
        Self { operation, body: Body::Signal(signal), wait_milliseconds: 0 }
    }

    /// Appends the header in CBOR.
    ///
    /// # Panics
    /// Never: memory can always be written.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut e = Encoder::new(out);
        let keys = if self.wait_milliseconds == 0 { 2 } else { 3 };
        let result = e.map(keys).and_then(|e| e.u8(0)?.u64(self.operation.0)?.u8(1)).and_then(|e| match &self.body {
            Body::Request(request) => e.encode(request),
            Body::Signal(signal) => e.encode(signal),
            Body::Refused(_) | Body::Ignorable => e.array(2)?.u64(IGNORABLE_KINDS)?.map(0),
        });
        let result = result.and_then(|e| match self.wait_milliseconds {
            0 => Ok(e),
            wait => e.u8(2)?.u64(wait),
        });
        debug_assert!(result.is_ok(), "memory can always be written");
    }

    /// Bytes it has when encoded.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.len()
    }

    /// Reads a header that is the whole of `bytes`.
    ///
    /// # Errors
    /// [`MalformedMessage`] if the bytes are no header. A request that is unknown or names an
    /// impossible path is no malformed message but [`Body::Refused`]: it can be answered.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedMessage> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(MalformedMessage(format!("a header of {} bytes", bytes.len())));
        }
        let mut d = Decoder::new(bytes);
        let (mut operation, mut body, mut wait_milliseconds) = (None, None, 0);
        for _ in 0..definite(d.map()?)? {
            match d.u64()? {
                0 => operation = Some(OperationId(d.u64()?)),
                1 => body = Some(decode_body(&mut d)?),
                2 => wait_milliseconds = d.u64()?,
                _ => d.skip()?,
            }
        }
        if d.position() != bytes.len() {
            return Err(MalformedMessage("bytes after the header".to_owned()));
        }
        let (Some(operation), Some(body)) = (operation, body) else {
            return Err(MalformedMessage("an operation or body is missing".to_owned()));
        };
        Ok(Self { operation, body, wait_milliseconds })
    }
}

/// Bytes of the shortest item.
const LEAST_ITEM_BYTES: usize = 3;

/// Decodes items into a list that has room for these and no more: thousands wait in memory for their turn.
fn decode_items<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Item>, decode::Error> {
    let most = (d.input().len() - d.position()) / LEAST_ITEM_BYTES;
    let count = d.probe().array()?.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let mut items = Vec::with_capacity(count.min(most));
    for item in d.array_iter_with(ctx)? {
        items.push(item?);
    }
    Ok(items)
}

fn definite(length: Option<u64>) -> Result<u64, MalformedMessage> {
    length.ok_or_else(|| MalformedMessage("indefinite lengths are not used".to_owned()))
}

fn decode_body(d: &mut Decoder<'_>) -> Result<Body, MalformedMessage> {
    let start = d.position();
    let mut kind = d.clone();
    if definite(kind.array()?)? != 2 {
        return Err(MalformedMessage("a body has two elements".to_owned()));
    }
    let kind = kind.u64()?;
    if kind >= IGNORABLE_KINDS {
        d.skip()?;
        return Ok(Body::Ignorable);
    }
    if !is_request(kind) {
        return Ok(Body::Signal(d.decode()?));
    }
    match d.decode::<Request>() {
        Ok(request) => Ok(Body::Request(request)),
        Err(error) => {
            d.set_position(start);
            d.skip()?;
            Ok(Body::Refused(refusal(&error)))
        }
    }
}

fn refusal(error: &decode::Error) -> Failure {
    use super::ErrorCode::{BadRequest, Unsupported};
    if error.is_unknown_variant() {
        return Unsupported.into();
    }
    match error.source().and_then(|source| source.downcast_ref::<InvalidPath>()) {
        Some(invalid) => invalid.clone().into(),
        None => Failure::new(BadRequest).because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(header: &Header) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_request_is_frozen_and_comes_back() {
        let header = Header {
            operation: OperationId(7),
            body: Body::Request(Request::List {
                path: "/a".parse().unwrap(),
                recursive: true,
                rules: Vec::new(),
                targets: false,
                unflushed: false,
                extras: false,
            }),
            wait_milliseconds: 0,
        };
        assert_eq!(encoded(&header), b"\xa2\x00\x07\x01\x82\x01\xa2\x00\x62/a\x01\xf5");
        assert_eq!(Header::decode(&encoded(&header)).unwrap(), header);
    }

    #[test]
    fn a_goodbye_with_a_reason_is_frozen_and_one_without_is_what_it_was() {
        let goodbye = |reason| Header::signal(OperationId::SESSION, Signal::Goodbye { reason });
        let (plain, refused) = (goodbye(None), goodbye(Some(ErrorCode::TooMany)));
        assert_eq!(encoded(&plain), b"\xa2\x00\x00\x01\x82\x16\xa0");
        assert_eq!(encoded(&refused), b"\xa2\x00\x00\x01\x82\x16\xa1\x00\x13");
        assert_eq!(Header::decode(&encoded(&plain)).unwrap(), plain);
        assert_eq!(Header::decode(&encoded(&refused)).unwrap(), refused);
    }

    #[test]
    fn unknown_keys_are_skipped_and_absent_ones_have_defaults() {
        let bytes = b"\xa4\x18\x63\x80\x00\x07\x01\x82\x01\xa2\x00\x62/a\x18\x64\xf6\x05\x01";
        let header = Header::decode(bytes).unwrap();
        assert_eq!(
            header.body,
            Body::Request(Request::List {
                path: "/a".parse().unwrap(),
                recursive: false,
                rules: Vec::new(),
                targets: false,
                unflushed: false,
                extras: false
            })
        );
    }

    #[test]
    fn an_impossible_path_is_refused_not_malformed() {
        let bytes = b"\xa2\x00\x07\x01\x82\x01\xa1\x00\x65/../x";
        let Body::Refused(failure) = Header::decode(bytes).unwrap().body else { panic!("not refused") };
        assert_eq!(failure.code, ErrorCode::InvalidName);
    }

    #[test]
    fn an_unknown_request_is_refused_and_a_high_kind_skipped() {
        let bytes = b"\xa2\x00\x07\x01\x82\x18\x3d\xa0";
        assert_eq!(Header::decode(bytes).unwrap().body, Body::Refused(ErrorCode::Unsupported.into()));
        let bytes = b"\xa2\x00\x07\x01\x82\x18\x80\xa0";
        assert_eq!(Header::decode(bytes).unwrap().body, Body::Ignorable);
    }

    #[test]
    fn anything_else_is_malformed() {
        for bytes in [&b""[..], b"\xa0", b"\x80", b"\xbf\xff", b"\xa2\x00\x07\x01\x82\x18\x40\xa0", b"\xa1\x00\x07"] {
            assert!(Header::decode(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
