//! Coordination: several servers of one store agree on who changes what.
//!
//! Participants: a [`Coordinator`] is what they share, such as etcd; the `Machine` of each server has the `Queue` of all
//! operations that claim paths, as the coordinator puts them in order; the `Keeper` has the threads that keep this server's
//! term, watch, write, and tell the leases what has come of it; the fence is the store's. Goals: no two servers grant what
//! conflicts; who waits is served in the order of the coordinator, and woken by its watch; a server that loses the coordinator
//! has stopped changing anything before another may be granted it. Non-goals: to choose between operations of one server, which is
//! the matter of its `leases`; and to agree on anything without a coordinator.
//!
//! Quotas: what is used is told and shared out by the `store`'s meters; `shared_quotas` has their records in the coordinator.
//!
//! Time: a term lasts `TERM` after it was kept last, as the coordinator counts. This server counts from before it asked, and
//! takes two ninths less. From that moment on no change is begun; what is under way is interrupted, and given back when it has ended. Until
//! then the server does not join again, so that nothing from before the loss is done behind it.

mod clock;
pub(super) mod coordinated;
mod coordinator;
mod holders;
mod keeper;
mod machine;
mod member;
mod memory;
mod queue;
mod registration;
mod shared_claim;
mod shared_quotas;
mod shared_tokens;
#[cfg(test)]
mod tests;
mod usage_link;
mod watcher;

pub use coordinated::{Coordinated, Standing};
pub use coordinator::{
    Change, Condition, Coordinator, CoordinatorError, CoordinatorResult, Event, SharedValue, Snapshot, Term, Watch,
};
pub(super) use keeper::Keeper;
pub(super) use member::{Coordination, Served, interrupted, unreachable};
pub use memory::MemoryCoordinator;
pub(super) use registration::{Registration, SharedRoot};
