//! Listings of what is on the server.

pub(super) mod background;
pub(super) mod handler;
pub(super) mod hash;
mod list;
pub(super) mod partials;
mod resumed;
