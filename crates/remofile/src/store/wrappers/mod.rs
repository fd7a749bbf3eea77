//! Stores around other stores: one that refuses changes, one seen from one of its directories, and one that fails when
//! a test says so.

mod faulty;
pub(crate) mod forward;
mod inside;
mod prefix;
mod read_only;

pub use faulty::{Faults, Faulty, StoreCall};
pub use prefix::Prefix;
pub use read_only::ReadOnly;
