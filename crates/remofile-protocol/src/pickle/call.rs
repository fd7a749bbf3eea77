//! The calls that a pickle may make, and the values that they give.

use super::names::{Callable, Enumeration};
use super::{PickleError, Value};
use std::rc::Rc;

impl Enumeration {
    fn by_number<'a>(self, number: i64) -> Result<Value<'a>, PickleError> {
        let number = u8::try_from(number).map_err(|_| PickleError::ForbiddenCall)?;
        let known = (1..=self.members().len()).contains(&usize::from(number));
        if known { Ok(Value::Member(self, number)) } else { Err(PickleError::ForbiddenCall) }
    }

    fn by_name<'a>(self, name: &str) -> Result<Value<'a>, PickleError> {
        let number = (1..).zip(self.members()).find(|(_, member)| **member == name);
        number.map(|(number, _)| Value::Member(self, number)).ok_or(PickleError::ForbiddenCall)
    }
}

impl Callable {
    /// Returns the callable that a module and a name in it stand for.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, PickleError> {
        match (module, name) {
            (Enumeration::MODULE, "Request") => Ok(Self::Enumeration(Enumeration::Request)),
            (Enumeration::MODULE, "Response") => Ok(Self::Enumeration(Enumeration::Response)),
            (Enumeration::MODULE, "Reason") => Ok(Self::Enumeration(Enumeration::Reason)),
            // Protocol 2 writes the names that Python 2 used.
            ("builtins" | "__builtin__", "getattr") => Ok(Self::Attribute),
            ("builtins" | "__builtin__", "bytes") => Ok(Self::EmptyBytes),
            ("_codecs", "encode") => Ok(Self::Encode),
            // Python 3.13 names the module where the classes are defined.
            ("pathlib" | "pathlib._local", "PurePath" | "PurePosixPath" | "Path" | "PosixPath") => Ok(Self::Path),
            _ => Err(PickleError::ForbiddenName),
        }
    }

    /// The value that Python would get by calling it.
    pub(super) fn call<'a>(self, arguments: &[Value<'a>]) -> Result<Value<'a>, PickleError> {
        match (self, arguments) {
            (Self::Enumeration(enumeration), [Value::Int(number)]) => enumeration.by_number(*number),
            (Self::Attribute, [Value::Callable(Self::Enumeration(enumeration)), Value::Text(name)]) => {
                enumeration.by_name(name)
            }
            (Self::EmptyBytes, []) => Ok(Value::Bytes(&[])),
            (Self::Encode, [Value::Text(text), Value::Text("latin1")]) if text.chars().all(|c| c <= '\u{ff}') => {
                Ok(Value::Latin1(text))
            }
            (Self::Path, parts) => join(parts).map(|path| Value::Path(Rc::from(path))),
            _ => Err(PickleError::ForbiddenCall),
        }
    }
}

/// Joins the parts of a path: one that begins with a slash starts anew.
fn join(parts: &[Value<'_>]) -> Result<String, PickleError> {
    let mut path = String::new();
    for part in parts {
        let Value::Text(part) = part else {
            return Err(PickleError::ForbiddenCall);
        };
        if part.starts_with('/') {
            path.clear();
        } else if !path.is_empty() && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(part);
    }
    Ok(path)
}
