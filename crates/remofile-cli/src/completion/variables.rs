//! The variables in which a shell says what it asks.

/// The variable by which a shell asks for candidates.
pub(super) const VARIABLE: &str = "COMPLETE";

/// The variable with the line up to where the user is. It is no argument, since there may be a token in it, which others would
/// see.
pub(super) const LINE: &str = "_REMOFILE_LINE";

/// The variable with the place of the word that the user is at, where the words are arguments; otherwise it is the last one.
pub(super) const INDEX: &str = "_CLAP_COMPLETE_INDEX";
