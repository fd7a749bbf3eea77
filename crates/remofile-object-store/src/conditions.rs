//! The conditions of PUT requests, and which of them a service heeds.

/// The condition of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    /// Nothing has the key.
    Absent,
    /// An object with this tag has the key.
    Etag(String),
}

/// The conditions that a service heeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// True if it heeds that nothing has the key.
    pub(crate) has_absent: bool,
    pub(crate) tags: Tags,
}

/// The way in which a service takes the tag of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tags {
    Quoted,
    /// Without the quotes that it is told with, as Ceph compares it up to some version.
    Bare,
    /// Forgotten, not taken, or never met.
    Unheeded,
}

impl Conditions {
    /// Returns a condition as the service takes it; none where it heeds none.
    pub(crate) fn heeded(self, condition: Condition) -> Condition {
        match condition {
            Condition::Absent if self.has_absent => condition,
            // An empty one is none.
            Condition::Etag(tag) if !tag.is_empty() => match self.tags {
                Tags::Quoted => Condition::Etag(tag),
                Tags::Bare => Condition::Etag(tag.trim_matches('"').to_owned()),
                Tags::Unheeded => Condition::None,
            },
            _ => Condition::None,
        }
    }
}
