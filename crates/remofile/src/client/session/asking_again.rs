//! Asking again: servers of protocol 1 let no request wait, so this side asks again as long as the caller wants to wait.

use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::{OnWaiting, Wait};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use std::time::Duration;

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a call, again while somebody else is in its way and the wait is not over. Who that is `tell` learns once.
///
/// # Errors
/// That of the last attempt, or what ended a pause.
pub(crate) fn while_busy<T>(context: &CallContext, tell: &OnWaiting, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let waited = Deadline::after(match context.wait {
        Wait::No => Some(Duration::ZERO),
        Wait::For(wait) => Some(wait),
        Wait::Forever => None,
    });
    let mut tell = Some(tell.clone());
    loop {
        match call() {
            Err(Error::Busy(holders)) if waited.left().is_none_or(|left| !left.is_zero()) => {
                if let Some(mut tell) = tell.take() {
                    tell.report(Event::Waiting { holders: &holders });
                }
                context.sleep(waited.left().map_or(PAUSE, |left| left.min(PAUSE)))?;
            }
            result => return result,
        }
    }
}
