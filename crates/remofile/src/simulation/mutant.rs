//! Planted bugs: a simulation that finds none of them would find no others.

/// A bug that is planted in the simulated world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// The store shows a file before it is complete.
    HalfFiles,
    /// Leases keep nobody out.
    SharedLeases,
    /// The server says that something is done before it is flushed.
    EarlyAcknowledgement,
    /// The client takes a file that may not be on the disk for present.
    TrustedZeros,
    /// The line loses an answer, and neither side notices: who asked waits for ever.
    LostAnswer,
    /// A sync deletes before it sends.
    EagerDeletions,
    /// A sync takes what has failed for done.
    ForgottenFailures,
    /// The disk of a user shows files before they are complete.
    HalfCopies,
}
