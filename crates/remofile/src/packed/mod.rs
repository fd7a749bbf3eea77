//! Lists of very many things in little memory.
//!
//! A thing is written behind the one before it, of which it repeats nothing: of a path in a list that is in order that leaves some
//! bytes. Things are written a block at a time, so that any of them can be read without those of other blocks.
//!
//! Goals: a million files are a plan, or a survey, in some ten megabytes. Non-goals: to change single things fast, or to be
//! read by anybody else.

mod cursor;
mod iter;
mod list;
mod pack;
#[cfg(test)]
mod tests;
mod writing;

pub(crate) use cursor::Cursor;
pub(crate) use iter::{IntoIter, Iter};
pub(crate) use list::Packed;
pub(crate) use pack::Pack;
pub(crate) use writing::{Reader, Writer};
