//! The thread that follows a tokens file.

use super::file::TokensFileError;
use super::follow::TokensFollower;
use super::shared::LiveTokens;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two looks at the file. A change is taken at the fifth look that finds it, so within half a second.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// Pause between two times at which it is written down what use is made of the tokens.
const WRITE_AFTER: Duration = Duration::from_secs(5);

/// A thread that follows a tokens file: its changes are in force within a second. It ends when this is dropped.
#[derive(Debug)]
pub struct TokensWatch {
    tokens: LiveTokens,
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    asked: Mutex<WatchSignals>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WatchSignals {
    reload: bool,
    end: bool,
}

impl TokensWatch {
    /// Begins to follow. What is wrong with the file later is logged, and the tokens that it had stay in force.
    ///
    /// # Errors
    /// The failure of the system to start a thread.
    pub fn begin(follower: TokensFollower) -> io::Result<Self> {
        let tokens = follower.tokens().clone();
        let signal = Arc::new(Signal::default());
        let own = Arc::clone(&signal);
        let thread = std::thread::Builder::new().name("tokens-file".to_owned()).spawn(move || run(follower, &own))?;
        Ok(Self { tokens, signal, thread: Some(thread) })
    }

    /// Returns the tokens, which change with the file.
    #[must_use]
    pub fn tokens(&self) -> &LiveTokens {
        &self.tokens
    }

    /// Has the file taken at once, whether it seems to have changed or not. What is wrong with it is logged again.
    pub fn reload(&self) {
        self.signal.lock().reload = true;
        self.signal.changed.notify_all();
    }
}

impl Drop for TokensWatch {
    fn drop(&mut self) {
        self.signal.lock().end = true;
        self.signal.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Signal {
    /// Waits until something is asked for, or until the next look is due.
    fn wait(&self) -> WatchSignals {
        let idle = |asked: &mut WatchSignals| !asked.reload && !asked.end;
        let waited = self.changed.wait_timeout_while(self.lock(), LOOK_AFTER, idle);
        let mut asked = waited.map_or_else(|poisoned| poisoned.into_inner().0, |waited| waited.0);
        WatchSignals { reload: std::mem::take(&mut asked.reload), end: asked.end }
    }

    fn lock(&self) -> MutexGuard<'_, WatchSignals> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(mut follower: TokensFollower, signal: &Signal) {
    let mut written = Instant::now();
    loop {
        let asked = signal.wait();
        if asked.end {
            break;
        }
        let taken = if asked.reload { follower.reload().map(|()| true) } else { follower.follow() };
        tell(&follower, taken);
        match follower.write_back() {
            Ok(false) => {}
            Ok(true) => tracing::info!("the tokens file has what other servers have changed"),
            Err(error) => tracing::error!("{error} (what other servers have changed is in force, and not in the file)"),
        }
        if written.elapsed() >= WRITE_AFTER {
            follower.write_usages();
            written = Instant::now();
        }
    }
    follower.write_usages();
}

fn tell(follower: &TokensFollower, taken: Result<bool, TokensFileError>) {
    match taken {
        Ok(false) => {}
        Ok(true) => tracing::info!("the tokens file has {} tokens now", follower.tokens().snapshot().len()),
        Err(error) => tracing::error!("{error} (the tokens that it had before stay in force)"),
    }
}
