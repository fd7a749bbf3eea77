//! Modes: how a claim is there for others at each directory on the way to its path.

use super::claim::{Access, Claim, Reach};

/// The mode of a claim at one place: it passes there on the way to its path, or this is its path.
///
/// Two claims meet exactly if they do at some place by these modes, and nobody has to look below or above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    PassToRead,
    PassToWrite,
    ReadEntry,
    WriteEntry,
    ReadTree,
    WriteTree,
}

impl Mode {
    pub(super) const ALL: [Self; 6] =
        [Self::PassToRead, Self::PassToWrite, Self::ReadEntry, Self::WriteEntry, Self::ReadTree, Self::WriteTree];

    /// The mode of a claim at its path.
    pub(super) fn at_end(claim: &Claim) -> Self {
        match (claim.access, claim.reach) {
            (Access::Read, Reach::Entry) => Self::ReadEntry,
            (Access::Write, Reach::Entry) => Self::WriteEntry,
            (Access::Read, Reach::Subtree) => Self::ReadTree,
            (Access::Write, Reach::Subtree) => Self::WriteTree,
        }
    }

    /// The mode of a claim at the directories above its path.
    pub(super) fn on_the_way(claim: &Claim) -> Self {
        match claim.access {
            Access::Read => Self::PassToRead,
            Access::Write => Self::PassToWrite,
        }
    }

    /// Reports whether the claim's path is further down.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::PassToRead | Self::PassToWrite)
    }

    /// The modes that are in the way of this one, each in that of the other.
    pub(super) fn conflicts(self) -> &'static [Self] {
        match self {
            Self::PassToRead => &[Self::WriteTree],
            Self::PassToWrite => &[Self::ReadTree, Self::WriteTree],
            Self::ReadEntry => &[Self::WriteEntry, Self::WriteTree],
            Self::WriteEntry => &[Self::ReadEntry, Self::WriteEntry, Self::ReadTree, Self::WriteTree],
            Self::ReadTree => &[Self::PassToWrite, Self::WriteEntry, Self::WriteTree],
            Self::WriteTree => &Self::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_in_the_way_of_those_that_are_in_its_way() {
        for one in Mode::ALL {
            for other in Mode::ALL {
                assert_eq!(one.conflicts().contains(&other), other.conflicts().contains(&one), "{one:?} {other:?}");
            }
        }
    }
}
