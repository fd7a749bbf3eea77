//! The parts that uploads and downloads share.

pub(super) mod as_they_are;
pub(super) mod attempts;
pub(super) mod conflict_policy;
pub(super) mod deferred_event;
pub(super) mod foretelling;
pub(super) mod foretold_attributes;
pub(super) mod full_disk;
pub(super) mod parallel;
pub(super) mod places;
pub(super) mod progress_recorder;
pub(super) mod stream;
