//! The attributes that a transfer or a sync keeps beside those of its files' contents.

use clap::Args;
use remofile::AttributeSet;

/// The attributes that are kept when they are asked for by name.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Attributes {
    /// Keep owner and group, by name where both sides know it
    #[arg(long, alias = "group")]
    pub(crate) owner: bool,

    /// Keep extended attributes, access control lists among them
    #[arg(short = 'X', short_alias = 'A', long, alias = "acls")]
    pub(crate) xattrs: bool,

    /// Keep owner and group by number, whatever the names are
    #[arg(long)]
    pub(crate) numeric_ids: bool,
}

impl Attributes {
    /// The attributes that are kept, with those that an archive has.
    pub(crate) fn set(self, is_archive: bool) -> AttributeSet {
        [
            (is_archive, AttributeSet::TIMES_AND_MODES),
            (self.owner, AttributeSet::OWNER),
            (self.xattrs, AttributeSet::EXTENDED),
            (self.numeric_ids, AttributeSet::NUMERIC),
        ]
        .into_iter()
        .filter(|(is_kept, _)| *is_kept)
        .fold(AttributeSet::NONE, |all, (_, one)| all.and(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        attributes: Attributes,
    }

    #[test]
    fn an_archive_has_times_and_modes_and_what_is_asked_for_by_name() {
        let set = |line: &str, is_archive| Alone::parse_from(line.split(' ')).attributes.set(is_archive);
        assert_eq!(set("x", false), AttributeSet::NONE);
        assert_eq!(set("x", true), AttributeSet::TIMES_AND_MODES);
        assert_eq!(set("x --owner -X", true), AttributeSet::ALL);
        assert_eq!(set("x -A", false), AttributeSet::EXTENDED);
        let numeric = AttributeSet::OWNER.and(AttributeSet::NUMERIC);
        assert_eq!(set("x --group --numeric-ids", false), numeric);
    }
}
