//! Messages as frames.

/// Frames of a message that is sent.
pub(in crate::server) type Frames = Vec<Vec<u8>>;

/// Puts a message into an envelope.
pub(super) fn enveloped(envelope: &[&[u8]], body: Vec<u8>) -> Frames {
    envelope.iter().map(|frame| frame.to_vec()).chain([body]).collect()
}
