//! Workers: threads that run sessions, kept for some time after there was something to do.
//!
//! A session at work has a worker for itself. How many there are at once is decided by whoever gives them tasks.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Stack of a worker, in bytes. Nothing in it recurses.
const STACK: usize = 1024 * 1024;

/// The time for which a worker without a task is kept.
const KEPT_FOR: Duration = Duration::from_secs(1);

type Task = Box<dyn FnOnce() + Send>;

/// The workers of a server. Dropped, it waits until all of them have ended.
pub(super) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// Workers that wait for a task.
    idle: usize,
    /// Workers there are.
    threads: usize,
    is_ending: bool,
}

impl Workers {
    pub(super) fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Has a worker run a task, one that waits or a new one. A task that panics ends its worker alone.
    ///
    /// # Errors
    /// If there is no thread for it; the task is dropped then.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.idle > state.tasks.len() {
            state.tasks.push_back(Box::new(task));
            self.shared.changed.notify_one();
            return Ok(());
        }
        state.threads += 1;
        drop(state);
        let worker = Worker(Arc::clone(&self.shared));
        std::thread::Builder::new().name("session".to_owned()).stack_size(STACK).spawn(move || {
            // Declared first, so that it is counted as long as the task is not dropped.
            let worker = worker;
            task();
            worker.run();
        })?;
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_ending = true;
        self.shared.changed.notify_all();
        while state.threads > 0 {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No task runs under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One worker; it counts until it is dropped.
struct Worker(Arc<Shared>);

impl Worker {
    fn run(&self) {
        while let Some(task) = self.next_task() {
            task();
        }
    }

    /// The next task; `None` if none comes for long, or the workers end.
    fn next_task(&self) -> Option<Task> {
        let mut state = self.0.lock();
        state.idle += 1;
        let has_nothing = |state: &mut State| state.tasks.is_empty() && !state.is_ending;
        let waited = self.0.changed.wait_timeout_while(state, KEPT_FOR, has_nothing);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.tasks.pop_front()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a session panicked");
        }
        self.0.lock().threads -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_worker_that_waits_takes_the_next_task_and_a_panic_ends_one_worker_alone() {
        let workers = Workers::new();
        let (sender, receiver) = mpsc::channel();
        let own = sender.clone();
        workers.run(move || own.send(std::thread::current().id()).unwrap()).unwrap();
        let first = receiver.recv().unwrap();
        while workers.shared.lock().idle == 0 {
            std::thread::yield_now();
        }
        let own = sender.clone();
        workers
            .run(move || {
                own.send(std::thread::current().id()).unwrap();
                std::panic::resume_unwind(Box::new("a bug"));
            })
            .unwrap();
        assert_eq!(receiver.recv().unwrap(), first);
        workers.run(move || sender.send(std::thread::current().id()).unwrap()).unwrap();
        assert_ne!(receiver.recv().unwrap(), first);
        drop(workers);
    }

    #[test]
    fn tasks_run_at_the_same_time_and_the_end_waits_for_them() {
        let workers = Workers::new();
        let barrier = Arc::new(std::sync::Barrier::new(3));
        let ended = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let (barrier, ended) = (Arc::clone(&barrier), Arc::clone(&ended));
            workers
                .run(move || {
                    barrier.wait();
                    *ended.lock().unwrap() += 1;
                })
                .unwrap();
        }
        drop(workers);
        assert_eq!(*ended.lock().unwrap(), 3);
    }
}
