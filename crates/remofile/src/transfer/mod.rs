//! Moving files: from a store into messages, and from messages into a store.
//!
//! The same two halves serve both directions: a client's upload and a server's download pack files
//! with a [`Packer`]; a server's upload and a client's download unpack them with an [`Unpacker`].
//! Goals: nothing is waited for per file or per chunk, no payload is copied, every file is checked
//! before it is visible. Non-goals: credit and the course of the operation belong to the session.
//!
//! On the way out: `origins` and `local` are what a user named, `pattern` and `filter` what that stands
//! for, `feed` finds and opens it (`feeding` has the words for that, `below` the directories), `census` counts it before and `roll` knows later what is missing, `packer` fills messages, `sending` with one file. On the way in:
//! `unpacker` takes messages apart (`intake` says how), `receiving` one file of them, `named_backup` has what it replaces, `conflict` knows what becomes of what is
//! in the way, `resume` what was kept of earlier attempts. `copying` copies within one store, `moving` moves what cannot be renamed there, `forwarding` passes on what comes from another server. `attributes` come when all content is there. `permit` is asked about each path, `pace` and `chunks` measure, `compress` shrinks.

mod attributes;
mod below;
mod census;
mod change;
mod check;
mod chunks;
mod compress;
mod conflict;
mod copying;
mod decompress;
mod digesting;
mod feed;
mod feeding;
mod file_recipe;
mod filling;
mod filter;
mod forwarding;
mod glob;
mod intake;
mod listed_paths;
mod local;
mod memory;
mod modes;
mod moving;
mod named_backup;
mod origins;
mod pace;
mod packer;
mod packing;
mod pattern;
mod permit;
mod portion;
mod real_path;
mod receiving;
mod rereading;
mod resume;
mod roll;
mod scan;
mod sending;
mod shared;
mod trouble;
mod unpacker;
mod unpacking;

pub use attributes::{AttributesFeed, GivenAttributes};
pub use below::stays_within;
pub use census::{Census, Counted};
pub use change::Change;
pub use chunks::Chunker;
pub use compress::{CompressLevel, Compressor};
pub use conflict::numbered_path;
pub use copying::{Copied, CopyEffect, CopyOptions, Copying};
pub use decompress::Decompressor;
pub use digesting::{ChosenHash, ContentHash, Digesting};
pub use feed::{Feed, FeedOptions};
pub use feeding::{FedFile, FeedItem, Feeding, FoundItem, Judge, Next, Verdict};
pub use file_recipe::FileRecipe;
pub use filter::Filter;
pub use forwarding::Forwarder;
pub use intake::{Effect, ItemRules, Stored, UnpackerMonitor, UnpackerOptions};
pub use listed_paths::ListedPaths;
pub use local::{Local, LocalOrigin, expand_local};
pub use memory::{ALLOCATION_BYTES, content_bytes, items_bytes};
pub use moving::{MoveOptions, Moving};
pub use origins::{Chained, InStore, NamedOneByOne, NoOrigins, Origin, Origins};
pub use pace::Pace;
pub use packer::Packer;
pub use packing::{Packed, PackerMonitor, PackerOptions};
pub use pattern::{Found, Matches, Pattern, escape, is_pattern};
pub use permit::{Access, Permit, target_of};
pub use portion::Portion;
pub use real_path::real_path;
pub(crate) use receiving::CLEAR_PARTIALS;
pub use receiving::UNTRIED;
pub use resume::{Checked, Checking, known, listed};
pub use roll::Roll;
pub use scan::{Scan, ScanDepth};
pub use shared::{FeedStop, SharedFeed};
pub use trouble::{Stop, Trouble};
pub use unpacker::{LONGEST_WAIT, Unpacker};
pub(crate) use unpacking::{Unpacked, Unpacking};
