//! The settings of a token in its file.

/// A setting of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Key,
    Chosen,
    PreviousKey,
    PreviousChosen,
    PreviousExpires,
    Rights,
    Below,
    Expires,
    Quota,
    FileSizeLimit,
    Bwlimit,
    Sessions,
}

impl Field {
    /// Every one there is, in the order in which they are written.
    pub(super) const EVERY: [Self; 12] = [
        Self::Key,
        Self::Chosen,
        Self::PreviousKey,
        Self::PreviousChosen,
        Self::PreviousExpires,
        Self::Rights,
        Self::Below,
        Self::Expires,
        Self::Quota,
        Self::FileSizeLimit,
        Self::Bwlimit,
        Self::Sessions,
    ];

    /// Returns its name in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Chosen => "chosen",
            Self::PreviousKey => "previous-key",
            Self::PreviousChosen => "previous-chosen",
            Self::PreviousExpires => "previous-expires",
            Self::Rights => "rights",
            Self::Below => "below",
            Self::Expires => "expires",
            Self::Quota => "quota",
            Self::FileSizeLimit => "file-size-limit",
            Self::Bwlimit => "bwlimit",
            Self::Sessions => "sessions",
        }
    }

    /// Returns the one of a name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|field| field.name() == name)
    }
}
