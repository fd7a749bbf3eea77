//! The messages of protocol 2.
//!
//! A message is a [`Header`] in CBOR and, for data, one payload frame that is carried as it is. Maps
//! have integer keys; unknown keys are skipped, absent ones have the value that the specification
//! names. `docs/protocol.md` holds the CDDL.

mod attributes;
mod element;
mod entry;
mod failure;
mod flag;
mod flow;
mod header;
mod item;
mod numbered;
mod on_conflict;
mod reply;
mod request;
mod selection;
mod space;
mod special;
mod staged;
mod version;

pub use attributes::{Account, AttributeSet, Attributes, ExtendedAttribute, extended_bytes};
pub use element::{Element, Extra, Listed};
pub use entry::{Entry, Kind, Timestamp};
pub use failure::{ErrorCode, Failure, Holder};
pub use flow::Flow;
pub use header::{Body, Header, MalformedMessage, OperationId, Signal, WAIT_FOREVER};
pub use item::{Item, credit_bytes};
pub use numbered::{split_number, write_number};
pub use on_conflict::OnConflict;
pub use reply::{Done, StatusReport};
pub use request::Request;
pub use selection::{Found, Known, Links, Mark, Part, PartialEntry, Selected, Selection, SendOptions, ToSign};
pub use space::DiskSpace;
pub use special::{Device, Special};
pub use staged::StagedFileId;
pub use version::{Growing, Version};
