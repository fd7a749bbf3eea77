//! What two versions of a file have in common, found without sending either.
//!
//! Participants: the *server* signs blocks of the file it has ([`Signer`]); the *client* looks for these
//! blocks in the file it has ([`Search`]), at every offset. It serves both directions. For an upload the
//! local file is the new one: [`Search::local_recipe`] says how the server makes it out of the old. For
//! a download the remote file is: [`Search::remote_recipe`] says what the client has of it already.
//!
//! Goals: few bytes, few round trips, the speed of memory. So it goes in levels: large blocks first, and
//! smaller ones only in what was not found. Whatever the other side says, a search ends, in memory and
//! time that the two files' sizes bound. Non-goals: messages, and the copying itself. Invariant: what
//! is taken for equal is so but for a hash's chance; who follows a recipe compares digests in the end.
//!
//! `plan` chooses blocks, `blocks` numbers them, `table` finds them by their hashes, `scan` goes over the
//! local file through a `view`, `runs` remembers what was found.

mod blocks;
mod plan;
mod runs;
mod scan;
mod search;
mod signer;
mod table;
mod view;
mod worth;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

pub use runs::Piece;
pub use search::{Search, Wanted};
pub use signer::Signer;
pub use worth::{Speeds, is_worth_it};
