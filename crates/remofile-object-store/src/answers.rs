//! The knowledge of the answers of a service: whether there are any, and what its clock says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The knowledge of the answers of a service.
#[derive(Default)]
pub(crate) struct Answers {
    has_answered: AtomicBool,
    /// The time by its clock in its last answer, and the moment at which that came.
    clock: Mutex<Option<(i64, Instant)>>,
    /// The reason why it does not answer, from when that was told until it answers again.
    trouble: Mutex<Option<String>>,
}

impl Answers {
    /// Returns a time that the clock of the service has passed; `None` if it never told one.
    pub(crate) fn service_seconds(&self) -> Option<i64> {
        let (told, at) = (*self.clock.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(told.saturating_add(i64::try_from(at.elapsed().as_secs()).unwrap_or(i64::MAX)))
    }

    /// Returns why the service does not answer.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock_trouble().clone()
    }

    pub(crate) fn note_clock(&self, date: Option<&str>) {
        let told = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        if let Some(told) = told {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((told.as_second(), Instant::now()));
        }
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// Notes an answer: one that is worth another attempt does not show that the service is the one that was meant.
    pub(crate) fn note_answer(&self, address: &str, is_useful: bool) {
        if is_useful {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        if self.lock_trouble().take().is_some() {
            tracing::info!(address, "the object store answers again");
        }
    }

    /// Tells once that the service does not answer, however many requests wait for it.
    pub(crate) fn note_trouble(&self, address: &str, error: String, patience: Duration) {
        let mut trouble = self.lock_trouble();
        if trouble.is_none() {
            let seconds = patience.as_secs();
            tracing::warn!(address, error, "the object store does not answer: it is asked again for {seconds} s");
        }
        *trouble = Some(error);
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
