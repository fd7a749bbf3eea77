//! Calls that wait for a service far away, many at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

/// Calls that are under way at once. Each has a thread, which does nothing but wait.
const AT_ONCE: usize = 32;

/// Calls a function with each of some things, many at once. Returns what it returns, in the order of the things.
pub(crate) fn side_by_side<T: Sync, R: Send>(things: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, MutexGuard};
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_the_things_and_calls_are_made_at_once() {
        let (under_way, changed) = (Mutex::new(0), Condvar::new());
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
        let results = side_by_side(&things, together);
        assert_eq!(results.iter().map(|(number, _)| *number).collect::<Vec<_>>(), things);
        assert!(results.iter().all(|(_, were_at_once)| *were_at_once));
        assert!(side_by_side(&[], |_: &u8| ()).is_empty());
    }
}
