//! Meters: how many bytes are below a directory, known at any moment without a walk.
//!
//! Participants: a [`Meters`] has a [`Meter`] for each directory that somebody asks about; every change of the store goes
//! through a [`Metered`](super::Metered) store, which tells all meters above the path of it; `count` walks a directory when
//! its meter is new, and again now and then, for the sake of whoever changes it behind the server's back.
//!
//! The number is that of the bytes of file content, by their logical sizes: of visible files under each of their names,
//! of partials, and of what is reserved for files that are being written. Goals: reservations that are made at the same
//! moment never exceed a quota together; a count that goes on beside changes loses none of them. Non-goals: blocks on the
//! disk, directories, links and attributes.
//!
//! Several servers of one store have a record of each directory together ([`SharedUsage`]). A meter of theirs knows only what its server
//! has not told yet; that and what it has reserved stay within its share of the room, which it asks for in steps (`telling`). So
//! reservations at all servers never exceed a quota together, and most of them cost no word with the others.
//!
//! Tolerance: what others change while a directory is counted is told from the store's own changes only as far as it is
//! more than those. The rest is found by a later count.

mod count;
mod moment;
mod one;
mod quota;
mod registry;
mod reservation;
mod sharing;
mod telling;
mod usage;

pub use quota::Quota;
pub use registry::Meters;
pub use usage::{SharedUsage, UsageRecord};

pub(in crate::store) use one::{Exceeded, Meter};
pub(in crate::store) use reservation::{Limit, Reservation};
pub(in crate::store) use telling::NoRoom;
