//! The carrier, which moves messages between a session machine and its peer's.
//!
//! Participants: a [`Link`] seals and opens records on one TCP connection, or on several; an [`Endpoint`] is whoever
//! has something to say over it (a server's session, a client's call); [`drive`] runs both on one
//! thread that never blocks but in `poll`. Goals: one system call a message where the kernel allows it,
//! no copy of a payload, no way for a peer that reads or writes slowly to hang anyone. Non-goals: what
//! the messages mean.

mod buffer;
pub(crate) mod clock;
mod drive;
mod error;
mod inbox;
mod kept;
mod lane;
mod line;
mod link;
mod order;
mod payload;
mod socket;
mod wake;
mod zmtp;

pub(crate) use buffer::MessageRoom;
pub use buffer::{MessageWriter, OutBuffer};
pub use drive::{Driven, Endpoint, Produced, drive, drive_until_idle};
pub use error::LinkError;
pub use inbox::LaneInbox;
pub use kept::KeptPayload;
pub use lane::RecordKeys;
pub use line::Line;
pub use link::{Link, Message};
pub use payload::Payload;
pub use socket::{LONG_ROUND_TRIP, prepare};
pub use wake::Waker;
pub use zmtp::{Begun, Frames, ZmtpLink, message_bytes};
