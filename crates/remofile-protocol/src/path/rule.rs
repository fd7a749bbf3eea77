//! The two rules for names.

/// The rule for names that a server admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameRule {
    /// Names that every file system can hold: none of `< > : " / \ | ? *`. The default.
    #[default]
    Portable,
    /// Everything but `/`, control characters, `.` and `..`.
    Posix,
}

/// Reports whether a rule forbids a character of a name; control characters are another matter.
pub(super) fn is_forbidden(character: char, rule: NameRule) -> bool {
    match rule {
        NameRule::Posix => character == '/',
        NameRule::Portable => matches!(character, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*'),
    }
}
