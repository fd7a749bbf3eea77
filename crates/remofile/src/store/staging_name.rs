//! The one name in a root that is the store's own.

/// The staging directory in the root: never listed, never reached by a path.
pub const STAGING_NAME: &str = ".remofile";
