//! The knowledge of the answers of a service: whether there are any, and what its clock says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time for which a service may have no useful answer before that is told: services that are busy for a moment are usual.
const UNTOLD: Duration = Duration::from_secs(5);

/// The knowledge of the answers of a service.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    has_answered: AtomicBool,
    /// The time by its clock in its last answer, and the moment at which that came.
    clock: Mutex<Option<(i64, Instant)>>,
    /// The reason why it does not answer, from when that was told until it answers again.
    trouble: Mutex<Option<String>>,
    /// The time since its last useful answer, from the first request on that had none.
    useless: Mutex<Option<Useless>>,
}

/// A time in which a service answers, if at all, that it cannot.
#[derive(Debug)]
struct Useless {
    since: Instant,
    is_told: bool,
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

    /// Notes an answer, and whether it shows that a service is there: what stands in front of one may answer in its place.
    pub(crate) fn note_answer(&self, address: &str, is_of_service: bool) {
        if is_of_service {
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

    /// Notes that a request had no useful answer at a time. Returns true if that lasts and is to be told now.
    pub(crate) fn note_useless(&self, now: Instant) -> bool {
        let mut noted = self.lock_useless();
        let useless = noted.get_or_insert(Useless { since: now, is_told: false });
        let is_due = !useless.is_told && now.saturating_duration_since(useless.since) >= UNTOLD;
        // Silence is told otherwise, at once.
        let tells = is_due && self.trouble().is_none();
        useless.is_told |= tells;
        tells
    }

    /// Notes a useful answer. Returns true if it ends what was told.
    pub(crate) fn note_useful(&self) -> bool {
        self.lock_useless().take().is_some_and(|useless| useless.is_told)
    }

    fn lock_useless(&self) -> MutexGuard<'_, Option<Useless>> {
        self.useless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_stays_busy_is_told_of_once_until_it_answers() {
        let (answers, begin) = (Answers::default(), Instant::now());
        let told = |seconds| answers.note_useless(begin + Duration::from_secs(seconds));
        assert_eq!([0, 4, 5, 6, 60].map(told), [false, false, true, false, false]);
        assert!(answers.note_useful() && !answers.note_useful());
        assert_eq!([61, 65].map(told), [false, false], "it was busy for a moment");
        assert!(!answers.note_useful());
        assert_eq!([70, 80].map(told), [false, true]);
    }
}
