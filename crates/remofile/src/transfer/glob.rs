//! The notation that patterns and rules share: `*`, `?`, `[...]` and a backslash that escapes.

use std::str::Chars;

const DANGLING: &str = "it ends with a backslash that escapes nothing";
const UNCLOSED: &str = "a '[' is never closed";
const BACKWARD: &str = "a range of characters ends before it begins";
const UNKNOWN_CLASS: &str = "there is no such class of characters (as in '[[:digit:]]')";

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Literal(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// `[...]`: a character of a set.
    Set(Set),
}

/// A set of characters: those in the ranges, both ends included, or all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) is_negated: bool,
    pub(super) ranges: Vec<(char, char)>,
}

impl Token {
    fn admits(&self, character: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == character,
            Self::One => true,
            Self::Many => false,
            Self::Set(set) => set.holds(character),
        }
    }
}

impl Set {
    fn holds(&self, character: char) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&character)) != self.is_negated
    }
}

/// Reads a pattern; a slash is a literal like any other.
///
/// # Errors
/// A sentence that tells what is wrong.
pub(super) fn parse(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut chars = text.chars();
    let mut tokens = Vec::new();
    while let Some(character) = chars.next() {
        tokens.push(match character {
            '*' => Token::Many,
            '?' => Token::One,
            '[' => Token::Set(parse_set(&mut chars)?),
            '\\' => Token::Literal(chars.next().ok_or(DANGLING)?),
            other => Token::Literal(other),
        });
    }
    Ok(tokens)
}

/// Reads a set from behind its `[` to its `]`, which is a character like others in the first place.
fn parse_set(chars: &mut Chars<'_>) -> Result<Set, &'static str> {
    let is_negated = chars.as_str().starts_with(['!', '^']);
    if is_negated {
        chars.next();
    }
    let mut ranges = Vec::new();
    let mut is_first = true;
    loop {
        let low = chars.next().ok_or(UNCLOSED)?;
        if low == ']' && !is_first {
            return Ok(Set { is_negated, ranges });
        }
        is_first = false;
        if let Some((name, rest)) = class_name(low, chars.as_str()) {
            ranges.extend_from_slice(class(name).ok_or(UNKNOWN_CLASS)?);
            *chars = rest.chars();
            continue;
        }
        let low = if low == '\\' { chars.next().ok_or(UNCLOSED)? } else { low };
        let high = parse_end_of_range(chars)?.unwrap_or(low);
        if high < low {
            return Err(BACKWARD);
        }
        ranges.push((low, high));
    }
}

/// Reads the last character of a range, from its hyphen on; `None` if what follows is no range. A hyphen in the
/// last place is a character like others.
fn parse_end_of_range(chars: &mut Chars<'_>) -> Result<Option<char>, &'static str> {
    let mut ahead = chars.clone();
    if ahead.next() != Some('-') {
        return Ok(None);
    }
    let high = match ahead.next() {
        None | Some(']') => return Ok(None),
        Some('\\') => ahead.next().ok_or(UNCLOSED)?,
        Some(other) => other,
    };
    *chars = ahead;
    Ok(Some(high))
}

/// Returns the name of a class, and the text behind it, if a character and the text behind it are one: `[:name:]`.
fn class_name(first: char, text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix(':').filter(|_| first == '[')?.split_once(']')?;
    Some((name.strip_suffix(':')?, rest))
}

/// Returns the ASCII characters of a class of POSIX.
fn class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "upper" => &[('A', 'Z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

/// Reports whether a pattern matches a name from its first character to its last. Time: at most the product of both
/// lengths.
pub(super) fn matches(tokens: &[Token], name: &str) -> bool {
    let (mut at, mut rest) = (0, name.chars());
    // The last `*`: the token behind it, and where the name goes on if it takes no more characters.
    let mut star: Option<(usize, Chars<'_>)> = None;
    loop {
        let mut ahead = rest.clone();
        match (tokens.get(at), ahead.next()) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                at += 1;
                // Only the last star is remembered: what an earlier one could take instead, the last one can take as
                // well.
                star = Some((at, rest.clone()));
            }
            (Some(token), Some(character)) if token.admits(character) => {
                at += 1;
                rest = ahead;
            }
            _ => {
                let Some((behind, from)) = &mut star else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                at = *behind;
                rest = from.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_match(pattern: &str, name: &str) -> bool {
        matches(&parse(pattern).unwrap(), name)
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, fits, fails) in [
            ("", &[""][..], &["a"][..]),
            ("abc", &["abc"], &["ab", "abcd", "Abc"]),
            ("*", &["", "a", "été"], &[]),
            ("*.txt", &[".txt", "a.txt", "a.txt.txt"], &["a.tx", "a.txt~"]),
            ("a*b*c", &["abc", "aXbXbXc"], &["ab", "acb"]),
            ("caf?", &["café", "cafe"], &["caf", "cafés"]),
            ("[a-c]", &["a", "b", "c"], &["d", "-", ""]),
            ("[!a-c]", &["d", "-", "é"], &["a", ""]),
            ("[^a]", &["b"], &["a"]),
            ("[à-ü]", &["é"], &["e", "z"]),
            ("[]-]", &["]", "-"], &["["]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[a-c-e]", &["b", "-", "e"], &["d"]),
            ("[!]]", &["a"], &["]"]),
            (r"[\]a]", &["]", "a"], &["\\"]),
            (r"[a\-c]", &["a", "-", "c"], &["b"]),
            ("[[]", &["["], &["]"]),
            ("[[:digit:]x]", &["7", "x"], &[":", "d"]),
            ("[[:a]", &["[", ":", "a"], &["b"]),
            (r"\*\?\[", &["*?["], &["abc"]),
            ("{a,b}", &["{a,b}"], &["a", "b"]),
        ] {
            for name in fits {
                assert!(is_match(pattern, name), "{pattern} {name}");
            }
            for name in fails {
                assert!(!is_match(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_is_malformed_is_told() {
        for (pattern, reason) in [
            ("a\\", DANGLING),
            ("[", UNCLOSED),
            ("[]", UNCLOSED),
            ("[!]", UNCLOSED),
            ("[a-", UNCLOSED),
            ("[\\", UNCLOSED),
            ("[a-\\", UNCLOSED),
            ("[z-a]", BACKWARD),
            ("[[:letter:]]", UNKNOWN_CLASS),
        ] {
            assert_eq!(parse(pattern), Err(reason), "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!is_match(&"*a".repeat(1_000), &"a".repeat(255)));
        assert!(is_match(&"*".repeat(10_000), &"a".repeat(255)));
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in "[]*?a\\[:!^é-]{0,12}", name in "[]*?a\\[:!^é-]{0,8}") {
            if let Ok(tokens) = parse(&pattern) {
                let _ = matches(&tokens, &name);
            }
        }

        #[test]
        fn an_escaped_name_matches_itself_alone(name in "[]*?a\\[!é-]{0,8}", other in "[]*?a\\[!é-]{0,8}") {
            let escaped: String = name.chars().flat_map(|character| ['\\', character]).collect();
            prop_assert_eq!(is_match(&escaped, &other), name == other);
            prop_assert!(is_match(&escaped, &name));
        }
    }
}
