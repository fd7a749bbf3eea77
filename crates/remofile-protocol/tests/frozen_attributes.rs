//! The frozen examples of attributes in `testdata/attributes.txt`: as in `frozen`, what was ever sent must stay readable, byte
//! for byte.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use remofile_protocol::wire::{
    Account, AttributeSet, Attributes, Body, Done, Element, ExtendedAttribute, Header, Item, Kind, OperationId,
    Request, Signal, Timestamp,
};

const ATTRIBUTES: &str = include_str!("../../../testdata/attributes.txt");

fn all() -> Box<Attributes> {
    let extended = ExtendedAttribute { name: "user.a".to_owned(), value: vec![0, 255] };
    Box::new(Attributes {
        kind: Kind::File,
        size: Some(5),
        modified: Some(Timestamp::new(-1, 999_999_999)),
        mode: Some(0o6755),
        owner: Some(Account { id: 1000, name: Some("ann".to_owned()) }),
        group: Some(Account { id: 50, name: None }),
        extended: Some(vec![extended]),
    })
}

fn examples() -> Vec<(&'static str, Header)> {
    let none = Box::new(Attributes::of(Kind::Directory));
    let items = vec![
        Item::Attributes { path: "a/b".to_owned(), attributes: all() },
        Item::Attributes { path: String::new(), attributes: none },
    ];
    let find = Request::Find {
        sources: vec!["/a".parse().unwrap()],
        recursive: true,
        selection: None,
        digests: false,
        attributes: AttributeSet::ALL.and(AttributeSet::NUMERIC),
    };
    let request = Header { operation: OperationId(2), body: Body::Request(find), wait_milliseconds: 0 };
    let done = Done { attributes: 7, ..Done::default() };
    vec![
        ("attributes", Header::signal(OperationId(1), Signal::Data { items })),
        ("find attributes", request),
        ("done with attributes", Header::signal(OperationId(1), Signal::Done { done })),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn attributes_are_as_frozen_and_come_back() {
    let mut found = String::new();
    for (name, header) in examples() {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(Header::decode(&bytes).unwrap(), header, "{name}");
        found += &format!("{name}: {}\n", hex(&bytes));
    }
    let element = Element::Attributes { name: "a/b".to_owned(), attributes: all() };
    let bytes = minicbor::to_vec(&element).unwrap();
    assert_eq!(minicbor::decode::<Element>(&bytes).unwrap(), element);
    found += &format!("element: {}\n", hex(&bytes));
    assert_eq!(found, ATTRIBUTES, "not as frozen");
}

#[test]
fn an_extended_attribute_that_no_system_has_is_malformed() {
    for (name, value) in [("", 1), ("user.\0", 1), (&*"n".repeat(256), 1), ("user.a", (1 << 16) + 1)] {
        let extended = Some(vec![ExtendedAttribute { name: name.to_owned(), value: vec![1; value] }]);
        let bytes = minicbor::to_vec(Attributes { extended, ..*all() }).unwrap();
        assert!(minicbor::decode::<Attributes>(&bytes).is_err(), "{name:?} {value}");
    }
}
