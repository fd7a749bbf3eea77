//! Calls that wait for a service far away, many at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

/// Calls that are under way at once. Each has a thread, which does nothing but wait.
const AT_ONCE: usize = 32;

/// Threads of a process for such calls at most, beside those that called: with more, a service that is busy would be asked for more
/// than it can do.
const MOST_THREADS: usize = 256;

/// The threads of this process for such calls.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Calls a function with each of some things, many at once. Returns what it returns, in the order of the things.
pub(crate) fn side_by_side<T: Sync, R: Send>(things: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    call_each(&THREADS, things, call)
}

fn call_each<T: Sync, R: Send>(threads: &AtomicUsize, things: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(things.len())));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(number) else { return };
            let result = call(thing);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..things.len().min(AT_ONCE) {
            // Without another thread there are fewer calls at once.
            let Some(counted) = Counted::among(threads) else { break };
            let work = move || {
                let _counted = counted;
                work();
            };
            if Builder::new().name("side-by-side".to_owned()).spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// One of the threads, as long as it works.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// Counts one more, unless there are as many as there may be.
    fn among(threads: &'a AtomicUsize) -> Option<Self> {
        let counted = Self(threads);
        (threads.fetch_add(1, Ordering::Relaxed) < MOST_THREADS).then_some(counted)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, MutexGuard};
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_the_things_and_calls_are_made_at_once() {
        let (threads, under_way, changed) = (AtomicUsize::new(0), Mutex::new(0), Condvar::new());
        let things: Vec<usize> = (0..100).collect();
        let together = |number: &usize| {
            let mut count: MutexGuard<'_, usize> = under_way.lock().unwrap();
            *count += 1;
            changed.notify_all();
            // Each of the first waits until all of them are there.
            let (_held, waited) =
                changed.wait_timeout_while(count, Duration::from_secs(30), |count| *count < AT_ONCE).unwrap();
            (*number, !waited.timed_out())
        };
        let results = call_each(&threads, &things, together);
        assert_eq!(results.iter().map(|(number, _)| *number).collect::<Vec<_>>(), things);
        assert!(results.iter().all(|(_, were_at_once)| *were_at_once));
        assert_eq!(threads.into_inner(), 0);
        assert!(side_by_side(&[], |_: &u8| ()).is_empty());
    }

    #[test]
    fn there_are_no_more_threads_than_there_may_be_and_then_the_caller_makes_the_calls() {
        let threads = AtomicUsize::new(0);
        let mut counted: Vec<_> = std::iter::from_fn(|| Counted::among(&threads)).take(MOST_THREADS + 1).collect();
        assert_eq!((counted.len(), threads.load(Ordering::Relaxed)), (MOST_THREADS, MOST_THREADS));
        let own = std::thread::current().id();
        let made_by = |_: &u8| std::thread::current().id();
        assert_eq!(call_each(&threads, &[1, 2, 3], made_by), [own; 3]);
        drop(counted.pop());
        assert!(Counted::among(&threads).is_some());
    }
}
