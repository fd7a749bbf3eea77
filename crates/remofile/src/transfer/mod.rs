//! Moving files: from a store into messages, and from messages into a store.
//!
//! The same two halves serve both directions: a client's upload and a server's download pack files
//! with a [`Packer`]; a server's upload and a client's download unpack them with an [`Unpacker`].
//! Goals: nothing is waited for per file or per chunk, no payload is copied, every file is checked
//! before it is visible. Non-goals: credit and the course of the operation belong to the session.
//!
//! On the way out: `origins` and `local` are what a user named, `pattern` and `filter` what that stands
//! for, `feed` finds and opens it (`feeding` has the words for that), `packer` fills messages, `sending` with one file. On the way in:
//! `unpacker` takes messages apart (`intake` says how), `receiving` one file of them, `named_backup` has what it replaces, `conflict` knows what becomes of what is
//! in the way, `resume` what was kept of earlier attempts. `permit` is asked about each path, `pace` and `chunks` measure, `compress` shrinks.

mod change;
mod check;
mod chunks;
mod compress;
mod conflict;
mod digesting;
mod feed;
mod feeding;
mod file_recipe;
mod filling;
mod filter;
mod glob;
mod intake;
mod local;
mod memory;
mod modes;
mod named_backup;
mod origins;
mod pace;
mod packer;
mod packing;
mod pattern;
mod permit;
mod receiving;
mod resume;
mod scan;
mod sending;
mod shared;
mod trouble;
mod unpacker;
mod unpacking;

pub use change::Change;
pub use chunks::Chunker;
pub use compress::{CompressLevel, Compressor, Decompressor};
pub use conflict::numbered_path;
pub use digesting::Digesting;
pub use feed::{Census, Feed, FeedOptions, stays_within};
pub use feeding::{FedFile, FeedItem, Feeding, FoundItem, Judge, Next, Verdict};
pub use file_recipe::FileRecipe;
pub use filter::Filter;
pub use intake::{ItemRules, Stored, UnpackerMonitor, UnpackerOptions};
pub use local::{Local, LocalOrigin, expand_local};
pub use memory::{ALLOCATION_BYTES, items_bytes};
pub use origins::{Chained, InStore, NamedOneByOne, NoOrigins, Origin, Origins};
pub use pace::Pace;
pub use packer::Packer;
pub use packing::{Packed, PackerMonitor, PackerOptions};
pub use pattern::{Found, Matches, Pattern, escape, is_pattern};
pub use permit::{Access, Permit};
pub use resume::{Checked, Checking, known, listed};
pub use scan::Scan;
pub use shared::{FeedStop, SharedFeed};
pub use trouble::{Stop, Trouble};
pub use unpacker::Unpacker;
pub(crate) use unpacking::{Unpacked, Unpacking};
