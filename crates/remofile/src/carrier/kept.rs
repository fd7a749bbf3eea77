//! A payload that outlives its message, and the buffers that such payloads give back.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are kept for the next payloads at most.
const MOST_SPARES: usize = 4;

/// A payload that outlives its message.
pub struct KeptPayload {
    buffer: Vec<u8>,
    range: Range<usize>,
    /// The pool that gets the buffer back.
    spares: Option<Spares>,
}

impl KeptPayload {
    pub(super) fn in_buffer(buffer: Vec<u8>, range: Range<usize>, spares: &Spares) -> Self {
        Self { buffer, range, spares: Some(spares.clone()) }
    }

    /// Returns the memory that it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity()
    }
}

impl From<Vec<u8>> for KeptPayload {
    fn from(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), buffer: bytes, spares: None }
    }
}

impl Deref for KeptPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

impl Drop for KeptPayload {
    fn drop(&mut self) {
        if let Some(spares) = &self.spares {
            spares.put(std::mem::take(&mut self.buffer));
        }
    }
}

impl fmt::Debug for KeptPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptPayload").field("bytes", &self.len()).finish_non_exhaustive()
    }
}

/// Buffers of a link that are free: new ones would be zeroed first. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Spares(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spares {
    /// A buffer, the one that was in use last if there is one.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put(&self, buffer: Vec<u8>) {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() < MOST_SPARES {
            spares.push(buffer);
        }
    }
}
