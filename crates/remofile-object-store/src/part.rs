//! Parts of an upload.

use serde::{Deserialize, Serialize};

/// A part that the service has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) etag: String,
    pub(crate) bytes: u64,
}
