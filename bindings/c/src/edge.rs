//! The edge: what comes of a call, as C gets it. No panic crosses it.

use crate::codes::{self, Own};
use crate::fault::Fault;
use crate::pointers::Out;
use crate::texts::copy_text;
use crate::types::ErrorDetails;
use remofile::Error;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Makes a call: returns its code, and fills in the details of an error where C asks for them.
pub(crate) fn call(error: Out<'_, ErrorDetails>, body: impl FnOnce() -> Result<(), Fault>) -> c_int {
    let mut details = match error.optional() {
        Ok(details) => details,
        // There is nowhere to tell it but the code.
        Err(fault) => return fault.code(),
    };
    let made = catch_unwind(AssertUnwindSafe(body));
    let result = made.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<&str>().copied();
        let why = why.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic");
        let fault = Fault::wrong(Own::Panic, format!("an error of Remofile itself, please report it: {why}"));
        // Whatever its drop does must not cross the edge either.
        std::mem::forget(panic);
        Err(fault)
    });
    let Err(fault) = result else {
        if let Some(details) = &mut details {
            details.code = 0;
        }
        return 0;
    };
    if let Some(details) = &mut details {
        fill(details, &fault);
    }
    fault.code()
}

fn fill(details: &mut ErrorDetails, fault: &Fault) {
    let (os_error, is_remote, path) = match fault {
        Fault::Library(error) => (codes::os_error_of(error), is_remote(error), error.path()),
        Fault::Wrong(..) => (0, false, None),
    };
    details.code = fault.code();
    details.os_error = os_error;
    details.is_remote = is_remote.into();
    copy_text(&mut details.name, codes::describe(fault.code()).map_or("", |(name, _)| name));
    copy_text(&mut details.message, &fault.to_string());
    copy_text(&mut details.path, path.unwrap_or_default());
}

fn is_remote(error: &Error) -> bool {
    matches!(error, Error::Remote(_) | Error::Busy(_) | Error::Refused(_))
}
