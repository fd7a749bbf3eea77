//! The progress of a transfer: lines at the bottom of the terminal of standard error, or a line now and then where
//! there is none.

mod layout;
#[cfg(test)]
mod pictures;
mod progress;
mod rate;

use super::count::Count;
use crate::output::animation::Animation;
use crate::output::screen;
use progress::Progress;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time before anything is drawn: what is over by then needs no bar.
const AT_FIRST: Duration = Duration::from_millis(100);

/// Shows how far a transfer is, until it is dropped.
pub(super) struct Bar {
    progress: Arc<Mutex<Progress>>,
    /// True if somebody watches, or lines were written for who reads them later.
    is_seen: Arc<AtomicBool>,
    /// `None` where no thread could be had for it: the transfer is worth more.
    _animation: Option<Animation>,
}

impl Bar {
    pub(super) fn begin() -> Self {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let is_seen = Arc::new(AtomicBool::new(std::io::stderr().is_terminal()));
        let (shown, seen) = (progress.clone(), is_seen.clone());
        let animation = match screen::can_draw() {
            true => Animation::on_terminal(AT_FIRST, move |now, size| layout::block(&mut lock(&shown), now, size)),
            false => Animation::in_lines(move |now| {
                seen.store(true, Ordering::Relaxed);
                format!("remofile: {}", layout::line(&mut lock(&shown), now))
            }),
        };
        Self { progress, is_seen, _animation: animation.ok() }
    }

    /// Ends it. Reports whether there was somebody to see it.
    pub(super) fn finish(self) -> bool {
        self.is_seen.load(Ordering::Relaxed)
    }

    /// Takes over what was counted; `now` is the time since the beginning.
    pub(super) fn update(&self, count: &Count, now: Duration) {
        lock(&self.progress).update(count, now);
    }

    /// Others are waited for.
    pub(super) fn wait(&self, now: Duration) {
        lock(&self.progress).wait(now);
    }

    /// Notes that the transfer is tried again after a pause.
    pub(super) fn pause(&self, now: Duration, pause: Duration) {
        lock(&self.progress).pause(now, pause);
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
