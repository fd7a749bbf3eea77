//! Names of the protocol that stand for others.

use super::encoding::{decode, encode_name};
use super::name::{FileName, InvalidName};
use super::rule::NameRule;
use crate::limits::MAX_NAME_BYTES;
use std::borrow::Cow;

/// Returns the bytes that a name stands for, if it is what they encode to under one of the rules.
///
/// # Errors
/// [`InvalidName::NotEncoded`] if it is not: two names would stand for the same bytes.
pub fn decode_name(name: &FileName) -> Result<Cow<'_, [u8]>, InvalidName> {
    let bytes = decode(name.as_str());
    if let Cow::Owned(bytes) = &bytes {
        let is_of = |rule| encode_name(bytes, rule) == name.as_str();
        let is_name = !bytes.contains(&b'/') && !bytes.contains(&0);
        if !is_name || !(is_of(NameRule::Posix) || is_of(NameRule::Portable)) {
            return Err(InvalidName::NotEncoded(name.to_string()));
        }
    }
    Ok(bytes)
}

/// Returns a name of any bytes as one that a rule admits.
///
/// # Errors
/// [`InvalidName::EncodedTooLong`] if it becomes too long by that, [`InvalidName::Empty`].
pub fn to_encoded_name(bytes: &[u8], rule: NameRule) -> Result<FileName, InvalidName> {
    let encoded = encode_name(bytes, rule);
    if bytes.len() <= MAX_NAME_BYTES && encoded.len() > MAX_NAME_BYTES {
        return Err(InvalidName::EncodedTooLong { name: bytes.escape_ascii().to_string(), bytes: encoded.len() });
    }
    FileName::parse(&encoded, NameRule::Posix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{encode_pattern, encode_target};
    use proptest::prelude::*;

    const RULES: [NameRule; 2] = [NameRule::Posix, NameRule::Portable];

    #[test]
    fn names_that_a_rule_admits_stay_what_they_are() {
        for name in ["a", "été", "メモ：1.txt", "␊", "a b"] {
            for rule in RULES {
                assert_eq!(encode_name(name.as_bytes(), rule), name);
            }
        }
        assert_eq!(encode_name(b"a:b\\c", NameRule::Posix), "a:b\\c");
    }

    #[test]
    fn what_no_name_may_hold_is_written_as_bytes() {
        for (bytes, rule, encoded) in [
            (&b"a\nb"[..], NameRule::Posix, "a‛0Ab"),
            (b"caf\xe9", NameRule::Posix, "caf‛E9"),
            ("a\u{85}".as_bytes(), NameRule::Posix, "a‛C2‛85"),
            ("a‛0A".as_bytes(), NameRule::Posix, "a‛‛0A"),
            (b"Foo::Bar", NameRule::Portable, "Foo‛3A‛3ABar"),
            (b"\x7f", NameRule::Portable, "‛7F"),
        ] {
            assert_eq!(encode_name(bytes, rule), encoded);
            assert_eq!(&*decode(encoded), bytes);
            let name = FileName::parse(encoded, rule).unwrap();
            assert_eq!(&*decode_name(&name).unwrap(), bytes);
        }
    }

    #[test]
    fn a_name_that_nothing_encodes_to_is_refused() {
        for text in ["a‛", "a‛0a", "a‛61", "‛2E‛2E", "a‛2Fb", "a‛00", "‛C3‛A9"] {
            let name = FileName::parse(text, NameRule::Posix).unwrap();
            assert_eq!(decode_name(&name), Err(InvalidName::NotEncoded(text.to_owned())));
        }
    }

    #[test]
    fn a_name_that_becomes_too_long_is_refused_with_its_length() {
        let error = to_encoded_name(&[b'\n'; 60], NameRule::Posix).unwrap_err();
        assert!(error.to_string().contains("has 300 bytes when it is encoded"), "{error}");
        assert!(to_encoded_name(&[b'\n'; 51], NameRule::Posix).is_ok());
    }

    #[test]
    fn rules_are_encoded_where_they_are_literal() {
        for (pattern, encoded) in [
            ("*::*", "*‛3A‛3A*"),
            ("!a:b/", "!a‛3Ab/"),
            ("[:a]?x", "[:a]?x"),
            ("a\\?", "a‛3F"),
            ("\\#a", "\\#a"),
            ("‛", "‛‛"),
        ] {
            assert_eq!(encode_pattern(pattern, NameRule::Portable), encoded);
        }
        assert_eq!(encode_pattern("*::*", NameRule::Posix), "*::*");
    }

    proptest! {
        #[test]
        fn whatever_bytes_a_name_has_it_comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..60)) {
            let bytes: Vec<u8> = bytes.into_iter().filter(|&byte| byte != b'/' && byte != 0).collect();
            for rule in RULES {
                let encoded = encode_name(&bytes, rule);
                prop_assert_eq!(&*decode(&encoded), &bytes[..]);
                if let Ok(name) = to_encoded_name(&bytes, rule) {
                    prop_assert!(FileName::check(name.as_str(), rule).is_ok());
                    prop_assert_eq!(&*decode_name(&name).unwrap(), &bytes[..]);
                }
            }
        }

        #[test]
        fn two_names_of_one_encoding_are_one(
            one in "[‛0A:a\n]{1,6}", other in "[‛0A:a\n]{1,6}", rule in prop_oneof![Just(RULES[0]), Just(RULES[1])]
        ) {
            let encode = |text: &str| encode_name(text.as_bytes(), rule).into_owned();
            prop_assert_eq!(encode(&one) == encode(&other), one == other);
        }

        #[test]
        fn whatever_decodes_holds_no_trick(text in "[‛02EFA/.]{1,9}") {
            if let Ok(name) = FileName::parse(&text, NameRule::Posix) && let Ok(bytes) = decode_name(&name) {
                prop_assert!(!bytes.contains(&b'/') && !bytes.contains(&0));
                prop_assert!(!bytes.is_empty() && &*bytes != b"." && &*bytes != b"..");
            }
        }

        #[test]
        fn targets_come_back(bytes in proptest::collection::vec(1_u8.., 1..60)) {
            let encoded = encode_target(&bytes);
            prop_assert!(!encoded.chars().any(char::is_control));
            prop_assert_eq!(&*decode(&encoded), &bytes[..]);
        }
    }
}
