//! The grammar of messages in docs/protocol.md, and the code: each must know what the other knows.
//!
//! Messages are made from the grammar, and the code has to read them as the grammar has them; then each key is given
//! a value that no message has anywhere, which only those pass who do not know the key, and is left out, which only
//! those pass to whom it is optional. So nothing is to be kept in step here by hand.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests say what went wrong by panicking")]

mod cddl;
mod sample;

use cddl::{Grammar, Type};
use remofile_protocol::handshake::{ClientHello, ServerHello, ZeroMqAnswer, ZeroMqHello};
use remofile_protocol::wire::{Body, Element, Header};
use sample::Value;
use std::collections::BTreeSet;

const PROTOCOL: &str = include_str!("../../../../docs/protocol.md");

/// The sections with rules.
const HEADINGS: [&str; 3] = ["### Payloads of the Noise messages", "## The ZeroMQ carrier", "## Messages"];

/// The rules of what crosses the network as a whole.
const WHOLE: [&str; 6] = ["client-hello", "server-hello", "zeromq-hello", "zeromq-answer", "header", "element"];

/// Keys that are tried of each map; all there are are smaller.
const KEYS: u64 = 48;

/// Kinds of messages and items below those that may be skipped.
const KINDS: u64 = 128;

fn grammar() -> Grammar {
    Grammar::read(PROTOCOL, &HEADINGS)
}

/// Bytes as the code has read them: encoded again, and the name of what they were taken for.
struct Read {
    again: Vec<u8>,
    variant: String,
}

type Reader = fn(&[u8]) -> Result<Read, String>;

fn read_message(bytes: &[u8]) -> Result<Read, String> {
    let header = Header::decode(bytes).map_err(|error| error.to_string())?;
    let mut again = Vec::new();
    header.encode(&mut again);
    match header.body {
        Body::Request(request) => Ok(Read { again, variant: variant(&request) }),
        Body::Signal(signal) => Ok(Read { again, variant: variant(&signal) }),
        Body::Refused(failure) => Err(failure.to_string()),
        Body::Ignorable => Err("ignorable".to_owned()),
    }
}

fn read_cbor<T>(bytes: &[u8]) -> Result<Read, String>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()> + std::fmt::Debug,
{
    let read: T = minicbor::decode(bytes).map_err(|error| error.to_string())?;
    Ok(Read { again: minicbor::to_vec(&read).unwrap(), variant: variant(&read) })
}

fn read_zeromq_hello(bytes: &[u8]) -> Result<Read, String> {
    let hello = ZeroMqHello::decode(bytes).ok_or("no hello")?;
    Ok(Read { again: hello.encode().to_vec(), variant: String::new() })
}

fn read_zeromq_answer(bytes: &[u8]) -> Result<Read, String> {
    let answer = ZeroMqAnswer::decode(bytes).ok_or("no answer")?;
    Ok(Read { again: answer.encode(), variant: String::new() })
}

/// The name of a variant, as the grammar writes names.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// One thing that the grammar names, in a message of its own.
struct Subject {
    name: String,
    /// The first has everything.
    samples: Vec<Value>,
    reader: Reader,
}

fn subjects(grammar: &Grammar) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let message = grammar.samples(grammar.rule("header")).remove(0);
    for (name, one) in [grammar.alternatives("request"), grammar.alternatives("signal")].concat() {
        let samples = grammar.samples(&one).into_iter().map(|body| message.with(&[1], body)).collect();
        subjects.push(Subject { name, samples, reader: read_message });
    }
    let data = message.with(&[1], grammar.samples(grammar.rule("data")).remove(0));
    for (index, (_, one)) in grammar.alternatives("item").into_iter().enumerate() {
        let samples = grammar.samples(&one).into_iter().map(|item| data.with(&[1, 1, 0, 0], item)).collect();
        subjects.push(Subject { name: format!("item {index}"), samples, reader: read_message });
    }
    for (name, one) in grammar.alternatives("element") {
        subjects.push(Subject { name, samples: grammar.samples(&one), reader: read_cbor::<Element> });
    }
    let mut whole = |name: &str, reader| {
        subjects.push(Subject { name: name.to_owned(), samples: grammar.samples(grammar.rule(name)), reader });
    };
    whole("client-hello", read_cbor::<ClientHello>);
    whole("server-hello", read_cbor::<ServerHello>);
    whole("zeromq-hello", read_zeromq_hello);
    whole("zeromq-answer", read_zeromq_answer);
    subjects
}

#[test]
fn every_rule_of_the_grammar_is_part_of_a_message() {
    assert_eq!(grammar().unused(&WHOLE), BTreeSet::new());
}

#[test]
fn the_code_reads_whatever_the_grammar_admits() {
    for Subject { name, samples, reader } in subjects(&grammar()) {
        for sample in samples {
            if let Err(error) = reader(&sample.encoded()) {
                panic!("{name}: {error}: {sample:?}");
            }
        }
    }
}

#[test]
fn what_the_code_reads_it_writes_as_the_grammar_has_it() {
    for Subject { name, samples, reader } in subjects(&grammar()) {
        let (bytes, read) = (samples[0].encoded(), reader(&samples[0].encoded()).unwrap());
        match name.as_str() {
            // Holders have no place in an item, and a refusal has no hello with it.
            "item 4" | "item 5" | "zeromq-answer" => {}
            _ => assert_eq!(hex(&read.again), hex(&bytes), "{name}"),
        }
    }
}

#[test]
fn requests_and_signals_have_the_names_that_the_grammar_gives_them() {
    let grammar = grammar();
    let all = grammar.alternatives("request").len() + grammar.alternatives("signal").len();
    for Subject { name, samples, reader } in subjects(&grammar).into_iter().take(all) {
        let read = reader(&samples[0].encoded()).unwrap();
        assert_eq!(read.variant, name.trim_end_matches("-message"));
    }
}

#[test]
fn code_and_grammar_know_the_same_keys_and_leave_the_same_ones_out() {
    let grammar = grammar();
    for Subject { name, samples, reader } in subjects(&grammar) {
        let whole = &samples[0];
        for place in whole.places() {
            let Value::Map { known, entries } = whole.at(&place) else { continue };
            let reads = |entries: Vec<(u64, Value)>| {
                reader(&whole.with(&place, Value::Map { known: Vec::new(), entries }).encoded()).is_ok()
            };
            let without = |key: u64| entries.iter().filter(move |(other, _)| *other != key).cloned();
            for key in 0..KEYS {
                let field = known.iter().find(|field| field.key == key);
                let passes = reads(without(key).chain([(key, Value::Float)]).collect());
                assert_eq!(passes, field.is_none(), "key {key} of {:?} in {name}: known, or not?", whole.at(&place));
                let Some(field) = field else { continue };
                let passes = reads(without(key).collect());
                assert_eq!(passes, field.optional, "key {key} of {:?} in {name}: optional?", whole.at(&place));
                if let Some(number) = grammar.beyond(&field.value) {
                    let passes = reads(without(key).chain([(key, Value::Uint(number))]).collect());
                    assert!(!passes, "key {key} of {:?} in {name}: {number} is not in the grammar", whole.at(&place));
                }
            }
        }
    }
}

#[test]
fn code_and_grammar_know_the_same_places_in_arrays() {
    for Subject { name, samples, reader } in subjects(&grammar()) {
        let whole = &samples[0];
        for place in whole.places() {
            if let Value::Array { open: true, values } = whole.at(&place) {
                let values = values.iter().cloned().chain([Value::Float]).collect();
                let longer = whole.with(&place, Value::Array { open: true, values });
                assert!(reader(&longer.encoded()).is_ok(), "{name}: more than {place:?} has");
            }
            // Of what has no keys that are known, nothing is read.
            if matches!(whole.at(&place), Value::Map { known, .. } if known.is_empty()) {
                continue;
            }
            let other = whole.with(&place, Value::Float);
            assert!(reader(&other.encoded()).is_err(), "{name}: what is at {place:?} is not read");
        }
    }
}

#[test]
fn code_and_grammar_know_the_same_kinds_of_messages_items_and_elements() {
    let grammar = grammar();
    let empty = || Value::Map { known: Vec::new(), entries: Vec::new() };
    let array = |values| Value::Array { open: true, values };
    let message = grammar.samples(grammar.rule("header")).remove(0);
    let data = message.with(&[1], grammar.samples(grammar.rule("data")).remove(0));
    let is_known_message = |kind| {
        let message = message.with(&[1], array(vec![Value::Uint(kind), empty()]));
        !matches!(read_message(&message.encoded()), Err(error) if is_unknown(&error))
    };
    let is_known_item = |kind| {
        let item = array(vec![Value::Uint(kind)]);
        !matches!(read_message(&data.with(&[1, 1, 0, 0], item).encoded()), Err(error) if is_unknown(&error))
    };
    // An element of another length is as unknown as one of another kind.
    let is_known_element = |kind| {
        (1..8).any(|length| {
            let element = array([vec![Value::Uint(kind)], vec![Value::Float; length]].concat());
            !matches!(read_cbor::<Element>(&element.encoded()), Err(error) if is_unknown(&error))
        })
    };
    let messages = [kinds(&grammar, "request"), kinds(&grammar, "signal")].concat();
    compare_kinds(messages, &is_known_message);
    compare_kinds(kinds(&grammar, "item"), &is_known_item);
    compare_kinds(kinds(&grammar, "element"), &is_known_element);
}

fn compare_kinds(told: Vec<u64>, is_known: &dyn Fn(u64) -> bool) {
    let known: BTreeSet<u64> = (0..KINDS).filter(|kind| is_known(*kind)).collect();
    assert_eq!(known, told.into_iter().collect::<BTreeSet<u64>>(), "what the code knows, what the grammar has");
}

fn is_unknown(error: &str) -> bool {
    error.contains("unknown") || error.contains("does not support")
}

/// The numbers that the arrays begin with from which a rule chooses.
fn kinds(grammar: &Grammar, name: &str) -> Vec<u64> {
    let kind = |(name, one): (String, Type)| match one {
        Type::Array(elements) => match elements.first() {
            Some(cddl::Element::One(Type::Range(least, most))) if least == most => *least,
            _ => panic!("{name} has no kind"),
        },
        _ => panic!("{name} is no array"),
    };
    grammar.alternatives(name).into_iter().map(kind).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
