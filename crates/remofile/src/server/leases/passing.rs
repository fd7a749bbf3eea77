//! The rules by which a client passes those who wait for it.

/// The leases of a client that let it pass those who wait for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// Those that may last until the client gets on, and that it had before the others came.
    HeldBefore,
    /// All of them: otherwise the client would be refused because of itself.
    Held,
}
