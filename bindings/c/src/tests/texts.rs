use crate::texts::copy_text;
use std::ffi::c_char;

fn copied<const N: usize>(text: &str) -> Vec<u8> {
    let mut room = [0x7F as c_char; N];
    copy_text(&mut room, text);
    room.iter().map(|byte| byte.to_ne_bytes()[0]).collect()
}

#[test]
fn a_text_that_is_too_long_is_cut_between_two_characters() {
    assert_eq!(copied::<4>("abcdef"), b"abc\0");
    assert_eq!(copied::<4>("ab\u{e9}f")[..3], *b"ab\0");
    assert_eq!(copied::<1>("abc"), b"\0");
    assert_eq!(copied::<4>("a\0b")[..2], *b"a\0");
}
