//! The bytes of what keeps files as they are: as in `frozen`, what was ever sent must stay readable, byte for byte.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use remofile_protocol::wire::{
    Device, Element, Entry, Extra, Item, Kind, Links, OnConflict, Selection, SendOptions, Special, Timestamp,
};

#[test]
fn items_are_as_frozen_and_come_back() {
    let special = |special| Item::Special {
        path: "p".into(),
        special,
        modified: Some(Timestamp::new(5, 7)),
        mode: Some(0o644),
        rule: None,
    };
    let kept = Item::KeptLink { path: "l".into(), target: "/t".into(), rule: None };
    let hard = Item::HardLink { path: "h".into(), of: "f".into(), rule: Some(OnConflict::Replace) };
    for (item, bytes) in [
        (kept, &b"\x84\x18\x20\x61l\x62/t\xf6"[..]),
        (hard, b"\x84\x18\x21\x61h\x61f\x01"),
        (special(Special::Pipe), b"\x86\x18\x22\x61p\x83\x00\x00\x00\x82\x05\x07\x19\x01\xa4\xf6"),
        (special(Special::Socket), b"\x86\x18\x22\x61p\x83\x01\x00\x00\x82\x05\x07\x19\x01\xa4\xf6"),
        (
            special(Special::Character(Device { major: 1, minor: 3 })),
            b"\x86\x18\x22\x61p\x83\x02\x01\x03\x82\x05\x07\x19\x01\xa4\xf6",
        ),
        (
            special(Special::Block(Device { major: 8, minor: 256 })),
            b"\x86\x18\x22\x61p\x83\x03\x08\x19\x01\x00\x82\x05\x07\x19\x01\xa4\xf6",
        ),
    ] {
        assert_eq!(minicbor::to_vec(&item).unwrap(), bytes);
        assert_eq!(minicbor::decode::<Item>(bytes).unwrap(), item);
        let longer = [&[bytes[0] + 1], &bytes[1..], &[7]].concat();
        assert_eq!(minicbor::decode::<Item>(&longer).unwrap(), item, "what a later version adds is skipped");
    }
}

#[test]
fn elements_are_as_frozen_and_come_back() {
    let modified = Timestamp::new(5, 7);
    let entry = |kind| Entry { path: "/a".parse().unwrap(), kind, size: 3, modified, mode: None, unflushed: false };
    for (element, bytes) in [
        (
            Element::Extra(entry(Kind::File), Extra::Shared(*b"sixteen bytes in")),
            &b"\x83\x18\x20\xa4\x00\x62/a\x01\x00\x02\x03\x03\x82\x05\x07\x50sixteen bytes in"[..],
        ),
        (
            Element::Extra(entry(Kind::Special), Extra::Special(Special::Pipe)),
            b"\x83\x18\x21\xa4\x00\x62/a\x01\x03\x02\x03\x03\x82\x05\x07\x83\x00\x00\x00",
        ),
    ] {
        assert_eq!(minicbor::to_vec(&element).unwrap(), bytes);
        assert_eq!(minicbor::decode::<Element>(bytes).unwrap(), element);
    }
}

#[test]
fn options_that_are_not_asked_for_are_not_sent() {
    let send = |hard_links| minicbor::to_vec(SendOptions { hard_links, ..SendOptions::default() }).unwrap();
    assert_eq!(send(true).len(), send(false).len() + 3, "a key of two bytes, and a flag");
    let select = |devices| minicbor::to_vec(Selection { devices, ..Selection::default() }).unwrap();
    assert_eq!(select(true).len(), select(false).len() + 3, "a key of two bytes, and a flag");
    let kept = Selection { links: Links::Keep, devices: true, ..Selection::default() };
    assert_eq!(minicbor::decode::<Selection>(&minicbor::to_vec(&kept).unwrap()).unwrap(), kept);
}
