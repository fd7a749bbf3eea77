//! The messages of protocol 2.
//!
//! A message is a [`Header`] in CBOR and, for data, one payload frame that is carried as it is. Maps
//! have integer keys; unknown keys are skipped, absent ones have the value that the specification
//! names. `docs/protocol.md` holds the CDDL.

mod element;
mod entry;
mod failure;
mod flag;
mod header;
mod item;
mod reply;
mod request;
mod selection;
mod version;

pub use element::{Element, Listed};
pub use entry::{Entry, Kind, Timestamp};
pub use failure::{ErrorCode, Failure, Holder};
pub use header::{Body, Header, MalformedMessage, OperationId, Signal, WAIT_FOREVER};
pub use item::{Item, credit_bytes};
pub use reply::{Done, StatusReport};
pub use request::{Flow, OnConflict, Request};
pub use selection::{Found, Known, Links, Mark, Part, PartialEntry, Selected, Selection, SendOptions, ToSign};
pub use version::Version;
