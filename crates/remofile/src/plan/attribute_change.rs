//! The attributes beside content that something gets when a plan is carried out: told, as nobody needs them to carry it out. Who
//! gives attributes finds out itself what differs.

use remofile_protocol::digest::digest;
use remofile_protocol::wire::{Account, AttributeSet, Attributes, ExtendedAttribute, Kind, Timestamp};
use std::collections::HashMap;

/// The attributes that something does not have yet and gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeChange {
    /// Kind of it.
    pub kind: Kind,
    /// True if the time of last modification differs.
    pub time: bool,
    /// True if permission bits differ.
    pub mode: bool,
    /// True if the owner differs.
    pub owner: bool,
    /// True if the group differs.
    pub group: bool,
    /// True if access control lists differ.
    pub acl: bool,
    /// True if other extended attributes differ.
    pub extended: bool,
}

/// The attributes of something, in little room: there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summary {
    kind: Kind,
    size: Option<u64>,
    modified: Option<Timestamp>,
    mode: Option<u32>,
    owner: Option<AccountSummary>,
    group: Option<AccountSummary>,
    /// Digests of access control lists, and of the rest.
    extended: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AccountSummary {
    id: u32,
    /// Digest of the name, if it has one.
    name: Option<u64>,
}

impl Summary {
    fn of(attributes: &Attributes) -> Self {
        let Attributes { kind, size, modified, mode, owner, group, extended } = attributes;
        let account = |account: &Account| AccountSummary {
            id: account.id,
            name: account.name.as_ref().map(|name| short_digest(name.as_bytes())),
        };
        Self {
            kind: *kind,
            size: *size,
            modified: *modified,
            mode: *mode,
            owner: owner.as_ref().map(account),
            group: group.as_ref().map(account),
            extended: extended.as_ref().map(|all| (digest_of(all, is_list), digest_of(all, |name| !is_list(name)))),
        }
    }

    /// Returns what differs of something that gets these attributes, as far as they are wanted; `None` if they are not for it, as
    /// its content is another.
    fn differences(&self, there: &Self, wanted: AttributeSet) -> Option<AttributeChange> {
        let is_file = self.kind == Kind::File;
        if self.kind != there.kind || (is_file && (self.size, self.modified) != (there.size, there.modified)) {
            return None;
        }
        let (basic, owners, all) = (
            wanted.has(AttributeSet::TIMES_AND_MODES),
            wanted.has(AttributeSet::OWNER),
            wanted.has(AttributeSet::EXTENDED),
        );
        let lists = |summary: &Self| summary.extended.map(|(lists, _)| lists);
        let rest = |summary: &Self| summary.extended.map(|(_, rest)| rest);
        Some(AttributeChange {
            kind: self.kind,
            time: basic && !is_file && is_other(self.modified, there.modified),
            mode: basic && is_other(self.mode, there.mode),
            owner: owners && is_other_account(self.owner, there.owner),
            group: owners && is_other_account(self.group, there.group),
            acl: all && is_other(lists(self), lists(there)),
            extended: all && is_other(rest(self), rest(there)),
        })
    }
}

/// Reports whether something that is told is not what is there.
fn is_other<T: PartialEq + Copy>(told: Option<T>, there: Option<T>) -> bool {
    told.is_some() && told != there
}

fn is_other_account(told: Option<AccountSummary>, there: Option<AccountSummary>) -> bool {
    match (told, there) {
        // Names go before numbers, where both have one.
        (Some(AccountSummary { name: Some(told), .. }), Some(AccountSummary { name: Some(there), .. })) => {
            told != there
        }
        (Some(told), Some(there)) => told.id != there.id,
        (told, _) => told.is_some(),
    }
}

fn is_list(name: &str) -> bool {
    name.starts_with("system.posix_acl_")
}

fn digest_of(all: &[ExtendedAttribute], is_meant: fn(&str) -> bool) -> u64 {
    let mut bytes = Vec::new();
    for ExtendedAttribute { name, value } in all.iter().filter(|one| is_meant(&one.name)) {
        for part in [name.as_bytes(), value] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
    short_digest(&bytes)
}

fn short_digest(bytes: &[u8]) -> u64 {
    u128::from_be_bytes(digest(bytes)) as u64
}

impl AttributeChange {
    pub(super) fn is_any(self) -> bool {
        let Self { kind: _, time, mode, owner, group, acl, extended } = self;
        time || mode || owner || group || acl || extended
    }
}

/// The attributes of a destination, by paths below its top.
#[derive(Debug, Default)]
pub struct AttributesThere {
    all: HashMap<u128, Summary>,
}

impl AttributesThere {
    /// Adds the attributes of something.
    pub fn add(&mut self, path: &str, attributes: &Attributes) {
        self.all.insert(key(path), Summary::of(attributes));
    }

    /// Returns the number of those that it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Reports whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns what differs of what is at a path.
    #[must_use]
    pub fn differences(&self, path: &str, attributes: &Attributes, wanted: AttributeSet) -> Option<AttributeChange> {
        Summary::of(attributes).differences(self.all.get(&key(path))?, wanted)
    }
}

/// Returns what differs of something that has these attributes, and gets others.
#[must_use]
pub fn differences(new: &Attributes, there: &Attributes, wanted: AttributeSet) -> Option<AttributeChange> {
    Summary::of(new).differences(&Summary::of(there), wanted)
}

fn key(path: &str) -> u128 {
    u128::from_be_bytes(digest(path.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Attributes {
        let account = |id| Some(Account { id, name: Some(format!("user {id}")) });
        Attributes {
            modified: Some(Timestamp::new(1, 0)),
            mode: Some(0o755),
            owner: account(1),
            group: account(2),
            extended: Some(Vec::new()),
            ..Attributes::of(Kind::Directory)
        }
    }

    fn told(there: &Attributes, wanted: AttributeSet) -> String {
        let Some(change) = differences(&directory(), there, wanted) else { return "other".to_owned() };
        let letters = [
            (change.time, 't'),
            (change.mode, 'p'),
            (change.owner, 'o'),
            (change.group, 'g'),
            (change.acl, 'a'),
            (change.extended, 'x'),
        ];
        letters.iter().filter(|(differs, _)| *differs).map(|(_, letter)| *letter).collect()
    }

    #[test]
    fn only_what_differs_and_is_wanted_is_told() {
        let (all, name) = (AttributeSet::ALL, Some("user 7".to_owned()));
        let extended = |name: &str| Some(vec![ExtendedAttribute { name: name.to_owned(), value: vec![1] }]);
        for (there, expected) in [
            (directory(), ""),
            (Attributes { modified: Some(Timestamp::new(2, 0)), ..directory() }, "t"),
            (Attributes { mode: Some(0o2755), ..directory() }, "p"),
            (Attributes { owner: Some(Account { id: 1, name }), ..directory() }, "o"),
            // Without a name on one side the numbers count.
            (Attributes { owner: Some(Account { id: 1, name: None }), ..directory() }, ""),
            (Attributes { group: None, ..directory() }, "g"),
            (Attributes { extended: extended("user.a"), ..directory() }, "x"),
            (Attributes { extended: extended("system.posix_acl_access"), ..directory() }, "a"),
            (Attributes { kind: Kind::File, ..directory() }, "other"),
        ] {
            assert_eq!(told(&there, all), expected, "{there:?}");
            assert_eq!(told(&there, AttributeSet::NONE), if expected == "other" { "other" } else { "" });
        }
    }

    #[test]
    fn a_file_of_another_version_gets_its_attributes_with_its_content() {
        let file = |seconds| Attributes {
            size: Some(1),
            modified: Some(Timestamp::new(seconds, 0)),
            mode: Some(0o600),
            ..Attributes::of(Kind::File)
        };
        let open = Attributes { mode: Some(0o644), ..file(1) };
        assert_eq!(differences(&file(1), &file(2), AttributeSet::ALL), None);
        assert!(differences(&file(1), &open, AttributeSet::ALL).is_some_and(|change| change.mode && !change.time));
    }
}
