//! Everything that can be asked for, at every kind of place, with every kind of token, over every carrier; and clients that
//! ask for what no client of ours does.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

mod carriers;
mod cases;
mod hostile;
mod matrix;
mod protocol1;
mod world;
