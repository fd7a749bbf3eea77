//! Stores around other stores: one that refuses changes, one seen from one of its directories, one that counts what is
//! used and keeps a quota, one that changes nothing without a lease, and one that fails when a test says so.

mod faulty;
mod fenced;
pub(crate) mod forward;
mod inside;
mod metered;
mod prefix;
mod read_only;
mod store_call;
#[cfg(test)]
mod tests;
mod unshared;

pub use faulty::{Faults, Faulty};
pub use fenced::Fenced;
pub use metered::Metered;
pub use prefix::Prefix;
pub use read_only::ReadOnly;
pub use store_call::StoreCall;
pub use unshared::Unshared;
