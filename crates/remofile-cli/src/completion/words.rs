//! The words of a line, as shells divide it: with quotes and backslashes.

/// The words of a line that is not complete yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The words without quotes; the last one is that which the user is at, and may be empty.
    pub(super) words: Vec<String>,
    /// The quotation mark that is open in the last one.
    pub(super) open_quote: Option<char>,
}

impl Words {
    /// Divides a line.
    pub(super) fn of(line: &str) -> Self {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        let mut rest = line.chars();
        while let Some(character) = rest.next() {
            match (quote, character) {
                (None, ' ' | '\t' | '\n') => words.extend(word.take()),
                (None, '\'' | '"') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (Some(open), closing) if open == closing => quote = None,
                (None | Some('"'), '\\') => word.get_or_insert_default().extend(rest.next()),
                (_, character) => word.get_or_insert_default().push(character),
            }
        }
        words.push(word.unwrap_or_default());
        Self { words, open_quote: quote }
    }
}

/// One word without its quotes.
pub(super) fn unquoted(word: &str) -> String {
    Words::of(word).words.join(" ")
}

/// A candidate as it has to stand in a line, with a backslash before what the shell would take for something else.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:@%+,=".contains(character);
    let mut quoted = String::with_capacity(word.len());
    for character in word.chars() {
        if !is_plain(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_divided_as_shells_divide_it() {
        for (line, words, open_quote) in [
            ("remofile ls :/ph", &["remofile", "ls", ":/ph"][..], None),
            ("remofile  ls ", &["remofile", "ls", ""], None),
            (r"rmf ls /my\ ph", &["rmf", "ls", "/my ph"], None),
            ("rmf ls '/my ph", &["rmf", "ls", "/my ph"], Some('\'')),
            (r#"rmf ls "/a\"b c"d ''"#, &["rmf", "ls", "/a\"b cd", ""], None),
            (r"rmf 'a\b'", &["rmf", r"a\b"], None),
            ("", &[""], None),
        ] {
            let expected = Words { words: words.iter().map(ToString::to_string).collect(), open_quote };
            assert_eq!(Words::of(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_quoted_comes_back() {
        for word in ["/photos", "/my photos/", "it's $x", "a\\b*", "é (1)"] {
            assert_eq!(unquoted(&quoted(word)), word);
        }
        assert_eq!(quoted("nas:/a b"), r"nas:/a\ b");
    }
}
