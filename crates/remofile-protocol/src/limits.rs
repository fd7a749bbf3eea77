//! Every number that both sides must agree on. Listed in `docs/protocol.md`, section "Limits".

use std::time::Duration;

/// TCP port a server listens on when none is given.
pub const DEFAULT_PORT: u16 = 6768;

/// The protocol version this crate speaks over the native carrier.
pub const PROTOCOL_VERSION: u8 = 2;

/// Largest greeting or handshake frame, in bytes, accepted before a peer is authenticated.
pub const MAX_HANDSHAKE_BYTES: usize = 1024;

/// Most bytes, greeting included, that a ZeroMQ peer may send until its handshake is over.
pub const MAX_ZMTP_HANDSHAKE_BYTES: usize = 2048;

/// Largest body of a frame of a ZeroMQ handshake, in bytes.
pub const MAX_ZMTP_HANDSHAKE_FRAME_BYTES: usize = 1024;

/// The time an unauthenticated peer has, from accept to the end of its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest encoded message header, in bytes.
pub const MAX_HEADER_BYTES: usize = 128 * 1024;

/// Payload of one message, in bytes: what our side offers, and the least and most that may be
/// negotiated.
pub const DEFAULT_PAYLOAD_BYTES: u32 = 1024 * 1024;
/// Smallest payload limit a peer may announce, in bytes.
pub const MIN_PAYLOAD_BYTES: u32 = 64 * 1024;
/// Largest payload limit a peer may announce, in bytes.
pub const MAX_PAYLOAD_BYTES: u32 = 4 * 1024 * 1024;

/// Credit that every operation has when it starts, in bytes, before any was granted. A download's is
/// what its request grants instead.
pub const INITIAL_CREDIT_BYTES: u64 = 1024 * 1024;

/// Credit window that our receivers keep open, in bytes.
pub const CREDIT_WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// Credit window that our receivers keep open over so many connections, in bytes: where one has lost something, what comes over
/// the others meanwhile has to wait for it, on a long line for some round trips.
#[must_use]
pub const fn credit_window_bytes(connections: usize) -> u64 {
    let more = if connections > 1 { connections as u64 } else { 0 };
    let bytes = CREDIT_WINDOW_BYTES + more * (CREDIT_WINDOW_BYTES / 8);
    if bytes < MOST_CREDIT_WINDOW_BYTES { bytes } else { MOST_CREDIT_WINDOW_BYTES }
}

/// Widest credit window that our receivers keep open, in bytes.
pub const MOST_CREDIT_WINDOW_BYTES: u64 = 48 * 1024 * 1024;

/// Connections that one session may have.
pub const MAX_LANES: usize = 16;

/// Credit window that our receivers keep open while items come with little content, in bytes. In memory an item takes several
/// times its credit, so the full window would hold a hundred thousand of them.
pub const ITEMS_WINDOW_BYTES: u64 = 4 * 1024 * 1024;

/// Credit that an item takes beside its texts and its bytes, in bytes: what it costs to hold it.
pub const ITEM_CREDIT_BYTES: u64 = 32;

/// Bytes of a hole that take one byte of credit: zeros are digested as all content is.
pub const HOLE_BYTES_A_CREDIT: u64 = 64;

/// Copied bytes that take one byte of credit: they are read, digested and written where they are.
pub const COPY_BYTES_A_CREDIT: u64 = 8;

/// Most content of a copy item, in bytes.
pub const MAX_COPY_BYTES: u64 = 64 * 1024 * 1024;

/// Smallest and largest block that is signed, in bytes.
pub const MIN_SIGNED_BLOCK_BYTES: u32 = 256;
/// Largest block that is signed, in bytes.
pub const MAX_SIGNED_BLOCK_BYTES: u32 = 8 * 1024 * 1024;

/// Most content of a compressed item, in bytes.
pub const MAX_BLOCK_BYTES: usize = 256 * 1024;

/// Most content of a hole item, in bytes.
pub const MAX_HOLE_BYTES: u64 = 256 * 1024 * 1024;

/// Credit that our senders leave unused, in bytes: no item takes more, so that one more always fits.
pub const CREDIT_RESERVE_BYTES: u64 = 64 * 1024;

/// Most operations one session may have in flight.
pub const MAX_OPERATIONS: usize = 256;

/// Most holders of a lease that are named to who waits.
pub const MAX_HOLDERS: usize = 16;

/// The number of reports on whom one operation waits for that a client takes; later ones are dropped.
pub const MAX_WAITING_REPORTS: u32 = 1000;

/// Longest remote path, in bytes of UTF-8.
pub const MAX_PATH_BYTES: usize = 16 * 1024;

/// Longest file name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;

/// The time between two pings of a side with operations in flight.
pub const PING_AFTER: Duration = Duration::from_secs(3);

/// Silence after which a side with operations in flight takes its peer for dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(10);

/// Largest file a server stores when it is not told otherwise, in bytes: the largest that any system can hold, and so none is
/// too large.
pub const DEFAULT_FILE_SIZE_LIMIT: u64 = 9_223_372_036_854_775_807;

/// Records sealed with one key before both sides replace it (64 GiB of full records).
pub const RECORDS_PER_KEY: u64 = 65_536;

/// Most bytes of names and values of the extended attributes of one file or directory. Those of one that has more are
/// not transferred.
pub const MAX_EXTENDED_BYTES: usize = 64 * 1024;
