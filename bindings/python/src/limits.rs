//! The limits of calls.

use crate::call::PyInterrupt;
use remofile::{Error, Interrupt};
use std::time::{Duration, Instant};

/// The interval at which a call looks whether another one on the same client is over.
pub(crate) const TURN: Duration = Duration::from_millis(1);

/// The limits of one call.
#[derive(Clone)]
pub(crate) struct CallLimits {
    pub(crate) began: Instant,
    pub(crate) timeout: Option<Duration>,
    pub(crate) interrupt: Interrupt,
}

impl CallLimits {
    pub(crate) fn new(timeout: Option<u64>, interrupt: Option<&PyInterrupt>) -> Self {
        let interrupt = interrupt.map(|interrupt| interrupt.0.clone()).unwrap_or_default();
        Self { began: Instant::now(), timeout: timeout.map(Duration::from_millis), interrupt }
    }

    /// Returns the rest of the timeout.
    pub(crate) fn left(&self) -> Result<Option<Duration>, Error> {
        if self.interrupt.is_triggered() {
            return Err(Error::Interrupted);
        }
        match self.timeout {
            None => Ok(None),
            Some(timeout) => match timeout.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero()) {
                Some(left) => Ok(Some(left)),
                None => Err(Error::Timeout(timeout)),
            },
        }
    }
}
