//! From a [`Value`] to bytes.

use super::names::Callable;
use super::{Enumeration, Value, opcode as op};

/// The pickle protocol of what is written here.
const PROTOCOL: u8 = 4;

/// Room for the opcodes around a chunk, so that its pickle is made in one piece of memory.
const OVERHEAD_BYTES: usize = 128;

/// The value as a pickle of protocol 4, without frames and without references: both are optional.
///
/// A value that is nested deeper than [`super::MAX_DEPTH`] could not be read back. A path is written
/// as a `PurePosixPath`.
#[must_use]
pub fn write(value: &Value<'_>) -> Vec<u8> {
    let mut pickle = Vec::with_capacity(bytes_within(value).saturating_add(OVERHEAD_BYTES));
    pickle.extend([op::PROTO, PROTOCOL]);
    append(&mut pickle, value);
    pickle.push(op::STOP);
    pickle
}

/// The bytes of the byte strings directly in a message.
fn bytes_within(message: &Value<'_>) -> usize {
    let Value::Tuple(items) = message else { return 0 };
    items.iter().map(|item| if let Value::Bytes(bytes) = item { bytes.len() } else { 0 }).sum()
}

fn append(pickle: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::None => pickle.push(op::NONE),
        Value::Bool(true) => pickle.push(op::NEWTRUE),
        Value::Bool(false) => pickle.push(op::NEWFALSE),
        Value::Int(number) => append_integer(pickle, *number),
        Value::Float(number) => {
            pickle.push(op::BINFLOAT);
            pickle.extend(number.to_be_bytes());
        }
        Value::Text(text) => append_text(pickle, text),
        Value::Bytes(bytes) => append_bytes(pickle, bytes),
        Value::Latin1(_) => append_bytes(pickle, &value.to_bytes().unwrap_or_default()),
        Value::Tuple(items) => append_tuple(pickle, items),
        Value::Dictionary(entries) => append_dictionary(pickle, entries),
        Value::Member(enumeration, number) => append_member(pickle, *enumeration, *number),
        Value::Path(path) => append_path(pickle, path),
        Value::Callable(callable) => append_callable(pickle, *callable),
    }
}

fn append_integer(pickle: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = u8::try_from(number) {
        pickle.extend([op::BININT1, byte]);
    } else if let Ok(number) = i32::try_from(number) {
        pickle.push(op::BININT);
        pickle.extend(number.to_le_bytes());
    } else {
        pickle.extend([op::LONG1, 8]);
        pickle.extend(number.to_le_bytes());
    }
}

fn append_text(pickle: &mut Vec<u8>, text: &str) {
    append_counted(pickle, [op::SHORT_BINUNICODE, op::BINUNICODE8], text.as_bytes());
}

fn append_bytes(pickle: &mut Vec<u8>, bytes: &[u8]) {
    append_counted(pickle, [op::SHORT_BINBYTES, op::BINBYTES8], bytes);
}

/// Bytes behind their length, which is one byte after the first opcode and eight after the second.
fn append_counted(pickle: &mut Vec<u8>, [short, long]: [u8; 2], bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        pickle.extend([short, length]);
    } else {
        pickle.push(long);
        pickle.extend((bytes.len() as u64).to_le_bytes());
    }
    pickle.extend_from_slice(bytes);
}

fn append_tuple(pickle: &mut Vec<u8>, items: &[Value<'_>]) {
    let closing = match items.len() {
        0 => op::EMPTY_TUPLE,
        1 => op::TUPLE1,
        2 => op::TUPLE2,
        3 => op::TUPLE3,
        _ => {
            pickle.push(op::MARK);
            op::TUPLE
        }
    };
    for item in items {
        append(pickle, item);
    }
    pickle.push(closing);
}

fn append_dictionary(pickle: &mut Vec<u8>, entries: &[(&str, Value<'_>)]) {
    pickle.extend([op::EMPTY_DICT, op::MARK]);
    for (key, value) in entries {
        append_text(pickle, key);
        append(pickle, value);
    }
    pickle.push(op::SETITEMS);
}

fn append_member(pickle: &mut Vec<u8>, enumeration: Enumeration, number: u8) {
    append_callable(pickle, Callable::Enumeration(enumeration));
    pickle.extend([op::BININT1, number, op::TUPLE1, op::REDUCE]);
}

fn append_path(pickle: &mut Vec<u8>, path: &str) {
    append_callable(pickle, Callable::Path);
    append_text(pickle, path);
    pickle.extend([op::TUPLE1, op::REDUCE]);
}

fn append_callable(pickle: &mut Vec<u8>, callable: Callable) {
    let (module, name) = callable.python_name();
    append_text(pickle, module);
    append_text(pickle, name);
    pickle.push(op::STACK_GLOBAL);
}
