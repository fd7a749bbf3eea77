//! Deltas: the common parts of two versions of a file, found without sending either.
//!
//! Participants: the *server* signs blocks of the file it has ([`Signer`]); the *client* looks for these
//! blocks in the file it has ([`Search`]), at every offset. This serves both directions. For an upload the
//! local file is the new one: [`Search::local_recipe`] tells how the server makes it out of the old one. For
//! a download the remote file is: [`Search::remote_recipe`] tells which parts of it the client has already.
//!
//! Goals: few bytes, few round trips, the speed of memory. So the search goes in levels: large blocks first, and
//! smaller ones only in the gaps. Whatever the other side sends, a search ends, in memory and time that the two
//! files' sizes bound. Non-goals: messages, and the copying itself. Invariant: parts that count as equal are so but
//! for a hash's chance; a receiver that follows a recipe compares digests in the end.
//!
//! `plan` chooses blocks, `blocks` numbers them, `table` finds them by their hashes, `ahead` follows them while they are
//! being signed, `scan` goes over the rest of the local file through a `view`, `runs` remembers what was found.

mod ahead;
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
pub use search::{BlocksToSign, Search};
pub use signer::Signer;
pub use worth::{Speeds, is_worth_it};
