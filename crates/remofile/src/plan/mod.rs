//! The plan that makes one tree like another one.
//!
//! Two listings in one order meet name by name ([`Join`], [`Planner`]); what differs is kept, what does not
//! costs no memory. The [`Draft`] then asks for the digests of files that listings cannot tell apart, or that
//! may have been renamed, and becomes a [`Plan`] with the answers. Nothing here touches a file, a clock or the
//! network: the same listings and answers always make the same plan.

mod attribute_change;
mod attribute_steps;
mod draft;
mod files;
mod join;
mod marks;
mod mode_changes;
mod node;
mod packing;
mod planner;
mod renames;
mod result;
mod rules;
mod settle;
mod step;
mod steps;

pub use attribute_change::{AttributeChange, AttributesThere, differences};
pub use attribute_steps::AttributeSteps;
pub use draft::{Answers, Draft, Questions};
pub use join::{Join, Side};
pub use node::{Node, NodeKind, TreeElement, failure_bytes, path_order};
pub use planner::Planner;
pub use result::{Counts, Plan, Tally, Withheld};
pub use rules::Rules;
pub use step::{Action, Changed, Reason, Rename, SpecialFile, Step, Touch};
pub(crate) use steps::StepCursor;
pub use steps::{IntoSteps, StepIter, Steps};

#[cfg(test)]
mod tests;
