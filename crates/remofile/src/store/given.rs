//! The outcome of giving attributes to something in a store.

/// The outcome of giving attributes to a file, directory or link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// True if it has other attributes than before.
    pub is_changed: bool,
    /// The attributes that it could not be given.
    pub refused: Refused,
}

/// The attributes that something could not be given, by the user of the process or on its file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// True of owner or group.
    pub owner: bool,
    /// True of set-user-ID or set-group-ID bits, as it belongs to another user or group than at its source.
    pub set_id: bool,
    /// True of extended attributes.
    pub extended: bool,
}

impl Refused {
    /// Reports whether there is any.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.owner || self.set_id || self.extended
    }
}
