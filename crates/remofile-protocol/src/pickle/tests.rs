//! Tests of what a stranger may try, and of values that must come back as they went.

use super::*;
use proptest::prelude::*;

const VALUES: usize = 1000;

/// A pickle of protocol 4 around these opcodes.
fn pickle(opcodes: &[&[u8]]) -> Vec<u8> {
    [&[0x80, 4], &*opcodes.concat(), b"."].concat()
}

fn refused(opcodes: &[&[u8]]) -> PickleError {
    read(&pickle(opcodes), VALUES).unwrap_err()
}

#[test]
fn no_other_name_is_taken() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "bytearray"),
        ("__builtin__", "__import__"),
        ("_codecs", "decode"),
        ("pathlib", "PureWindowsPath"),
        ("pathlib._local", "os.system"),
        ("pathlib.Path", "home"),
        ("remofile.protocol", "IntEnum"),
        ("remofile.protocol", "Request.LIST_FILES"),
        ("remofile", "protocol.Request"),
        ("copyreg", "_reconstructor"),
        ("", ""),
    ] {
        let global = format!("c{module}\n{name}\n");
        assert_eq!(refused(&[global.as_bytes(), b")R"]), PickleError::ForbiddenName, "{module}.{name}");
        let (module, name) = (text(module), text(name));
        assert_eq!(refused(&[&module, &name, b"\x93)R"]), PickleError::ForbiddenName);
    }
    assert_eq!(refused(&[b"cos\nsystem\n", &text("true"), b"\x85R"]), PickleError::ForbiddenName);
}

fn text(text: &str) -> Vec<u8> {
    let mut opcodes = vec![0x8c, u8::try_from(text.len()).unwrap()];
    opcodes.extend(text.as_bytes());
    opcodes
}

#[test]
fn allowed_names_are_called_in_one_way_only() {
    for call in [
        &b"cbuiltins\ngetattr\ncremofile.protocol\nRequest\n\x8c\x07__doc__\x86R"[..],
        b"cbuiltins\ngetattr\ncbuiltins\nbytes\n\x8c\x07fromhex\x86R",
        b"cbuiltins\ngetattr\n\x8c\x01a\x8c\x05upper\x86R",
        b"cbuiltins\ngetattr\ncremofile.protocol\nRequest\n\x8c\x0aLIST_FILES\x8c\x01a\x87R",
        b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R",
        b"c_codecs\nencode\n\x8c\x01a\x8c\x03hex\x86R",
        b"c_codecs\nencode\n\x8c\x03\xe2\x82\xac\x8c\x06latin1\x86R",
        b"c_codecs\nencode\n\x8c\x01a\x85R",
        b"cremofile.protocol\nRequest\nK\x00\x85R",
        b"cremofile.protocol\nRequest\nK\x0a\x85R",
        b"cremofile.protocol\nResponse\nK\x04\x85R",
        b"cremofile.protocol\nReason\nK\x12\x85R",
        b"cremofile.protocol\nReason\nJ\xff\xff\xff\xff\x85R",
        b"cremofile.protocol\nReason\n\x8c\x01a\x85R",
        b"cremofile.protocol\nReason\n)R",
        b"cpathlib\nPosixPath\nC\x01a\x85R",
        b"cpathlib\nPosixPath\nK\x01\x85R",
    ] {
        assert_eq!(refused(&[call]), PickleError::ForbiddenCall, "{call:?}");
    }
}

#[test]
fn what_is_no_callable_is_not_called() {
    for opcodes in [&b"K\x01)R"[..], b"cpathlib\nPath\nK\x01R", b"cpathlib\nPath\n}R", b")R", b"R", b"K\x01K\x02\x93"] {
        assert_eq!(refused(&[opcodes]), PickleError::Inconsistent, "{opcodes:?}");
    }
}

#[test]
fn every_opcode_without_use_is_unknown() {
    // Among them: persistent ids, the extension registry, instances, state, sets, lists, old protocols, buffers.
    let known = b"\x95.N\x88\x89JKM\x8aGX\x8c\x8dBC\x8e()t\x85\x86\x87}suc\x93R\x94qrhj";
    for opcode in (0..=u8::MAX).filter(|opcode| !known.contains(opcode)) {
        let error = refused(&[&[opcode], b"K\x01K\x01\n\n\n\n\n\n\n\n\n\n"]);
        assert_eq!(error, PickleError::UnknownOpcode(opcode));
    }
}

#[test]
fn other_protocols_are_not_read() {
    for bytes in [&b"\x80\x00N."[..], b"\x80\x01N.", b"\x80\x06N.", b"\x80\xffN.", b"N.", b"(dp0\n."] {
        assert_eq!(read(bytes, VALUES), Err(PickleError::UnknownProtocol));
    }
    assert_eq!(read(b"", VALUES), Err(PickleError::Truncated));
}

#[test]
fn lengths_that_lie_reserve_nothing() {
    for opcodes in [
        &b"X\xff\xff\xff\xffa"[..],
        b"B\xff\xff\xff\xffa",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fa",
        b"\x8c\xffa",
        b"C\xffa",
        b"\x8a\xffa",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xffN",
        b"\x95\x03\x00\x00\x00\x00\x00\x00\x00N",
        b"cos",
        b"cos\nsystem",
    ] {
        assert_eq!(refused(&[opcodes]), PickleError::Truncated, "{opcodes:?}");
    }
}

#[test]
fn nothing_is_taken_from_below_a_mark_or_an_empty_stack() {
    for opcodes in [
        &b""[..],
        b"NN",
        b"(",
        b"N(",
        b"\x85",
        b"N\x86",
        b"NN(\x85",
        b"t",
        b"N(\x94t",
        b"s",
        b"u",
        b"}(u(",
        b"}u",
        b"}(Nu",
        b"}(NNu",
        b"})Ns",
        b"NK\x01s",
        b"}(\x8c\x01aNs",
        b"\x94",
        b"}N(u",
    ] {
        assert_eq!(refused(&[opcodes]), PickleError::Inconsistent, "{opcodes:?}");
    }
}

#[test]
fn nothing_can_contain_itself() {
    // d = {}; d['a'] = d
    assert_eq!(refused(&[b"}\x94\x8c\x01ah\x00s"]), PickleError::BadReference);
    // d = {}; t = (d,); d['a'] = t
    assert_eq!(refused(&[b"}q\x00\x8c\x01ah\x00\x85s"]), PickleError::BadReference);
}

#[test]
fn references_lead_to_what_was_stored_without_gaps() {
    for opcodes in [&b"h\x00"[..], b"j\xff\xff\xff\xff", b"Nq\x01", b"Nr\xff\xff\xff\xff", b"N\x94h\x01"] {
        assert_eq!(refused(&[opcodes]), PickleError::BadReference, "{opcodes:?}");
    }
    let value = Value::tuple([Value::Int(1), Value::Int(1)]);
    for opcodes in
        [&b"K\x01\x94h\x00\x86"[..], b"K\x01r\0\0\0\0j\0\0\0\0\x86", b"NN\x94q\x00\x86\x94K\x01q\x00h\x00\x86\x86"]
    {
        let bytes = pickle(&[opcodes]);
        let Ok(Value::Tuple(items)) = read(&bytes, VALUES) else { panic!("{opcodes:?}") };
        assert!(items.contains(&Value::Int(1)) || items.contains(&value), "{items:?}");
    }
}

#[test]
fn nesting_ends_at_its_limit() {
    let nested = |levels: usize| pickle(&[b"N", &vec![0x85; levels]]);
    assert_eq!(read(&nested(MAX_DEPTH), VALUES).unwrap().depth(), MAX_DEPTH);
    assert_eq!(read(&nested(MAX_DEPTH + 1), VALUES), Err(PickleError::TooDeep));
    assert_eq!(read(&nested(1_000_000), 2_000_000), Err(PickleError::TooDeep));
    let dictionaries = [b"}\x8c\x01a".repeat(MAX_DEPTH), b"N".to_vec(), b"s".repeat(MAX_DEPTH)].concat();
    assert_eq!(read(&pickle(&[&dictionaries]), VALUES).unwrap().depth(), MAX_DEPTH);
    assert_eq!(refused(&[b"}\x8c\x01a", &dictionaries, b"s"]), PickleError::TooDeep);
}

#[test]
fn a_billion_laughs_are_too_many() {
    // Ten references to the last tuple, six levels deep: a million values in two hundred bytes.
    let mut opcodes = b"N\x94".to_vec();
    for level in 0..6 {
        opcodes.push(b'(');
        opcodes.extend([b'h', level].repeat(10));
        opcodes.extend(b"t\x94");
    }
    assert_eq!(read(&pickle(&[&opcodes]), 100_000), Err(PickleError::TooLarge));
}

#[test]
fn a_text_cannot_be_repeated_beyond_the_input_and_a_constant() {
    let name = "n".repeat(10_000);
    let path = |references: usize| {
        let length = u32::try_from(name.len()).unwrap().to_le_bytes();
        let parts = b"h\x00".repeat(references);
        pickle(&[b"cpathlib\nPath\n(X", &length, name.as_bytes(), b"\x94", &parts, b"tR"])
    };
    let Value::Path(joined) = read(&path(5), VALUES).unwrap() else { panic!("no path") };
    assert_eq!(*joined, *[&*name; 6].join("/"));
    assert_eq!(read(&path(50), VALUES), Err(PickleError::TooLarge));
}

#[test]
fn no_more_values_are_read_than_admitted() {
    for opcode in [b"N", b"(", b")", b"}"] {
        assert_eq!(read(&pickle(&[&opcode.repeat(VALUES + 1)]), VALUES), Err(PickleError::TooLarge));
    }
    assert_eq!(refused(&[b"N", &b"\x94".repeat(VALUES)]), PickleError::TooLarge);
    assert_eq!(refused(&[b"N\x94", &b"h\x00".repeat(VALUES)]), PickleError::TooLarge);
}

#[test]
fn texts_are_unicode_and_numbers_have_64_bits() {
    assert_eq!(refused(&[b"\x8c\x03\xed\xb2\x80"]), PickleError::NotUnicode);
    assert_eq!(refused(&[b"X\x01\0\0\0\xff"]), PickleError::NotUnicode);
    assert_eq!(refused(&[b"c\xff\n\n"]), PickleError::NotUnicode);
    assert_eq!(refused(&[b"\x8a\x09\0\0\0\0\0\0\0\x80\0"]), PickleError::IntegerTooLarge);
    for (opcodes, number) in [
        (&b"\x8a\x00"[..], 0),
        (b"\x8a\x01\xff", -1),
        (b"\x8a\x02\xff\x00", 255),
        (b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", i64::MAX),
        (b"\x8a\x08\0\0\0\0\0\0\0\x80", i64::MIN),
        (b"J\xfe\xff\xff\xff", -2),
        (b"M\xff\xff", 65_535),
    ] {
        assert_eq!(read(&pickle(&[opcodes]), VALUES), Ok(Value::Int(number)), "{opcodes:?}");
    }
}

#[test]
fn the_names_of_members_are_those_of_their_numbers() {
    for enumeration in [Enumeration::Request, Enumeration::Response, Enumeration::Reason] {
        for (number, name) in (1..).zip(enumeration.members()) {
            let class = format!("cremofile.protocol\n{}\n", enumeration.name());
            let member = Ok(Value::Member(enumeration, number));
            let by_number = pickle(&[class.as_bytes(), &[b'K', number], b"\x85R"]);
            let by_name = pickle(&[b"c__builtin__\ngetattr\n", class.as_bytes(), &text(name), b"\x86R"]);
            assert_eq!(read(&by_number, VALUES), member);
            assert_eq!(read(&by_name, VALUES), member);
        }
    }
}

fn leaf() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-70_000_i64..70_000).prop_map(Value::Int),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Value::Float),
        prop::sample::select(vec!["", "a", "été", "\u{10ffff}\0"]).prop_map(Value::Text),
        prop::sample::select(vec![&b""[..], b"a", &[0xff; 255], &[0; 256]]).prop_map(Value::Bytes),
        (1_u8..=17).prop_map(|number| Value::Member(Enumeration::Reason, number)),
        "[/a.]{0,8}".prop_map(|path| Value::Path(path.into())),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    leaf().prop_recursive(4, 64, 8, |inner| {
        let key = prop::sample::select(vec!["", "a", "b"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::tuple),
            prop::collection::vec((key, inner), 0..4).prop_map(Value::Dictionary),
        ]
    })
}

proptest! {
    #[test]
    fn values_come_back_as_they_went(value in value()) {
        let bytes = write(&value);
        prop_assert_eq!(read(&bytes, VALUES), Ok(value));
    }

    #[test]
    fn random_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _either = read(&[&[0x80, 4], &*bytes].concat(), VALUES);
    }

    #[test]
    fn random_opcodes_are_refused_without_harm(
        opcodes in prop::collection::vec(
            prop::sample::select(vec![
                &b"N"[..], b"K\x01", b"(", b")", b"}", b"t", b"\x85", b"\x86", b"\x87", b"s", b"u", b"R", b"\x93", b"\x94",
                b"h\x00", b"h\x01", b"q\x00", b"\x8c\x01a", b"\x8c\x07pathlib", b"\x8c\x04Path", b"C\x01a",
                b"cpathlib\nPath\n", b"cremofile.protocol\nReason\n",
            ]),
            0..64,
        ),
    ) {
        let bytes = pickle(&[&opcodes.concat()]);
        if let Ok(value) = read(&bytes, VALUES) {
            prop_assert!(value.depth() <= MAX_DEPTH);
            let again = write(&value);
            prop_assert_eq!(read(&again, usize::MAX), Ok(value));
        }
    }
}
