//! Listings of what is on the server.

pub(super) mod background;
pub(super) mod handler;
mod list;
pub(super) mod partials;
