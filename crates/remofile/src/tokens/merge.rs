//! Changes of tokens that are made in several places: each change is about the tokens that it changes, and about no other.

use super::entry::TokenEntry;
use super::name::TokenName;
use super::set::Tokens;
use std::collections::HashSet;

/// The difference between two sets of tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TokensChange {
    removed: Vec<TokenName>,
    set: Vec<TokenEntry>,
    /// Those that were changed or removed, as they were before.
    former: Vec<TokenEntry>,
}

impl TokensChange {
    /// Finds the difference.
    pub(crate) fn between(before: &Tokens, after: &Tokens) -> Self {
        let is_gone = |entry: &&TokenEntry| after.get(&entry.name).is_none();
        let is_new = |entry: &&TokenEntry| before.get(&entry.name) != Some(entry);
        Self {
            removed: before.iter().filter(is_gone).map(|entry| entry.name.clone()).collect(),
            set: after.iter().filter(is_new).cloned().collect(),
            former: before.iter().filter(|entry| after.get(&entry.name) != Some(entry)).cloned().collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.set.is_empty()
    }

    /// Returns the names of the tokens that it is about.
    pub(crate) fn names(&self) -> impl Iterator<Item = &TokenName> {
        self.removed.iter().chain(self.set.iter().map(|entry| &entry.name))
    }

    /// Makes the change in other tokens. A token that was changed there as well stays as it is there, and one that was removed
    /// there stays removed; but what this removes is gone, whatever became of it there. What cannot be made, since
    /// another name has the same token meanwhile, is left out, and its former token is out as well: so nothing is in force that
    /// anybody has removed.
    pub(crate) fn apply(&self, tokens: &mut Tokens) {
        let is_there = |former: &&TokenEntry| tokens.get(&former.name) != Some(*former);
        let changed_there: HashSet<TokenName> =
            self.former.iter().filter(is_there).map(|former| former.name.clone()).collect();
        let is_beaten = |name: &TokenName| changed_there.contains(name) && !self.removed.contains(name);
        for name in self.names().filter(|name| !is_beaten(name)) {
            let _absent = tokens.remove(name);
        }
        for entry in self.set.iter().filter(|entry| !is_beaten(&entry.name)) {
            if let Err(error) = tokens.add(entry.clone()) {
                tracing::error!(token = %entry.name, "a changed token was left out: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::TokenRights;
    use remofile_protocol::token::Token;

    fn entry(name: &str) -> TokenEntry {
        TokenEntry::new(name.parse().unwrap(), &Token::generate())
    }

    fn of(entries: &[&TokenEntry]) -> Tokens {
        let mut tokens = Tokens::new();
        entries.iter().for_each(|entry| tokens.add((*entry).clone()).unwrap());
        tokens
    }

    fn names(tokens: &Tokens) -> Vec<String> {
        let mut names: Vec<String> = tokens.iter().map(|entry| entry.name.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn changes_of_two_places_are_both_made_and_what_one_has_removed_does_not_come_back() {
        let (a, b, c, d) = (entry("a"), entry("b"), entry("c"), entry("d"));
        let before = of(&[&a, &b]);
        let mut elsewhere = of(&[&b, &c]);
        let reader = TokenEntry { rights: TokenRights::Read, ..b.clone() };
        let change = TokensChange::between(&before, &of(&[&a, &reader, &d]));
        assert_eq!(change.names().map(ToString::to_string).collect::<Vec<_>>(), ["b", "d"]);
        change.apply(&mut elsewhere);
        assert_eq!(names(&elsewhere), ["b", "c", "d"], "'a' was removed elsewhere");
        assert_eq!(elsewhere.get(&b.name).unwrap().rights, TokenRights::Read);
        TokensChange::between(&of(&[&c]), &Tokens::new()).apply(&mut elsewhere);
        assert_eq!(names(&elsewhere), ["b", "d"]);
        assert!(TokensChange::between(&before, &of(&[&b, &a])).is_empty(), "their order is no change");
    }

    #[test]
    fn what_was_removed_or_changed_elsewhere_is_not_brought_back_by_a_change_here() {
        let a = entry("a");
        let limited = TokenEntry { rights: TokenRights::Read, ..a.clone() };
        let change = TokensChange::between(&of(&[&a]), &of(&[&limited]));
        let mut removed = Tokens::new();
        change.apply(&mut removed);
        assert_eq!(names(&removed), [""; 0]);
        let rotated = TokenEntry { name: a.name.clone(), ..entry("other") };
        let mut there = of(&[&rotated]);
        change.apply(&mut there);
        assert_eq!(there.get(&a.name), Some(&rotated));
        TokensChange::between(&of(&[&a]), &Tokens::new()).apply(&mut there);
        assert_eq!(names(&there), [""; 0], "a removal is one everywhere");
    }

    #[test]
    fn a_token_that_goes_to_another_name_goes_there_elsewhere_too() {
        let a = entry("a");
        let renamed = TokenEntry { name: "b".parse().unwrap(), ..a.clone() };
        let mut elsewhere = of(&[&a]);
        TokensChange::between(&of(&[&a]), &of(&[&renamed])).apply(&mut elsewhere);
        assert_eq!(names(&elsewhere), ["b"]);
        let mut other = of(&[&TokenEntry { name: "c".parse().unwrap(), ..a }]);
        TokensChange::between(&Tokens::new(), &of(&[&renamed])).apply(&mut other);
        assert_eq!(names(&other), ["c"], "one key has one name");
    }
}
