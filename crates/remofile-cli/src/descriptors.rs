//! The descriptors that this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the process may. The usual one of 1,024 is for programs that use `select`: strangers must
/// not use up a server's, and the more files a receiver has open, the more share a flush.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the process gets by with what it has.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
