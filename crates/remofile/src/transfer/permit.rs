//! Permission for each use of a path: both halves of a transfer ask for it, and whoever runs them decides.

use crate::store::StoreResult;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::OnConflict;
use std::fmt;

/// A use of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Lists what is there, or reads its content.
    Read,
    /// As [`Access::Read`], where the path may be a pattern.
    Find,
    /// Something new gets the path.
    Create,
    /// Something new gets the path, or takes the place of what is there.
    Replace,
    /// Gives what is there other content, another time or other permission bits.
    Change,
    /// Removes what is there, or gives it another path.
    Remove,
    /// Items of an upload are going to begin with the path, for each of which a permission is asked then.
    Announce,
    /// A link that is made leads to the path.
    Lead,
    /// Looks for what is left of uploads to the path.
    Resume,
}

/// The decision on uses of paths.
pub trait Permit: fmt::Debug + Send + Sync {
    /// Permits a use of a path.
    ///
    /// # Errors
    /// Why it is not permitted: `invalid-name`, `read-only` or `permission-denied`.
    fn permit(&self, access: Access, path: &RemotePath) -> StoreResult<()>;

    /// Reports whether the sender may not look at what is there, so that after an interruption it sends again what was stored: a
    /// file of the same size and time then counts as stored.
    fn is_blind(&self) -> bool {
        false
    }
}

impl Access {
    /// The use of a path that something new gets, be it in the place of what is there.
    #[must_use]
    pub fn putting(replaces: bool) -> Self {
        if replaces { Self::Replace } else { Self::Create }
    }

    /// The use of a path that a file or link gets, with this rule for what is in its way.
    #[must_use]
    pub fn by_rule(rule: OnConflict) -> Self {
        match rule {
            OnConflict::Replace | OnConflict::Newer => Self::Replace,
            OnConflict::Abort | OnConflict::Skip | OnConflict::Rename => Self::Create,
        }
    }

    /// Reports whether the path has to keep to the name rule: something new may get it. What is there may have a name that
    /// others gave it, or that the rule admitted once, and is read, changed, moved and removed by it.
    #[must_use]
    pub fn is_bound_by_name_rule(self) -> bool {
        match self {
            Self::Create | Self::Replace => true,
            Self::Read | Self::Find | Self::Change | Self::Remove | Self::Announce | Self::Lead | Self::Resume => false,
        }
    }
}

/// The permit of a side that asks nobody: whatever has a name that the rule admits.
impl Permit for NameRule {
    fn permit(&self, access: Access, path: &RemotePath) -> StoreResult<()> {
        if access.is_bound_by_name_rule() { Ok(path.check(*self)?) } else { Ok(()) }
    }
}

/// The path that a link leads to, counted by its names alone. `None` for a target that no store takes: it is absolute,
/// leads out of the root directory or is no path.
#[must_use]
pub fn target_of(link: &RemotePath, target: &str) -> Option<RemotePath> {
    if target.starts_with('/') {
        return None;
    }
    let mut directory = link.parent()?;
    let mut names = Vec::new();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if names.pop().is_none() => directory = directory.parent()?,
            ".." => {}
            name => names.push(name),
        }
    }
    if names.is_empty() { Some(directory) } else { directory.join(&names.join("/")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_its_names_say_and_never_out() {
        for (link, target, expected) in [
            ("/a", "b", Some("/b")),
            ("/a/b", "./c//d/", Some("/a/c/d")),
            ("/a/b/c", "../../x/../y", Some("/y")),
            ("/a/b", "..", Some("/")),
            ("/a/b", "../../c", None),
            ("/a", "/b", None),
            ("/a", "b\0", None),
        ] {
            let led = target_of(&link.parse().unwrap(), target);
            assert_eq!(led, expected.map(|path| path.parse().unwrap()), "{link} -> {target}");
        }
    }

    #[test]
    fn the_name_rule_is_asked_about_names_of_something_new_alone() {
        let path = "/a*?".parse().unwrap();
        assert!(NameRule::Portable.permit(Access::Create, &path).is_err());
        for access in [Access::Find, Access::Read, Access::Change, Access::Remove] {
            assert!(NameRule::Portable.permit(access, &path).is_ok(), "{access:?}");
        }
        assert!(NameRule::Posix.permit(Access::Create, &path).is_ok());
    }
}
