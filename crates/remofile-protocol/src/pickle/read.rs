//! From bytes to a [`Value`]: a machine with a stack and a memo, which can only build values.

use super::names::Callable;
use super::{MAX_DEPTH, PickleError, Value, opcode as op};

/// Bytes of text that references may repeat beyond the length of the input: Python writes a directory
/// such as `/name/name/name` with one name and references to it.
const REPEATED_BYTES: usize = 64 * 1024;

/// Reads a pickle that holds one value and nothing else.
///
/// `max_values` bounds what may ever be on the stack, in the memo and behind references, in values of
/// 24 bytes; texts and bytes are not copied. A list or an object of any class but the few that
/// messages hold is an error.
///
/// # Errors
/// [`PickleError`] if it is no such pickle, or holds more than `max_values`.
pub fn read(bytes: &[u8], max_values: usize) -> Result<Value<'_>, PickleError> {
    Machine::new(bytes, max_values).run()
}

/// Reads a pickle as far as it can be read, and returns the first value in it: of a tuple that holds something else than what is
/// read, its first element. `max_values` is as for [`read`].
#[must_use]
pub fn beginning(bytes: &[u8], max_values: usize) -> Option<Value<'_>> {
    let mut machine = Machine::new(bytes, max_values);
    match machine.run() {
        Ok(_) => None,
        Err(_) => machine.stack.into_iter().next(),
    }
}

struct Machine<'a> {
    input: Input<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack: no opcode reaches below the last one.
    marks: Vec<usize>,
    /// `None` stands for a dictionary, which may not be referred to: so nothing can contain itself.
    memo: Vec<Option<Value<'a>>>,
    budget: Budget,
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8], max_values: usize) -> Self {
        let repeated_bytes = bytes.len().saturating_add(REPEATED_BYTES);
        Self {
            input: Input(bytes),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            budget: Budget { values: max_values, repeated_bytes },
        }
    }

    fn run(&mut self) -> Result<Value<'a>, PickleError> {
        if self.input.byte()? != op::PROTO || !(2..=5).contains(&self.input.byte()?) {
            return Err(PickleError::UnknownProtocol);
        }
        loop {
            match self.input.byte()? {
                op::STOP => return self.finish(),
                opcode => self.step(opcode)?,
            }
        }
    }

    fn finish(&mut self) -> Result<Value<'a>, PickleError> {
        if !self.input.0.is_empty() {
            return Err(PickleError::TrailingBytes);
        }
        let value = self.pop()?;
        if self.stack.is_empty() && self.marks.is_empty() { Ok(value) } else { Err(PickleError::Inconsistent) }
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            op::FRAME => self.frame(),
            op::MARK => self.mark(),
            op::EMPTY_TUPLE => self.push(Value::tuple([])),
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::TUPLE => {
                let count = self.unmark()?;
                self.tuple(count)
            }
            op::EMPTY_DICT => self.push(Value::Dictionary(Vec::new())),
            op::SETITEM => self.set_items(2),
            op::SETITEMS => {
                let count = self.unmark()?;
                self.set_items(count)
            }
            op::GLOBAL => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.push(Value::Callable(Callable::find(module, name)?))
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::REDUCE => self.reduce(),
            op::MEMOIZE => self.store(self.memo.len()),
            op::BINPUT => self.input.number::<1>().and_then(|index| self.store(index)),
            op::LONG_BINPUT => self.input.number::<4>().and_then(|index| self.store(index)),
            op::BINGET => self.input.number::<1>().and_then(|index| self.recall(index)),
            op::LONG_BINGET => self.input.number::<4>().and_then(|index| self.recall(index)),
            _ => {
                let value = self.input.leaf(opcode)?;
                self.push(value)
            }
        }
    }

    /// Frames tell how much to fetch at once; here everything has been fetched.
    fn frame(&mut self) -> Result<(), PickleError> {
        let length = self.input.number::<8>()?;
        if length > self.input.0.len() { Err(PickleError::Truncated) } else { Ok(()) }
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        self.budget.take_values(1)?;
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        if self.above_mark() == 0 {
            return Err(PickleError::Inconsistent);
        }
        self.stack.pop().ok_or(PickleError::Inconsistent)
    }

    fn mark(&mut self) -> Result<(), PickleError> {
        self.budget.take_values(1)?;
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Drops the last mark; tells how many values are above it.
    fn unmark(&mut self) -> Result<usize, PickleError> {
        let count = self.above_mark();
        self.marks.pop().map(|_| count).ok_or(PickleError::Inconsistent)
    }

    fn above_mark(&self) -> usize {
        self.stack.len().saturating_sub(self.marks.last().copied().unwrap_or(0))
    }

    /// Returns the index of the first of the last `count` values, if there are as many and none is too deep for a
    /// container.
    fn last(&self, count: usize) -> Result<usize, PickleError> {
        if count > self.above_mark() {
            return Err(PickleError::Inconsistent);
        }
        let start = self.stack.len() - count;
        if self.stack.iter().skip(start).any(|value| value.depth() >= MAX_DEPTH) {
            return Err(PickleError::TooDeep);
        }
        Ok(start)
    }

    fn tuple(&mut self, count: usize) -> Result<(), PickleError> {
        let start = self.last(count)?;
        let tuple = Value::tuple(self.stack.drain(start..));
        self.push(tuple)
    }

    fn set_items(&mut self, count: usize) -> Result<(), PickleError> {
        let start = self.last(count)?;
        // The dictionary must not be below the mark of something else.
        if !count.is_multiple_of(2) || self.above_mark() == count {
            return Err(PickleError::Inconsistent);
        }
        let (below, items) = self.stack.split_at_mut(start);
        let Some(Value::Dictionary(entries)) = below.last_mut() else {
            return Err(PickleError::Inconsistent);
        };
        for item in items.chunks_exact_mut(2) {
            let [Value::Text(key), value] = item else {
                return Err(PickleError::Inconsistent);
            };
            entries.push((*key, std::mem::replace(value, Value::None)));
        }
        self.stack.truncate(start);
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), PickleError> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (module, name) {
            (Value::Text(module), Value::Text(name)) => self.push(Value::Callable(Callable::find(module, name)?)),
            _ => Err(PickleError::Inconsistent),
        }
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        match (callable, arguments) {
            (Value::Callable(callable), Value::Tuple(arguments)) => self.push(callable.call(&arguments)?),
            _ => Err(PickleError::Inconsistent),
        }
    }

    /// Python numbers what it stores from 0 on, without gaps.
    fn store(&mut self, index: usize) -> Result<(), PickleError> {
        if self.above_mark() == 0 {
            return Err(PickleError::Inconsistent);
        }
        let value = self.stack.last().filter(|value| !matches!(value, Value::Dictionary(_))).cloned();
        if index == self.memo.len() {
            self.budget.take_values(1)?;
            self.memo.push(value);
        } else {
            *self.memo.get_mut(index).ok_or(PickleError::BadReference)? = value;
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), PickleError> {
        let Some(Some(value)) = self.memo.get(index) else {
            return Err(PickleError::BadReference);
        };
        let value = value.clone();
        self.budget.take_repeated(&value)?;
        self.stack.push(value);
        Ok(())
    }
}

/// The budget of what the rest of the pickle may still hold.
struct Budget {
    values: usize,
    /// Bytes of texts that references may repeat.
    repeated_bytes: usize,
}

impl Budget {
    fn take_values(&mut self, count: usize) -> Result<(), PickleError> {
        self.values = self.values.checked_sub(count).ok_or(PickleError::TooLarge)?;
        Ok(())
    }

    /// Takes what the value would need if it were written out: a reference of two bytes could stand for
    /// megabytes, and a few dozen of them, one within the other, for more than any memory holds.
    fn take_repeated(&mut self, value: &Value<'_>) -> Result<(), PickleError> {
        self.take_values(1)?;
        let length = match value {
            Value::Tuple(items) => return items.iter().try_for_each(|item| self.take_repeated(item)),
            Value::Dictionary(entries) => {
                return entries.iter().try_for_each(|(key, value)| {
                    self.take_repeated(&Value::Text(key))?;
                    self.take_repeated(value)
                });
            }
            Value::Text(text) | Value::Latin1(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Path(path) => path.len(),
            _ => 0,
        };
        self.repeated_bytes = self.repeated_bytes.checked_sub(length).ok_or(PickleError::TooLarge)?;
        Ok(())
    }
}

/// The bytes that were not read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn leaf(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        Ok(match opcode {
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i32::from_le_bytes(self.array()?).into()),
            op::BININT1 => Value::Int(self.byte()?.into()),
            op::BININT2 => Value::Int(u16::from_le_bytes(self.array()?).into()),
            op::LONG1 => Value::Int(self.long()?),
            op::BINFLOAT => Value::Float(f64::from_be_bytes(self.array()?)),
            op::SHORT_BINUNICODE => Value::Text(self.text::<1>()?),
            op::BINUNICODE => Value::Text(self.text::<4>()?),
            op::BINUNICODE8 => Value::Text(self.text::<8>()?),
            op::SHORT_BINBYTES => Value::Bytes(self.counted::<1>()?),
            op::BINBYTES => Value::Bytes(self.counted::<4>()?),
            op::BINBYTES8 => Value::Bytes(self.counted::<8>()?),
            unknown => return Err(PickleError::UnknownOpcode(unknown)),
        })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(PickleError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(PickleError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A length or an index of `N` bytes, at most 8, the lowest first. One that this machine cannot
    /// address is beyond the end of any input.
    fn number<const N: usize>(&mut self) -> Result<usize, PickleError> {
        let number = self.array::<N>()?.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        usize::try_from(number).map_err(|_| PickleError::Truncated)
    }

    /// Bytes behind their length.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let length = self.number::<N>()?;
        self.take(length)
    }

    fn text<const N: usize>(&mut self) -> Result<&'a str, PickleError> {
        std::str::from_utf8(self.counted::<N>()?).map_err(|_| PickleError::NotUnicode)
    }

    /// A number in two's complement behind its length in bytes, the lowest byte first.
    fn long(&mut self) -> Result<i64, PickleError> {
        let bytes = self.counted::<1>()?;
        let sign = if bytes.last().is_some_and(|highest| highest & 0x80 != 0) { 0xff } else { 0 };
        let mut number = [sign; 8];
        number.get_mut(..bytes.len()).ok_or(PickleError::IntegerTooLarge)?.copy_from_slice(bytes);
        Ok(i64::from_le_bytes(number))
    }

    /// A text that ends with a line feed, without it.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let end = self.0.iter().position(|&byte| byte == b'\n').ok_or(PickleError::Truncated)?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::NotUnicode)
    }
}
