//! Tokens: those of a server that has many users, each with a name, rights and limits.
//!
//! Participants: [`Tokens`] is the set that a server is given and that others change while it runs; a [`TokenEntry`] is
//! one of them; a [`TokensFile`] keeps them as text that people may edit, and a [`TokensFollower`] takes its changes into
//! [`LiveTokens`]. Only what a token is stretched to is kept, never the token. Invariant: the names in a set are unique,
//! and so are the keys.

mod entry;
mod file;
mod follow;
mod format;
mod merge;
mod name;
mod quiet;
mod rights;
mod set;
mod shared;
mod size;
mod time;
mod usage;
mod usage_file;
mod watch;

pub use entry::{Superseded, TokenEntry};
pub use file::{StampedTokens, TokensFile, TokensFileError};
pub use follow::TokensFollower;
pub use format::{FormatError, parse_tokens, update_tokens};
pub(crate) use merge::TokensChange;
pub use name::{InvalidTokenName, TokenName};
pub use rights::TokenRights;
pub use set::{MAX_CHOSEN_TOKENS, MAX_TOKENS, Tokens, TokensError};
pub use shared::{LiveTokens, Subscription};
pub use size::{parse_size, show_size};
pub(crate) use time::show_milliseconds;
pub use time::{parse_time, show_time};
pub use usage::{TokenUsage, TokenUsages};
pub use usage_file::{UsageFile, read_usages};
pub use watch::TokensWatch;
