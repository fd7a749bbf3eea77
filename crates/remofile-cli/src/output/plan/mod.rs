//! The output of a plan: lines, objects, and the numbers of changes of each sort.

mod count;
mod objects;
mod text;

pub(crate) use count::{Counts, Planned, to_send};
pub(crate) use objects::{counts, step};
pub(crate) use text::{itemized, left, left_out, named, withheld};
