//! Making a directory like another one, in both directions, with a real server and client.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

mod broken;
mod choosing;
mod content;
mod growing;
mod histories;
mod hostile;
mod links;
mod listed;
mod made_up;
mod options;
mod refusals;
mod safety;
mod scene;
mod spreading;
mod ways;
