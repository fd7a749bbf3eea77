use super::*;
use crate::tokens::{Superseded, TokenEntry, TokenRights};
use proptest::option;
use proptest::prelude::*;
use remofile_protocol::token::{Origin, Token, TokenKey};
use std::time::{Duration, SystemTime};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(number: u8) -> TokenKey {
    TokenKey::from_bytes(&[number; 48])
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(48)
}

fn entry(name: &str, number: u8) -> TokenEntry {
    TokenEntry { key: key(number), ..TokenEntry::new(name.parse().unwrap(), &Token::generate()) }
}

fn by_hand() -> String {
    format!(
        "# Tokens of the house.\n# Ask Eve before you change them.\n\n\
         # Alice, from accounting\n[alice] # since May\nkey='{}'   # do not touch\nrights = \"read\"\n\n  quota = 5368709120\n\
         # bwlimit = \"10M\"\n\n\
         # The scanner\n[\"scan.ner\"]\nrights = \"upload\"\nkey = \"{}\"\nbelow = \"/in box\"\nexpires = 2026-12-31 # then \
         it goes\n\n# The end.\n",
        hex(1),
        hex(2)
    )
}

#[test]
fn a_file_written_by_hand_is_understood() {
    let tokens = parse_tokens(&by_hand()).unwrap();
    let names: Vec<&str> = tokens.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["alice", "scan.ner"]);
    let (alice, scanner) = (tokens.get(&"alice".parse().unwrap()).unwrap(), tokens.iter().next_back().unwrap());
    assert_eq!((alice.rights, alice.quota, &alice.key), (TokenRights::Read, Some(5 << 30), &key(1)));
    assert_eq!((scanner.rights, scanner.below.as_str()), (TokenRights::Upload, "/in box"));
    assert_eq!(scanner.expires, Some(at(1_798_675_200)));
    assert!(parse_tokens("").unwrap().is_empty() && parse_tokens("# nothing\n").unwrap().is_empty());
}

#[test]
fn a_change_leaves_everything_else_as_it_was() {
    let text = by_hand();
    let mut tokens = parse_tokens(&text).unwrap();
    tokens.add(entry("bob", 3)).unwrap();
    let added = update_tokens(&text, &tokens).unwrap();
    assert_eq!(added.as_str(), format!("{text}\n[bob]\nkey = \"{}\"\nrights = \"all\"\n", hex(3)));

    let alice = tokens.get(&"alice".parse().unwrap()).unwrap().clone();
    let superseded = Some(Superseded { key: key(1), origin: Origin::Generated, expires: at(0) });
    tokens.replace(TokenEntry { key: key(4), superseded, quota: None, sessions: Some(2), ..alice }).unwrap();
    let rotated = update_tokens(&added, &tokens).unwrap();
    let settings = format!(
        "rights = \"read\"\nprevious-key = \"{}\"\nprevious-expires = 1970-01-01T00:00:00Z\nsessions = 2\n\n# bwlimit",
        hex(1)
    );
    let expected = added
        .replace(&format!("'{}'", hex(1)), &format!("\"{}\"", hex(4)))
        .replace("  quota = 5368709120\n", "")
        .replace("rights = \"read\"\n\n# bwlimit", &settings);
    assert_eq!(rotated.as_str(), expected);

    tokens.remove(&"alice".parse().unwrap()).unwrap();
    tokens.remove(&"bob".parse().unwrap()).unwrap();
    let removed = update_tokens(&rotated, &tokens).unwrap();
    let (top, scanner) = (text.split("\n# Alice").next().unwrap(), text.split("\n\n# The scanner").nth(1).unwrap());
    assert_eq!(removed.as_str(), format!("{top}\n# bwlimit = \"10M\"\n\n# The scanner{scanner}"));
}

#[test]
fn comments_go_with_the_token_that_they_are_about() {
    let table = |name: &str, number| format!("[{name}]\nkey = \"{}\"\nrights = \"all\"\n", hex(number));
    let (a, b) = (table("a", 1), table("b", 2));
    for (text, rest) in [
        (format!("# top\n{a}# b\n{b}"), format!("# top\n# b\n{b}")),
        (format!("# top\n\n# a\n{a}# off = 1\n\n{b}"), format!("# top\n\n{b}")),
        (format!("{a}\n# apart\n\n{b}"), format!("\n# apart\n\n{b}")),
        (format!("{b}\n# a\n{a}"), b.clone()),
        (format!("{b}\n{}", a.trim_end()), b.clone()),
        (format!("{b}\n{a}").replace('\n', "\r\n"), b.replace('\n', "\r\n")),
    ] {
        let mut tokens = parse_tokens(&text).unwrap();
        tokens.remove(&"a".parse().unwrap()).unwrap();
        assert_eq!(update_tokens(&text, &tokens).unwrap().as_str(), rest, "{text}");
    }
}

#[test]
fn errors_name_the_place_and_tell_no_secret() {
    let secret = Token::generate();
    let (secret, good) = (secret.reveal(), hex(7));
    let table = |settings: &str| format!("# é\n[a]\nkey = \"{good}\"\nrights = \"read\"\n{settings}\n");
    for (text, line, column, what) in [
        (table("quota = 0"), 5, 9, "at least 1"),
        (table("quota = \"5 apples\""), 5, 9, "bytes"),
        (table("below = \"a/../b\""), 5, 9, "a path"),
        (table("expires = 2026-12-31T00:00:00"), 5, 11, "zone"),
        (table("sessions = -1"), 5, 12, "sessions"),
        (table("chosen = \"yes\""), 5, 10, "true or false"),
        (table("rigths = \"read\""), 5, 1, "no such setting"),
        (table(&format!("{secret} = 1")), 5, 1, "no such setting"),
        (table("rights = \"all\""), 5, 1, "duplicate key"),
        (table("[a.below]"), 5, 4, "one value"),
        (table(&format!("previous-key = \"{}\"", hex(8))), 2, 1, "previous-expires"),
        (format!("[a]\nkey = \"{secret}\"\nrights = \"read\"\n"), 2, 7, "never stands here"),
        (format!("[a]\nrights = \"{secret}\"\nkey = \"{good}\"\n"), 2, 10, "\"upload\""),
        (format!("[a]\nkey = \"{good}\"\n"), 1, 1, "no 'rights'"),
        ("[a]\nrights = \"read\"\n".to_owned(), 1, 1, "no 'key'"),
        (
            format!("[a]\nkey = \"{good}\"\nrights = \"read\"\n[b]\nkey = \"{good}\"\nrights = \"read\"\n"),
            4,
            2,
            "of its own",
        ),
        (format!("[a.b]\nkey = \"{good}\"\nrights = \"read\"\n"), 1, 2, "quotes"),
        (format!("[\"a b\"]\nkey = \"{good}\"\nrights = \"read\"\n"), 1, 2, "no name"),
        (format!("a = {{ key = \"{good}\", rights = \"all\" }}\n"), 1, 1, "table"),
        (format!("a.key = \"{good}\"\n"), 1, 1, "table"),
        (format!("[a]\nkey = \"{secret}\nrights = \"read\"\n"), 2, 30, "invalid"),
        ("[a]\n\0".to_owned(), 2, 2, "no value"),
    ] {
        let error = parse_tokens(&text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{error}: {text:.300}");
        let message = error.to_string();
        assert!(message.contains(what), "{message}");
        assert!(!message.contains(secret) && !message.contains(&good) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, rest) in [("[", ""), ("{a=", ""), ("a.", "b = 1")] {
        let error = parse_tokens(&format!("[a]\nbelow = {}{rest}", open.repeat(100_000))).unwrap_err();
        assert_eq!(error.line, 2, "{error}");
    }
}

#[test]
fn too_many_tokens_are_an_error_at_the_one_too_many() {
    let table = |number: usize| format!("[t{number}]\nkey = \"{number:096x}\"\nrights = \"read\"\n");
    let tables = |count| (0..count).map(table).collect::<String>();
    // The last 16 bytes of a key tell it from others.
    assert_eq!(parse_tokens(&tables(10_000)).unwrap().len(), 10_000);
    let error = parse_tokens(&tables(10_001)).unwrap_err();
    assert_eq!((error.line, error.what.contains("10000 tokens")), (30_001, true), "{error}");
    let chosen = |count| (0..count).map(|number| format!("{}chosen = true\n", table(number))).collect::<String>();
    assert_eq!(parse_tokens(&chosen(16)).unwrap().len(), 16);
    let error = parse_tokens(&chosen(17)).unwrap_err();
    assert_eq!((error.line, error.what.contains("16 chosen")), (65, true), "{error}");
}

fn any_origin() -> impl Strategy<Value = Origin> {
    prop_oneof![Just(Origin::Generated), Just(Origin::Chosen)]
}

fn any_time() -> impl Strategy<Value = SystemTime> {
    (0u64..253_402_300_800, 0u32..1_000_000_000)
        .prop_map(|(seconds, nanoseconds)| at(seconds) + Duration::from_nanos(nanoseconds.into()))
}

prop_compose! {
    fn any_entry()(
        name in "[a-zA-Z0-9._@+-]{1,12}",
        key in any::<[u8; 16]>(),
        former in option::of((any::<[u8; 16]>(), any_origin(), any_time())),
        origin in any_origin(),
        rights in proptest::sample::select(&TokenRights::EVERY[..]),
        below in "(/[a-z\"\\\\é #=']{1,6}){1,3}",
        expires in option::of(any_time()),
        sizes in proptest::array::uniform3(option::of(1u64..)),
        sessions in option::of(1usize..1 << 40),
    ) -> TokenEntry {
        let stretched = |identifier: [u8; 16]| {
            let mut bytes = [7; 48];
            bytes[32..].copy_from_slice(&identifier);
            TokenKey::from_bytes(&bytes)
        };
        let superseded = former.map(|(key, origin, expires)| Superseded { key: stretched(key), origin, expires });
        let [quota, file_size_limit, bwlimit] = sizes;
        TokenEntry {
            key: stretched(key),
            origin,
            superseded,
            rights,
            below: below.parse().unwrap_or_else(|_| remofile_protocol::path::RemotePath::root()),
            expires,
            quota,
            file_size_limit,
            bwlimit,
            sessions,
            ..TokenEntry::new(name.parse().unwrap(), &Token::generate())
        }
    }
}

/// As many of some entries as fit into one set.
fn set(entries: &[TokenEntry]) -> Tokens {
    let mut tokens = Tokens::new();
    for entry in entries {
        let _refused = tokens.add(entry.clone());
    }
    tokens
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(entries in proptest::collection::vec(any_entry(), 0..8)) {
        let tokens = set(&entries);
        let text = update_tokens("", &tokens).unwrap();
        prop_assert_eq!(parse_tokens(&text).unwrap(), tokens);
    }

    #[test]
    fn any_tokens_become_any_others(
        before in proptest::collection::vec(any_entry(), 0..6),
        after in proptest::collection::vec(any_entry(), 0..6),
        stay in 0usize..6,
    ) {
        let before = set(&before);
        let mut text = by_hand();
        let mut both = parse_tokens(&text).unwrap();
        for entry in &before {
            let _refused = both.add(entry.clone());
        }
        text = update_tokens(&text, &both).unwrap().to_string();
        let mut changed = Tokens::new();
        // Some stay as they were, some are of the same name only.
        for (index, old) in both.iter().enumerate() {
            let new = after.get(index).filter(|_| index >= stay).map(|new| TokenEntry { name: old.name.clone(), ..new.clone() });
            let _refused = changed.add(new.unwrap_or_else(|| old.clone()));
        }
        let text = update_tokens(&text, &changed).unwrap();
        let again = parse_tokens(&text).unwrap();
        prop_assert_eq!(again.len(), changed.len());
        for entry in &again {
            prop_assert_eq!(changed.get(&entry.name), Some(entry));
        }
        prop_assert!(text.starts_with("# Tokens of the house.\n") && text.contains("# The end.\n"));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\[[ab.\"]{1,3}\\]|key|rights|=|\"|'|\\n|#|[0-9]|true|[{}]){0,30}") {
        let _ = parse_tokens(&text);
    }
}
