//! Tokens that are changed while a server uses them.

use super::name::TokenName;
use super::set::Tokens;
use super::usage::TokenUsages;
use remofile_protocol::path::RemotePath;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

/// The tokens of a server, changed by the program while the server runs. Clones are the same tokens.
#[derive(Clone, Default)]
pub struct LiveTokens {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tokens: Mutex<Arc<Tokens>>,
    version: AtomicU64,
    listeners: Mutex<Vec<Weak<Listener>>>,
    usages: Mutex<TokenUsages>,
    byte_count: Mutex<Option<Box<ByteCount>>>,
}

type Listener = dyn Fn() + Send + Sync;

/// Tells the bytes below each directory that is counted.
type ByteCount = dyn Fn() -> Vec<(RemotePath, u64)> + Send + Sync;

/// The wish to be told of changes, until it is dropped.
#[must_use = "nothing is told once it is dropped"]
pub struct Subscription {
    _listener: Arc<Listener>,
}

impl LiveTokens {
    /// Tokens to begin with.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        let live = Self::default();
        *live.lock() = Arc::new(tokens);
        live
    }

    /// Puts others in the place of all tokens. They are in force when this returns: whoever connects is judged by them.
    /// Whoever has none of them any more, or one that allows less than before, is cut off within a moment.
    pub fn replace(&self, tokens: Tokens) {
        self.change(|current| *current = tokens);
    }

    /// Changes the tokens, while nobody else does, and returns what the change returns. The change is in force then. Many at once
    /// are better made by one call, as each takes a server a few milliseconds if it has thousands of tokens.
    pub fn change<T>(&self, change: impl FnOnce(&mut Tokens) -> T) -> T {
        let mut current = self.lock();
        // Servers keep the ones before until they have taken these.
        let changed = change(Arc::make_mut(&mut current));
        self.shared.version.fetch_add(1, Ordering::Release);
        // A later token of the same name was not used yet, and names may come and go for years.
        self.lock_usages().retain(|name, _| current.get(name).is_some());
        drop(current);
        self.tell();
        changed
    }

    /// Returns the tokens as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Tokens> {
        Arc::clone(&self.lock())
    }

    /// Returns the number of changes so far: who finds the same again has missed nothing.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// Returns what use was made of each token, as far as servers have noted it.
    #[must_use]
    pub fn usages(&self) -> TokenUsages {
        let count = self.shared.byte_count.lock().unwrap_or_else(PoisonError::into_inner);
        let counted: HashMap<RemotePath, u64> = count.as_ref().map(|count| count()).into_iter().flatten().collect();
        // Before the other lock, as a change takes them.
        let current = self.snapshot();
        let mut usages = self.lock_usages();
        for entry in current.iter() {
            // What was counted last is still told when the server has ended.
            if let Some(&bytes) = counted.get(&entry.below) {
                usages.entry(entry.name.clone()).or_default().used = Some(bytes);
            }
        }
        usages.clone()
    }

    /// Says how the bytes below directories are told.
    pub(crate) fn count_bytes_with(&self, count: impl Fn() -> Vec<(RemotePath, u64)> + Send + Sync + 'static) {
        *self.shared.byte_count.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(count));
    }

    /// Puts down what use was made of tokens earlier.
    pub fn set_usages(&self, usages: TokenUsages) {
        *self.lock_usages() = usages;
    }

    /// Notes a session with a token.
    pub fn note_use(&self, name: &TokenName, time: SystemTime) {
        self.lock_usages().entry(name.clone()).or_default().last_used = Some(time);
    }

    /// Has `listener` called after each change, by who makes it and waits for it, until the subscription is dropped. It must
    /// not change tokens.
    pub fn subscribe(&self, listener: impl Fn() + Send + Sync + 'static) -> Subscription {
        let listener: Arc<Listener> = Arc::new(listener);
        let mut listeners = self.listeners();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&listener));
        Subscription { _listener: listener }
    }

    fn tell(&self) {
        let listeners: Vec<Arc<Listener>> = self.listeners().iter().filter_map(Weak::upgrade).collect();
        for listener in listeners {
            listener();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Tokens>> {
        self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_usages(&self) -> MutexGuard<'_, TokenUsages> {
        self.shared.usages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Weak<Listener>>> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

impl fmt::Debug for LiveTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTokens").field("tokens", &self.snapshot().len()).field("version", &self.version()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::TokenEntry;
    use remofile_protocol::token::Token;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn the_use_of_a_token_is_forgotten_with_it() {
        let live = LiveTokens::default();
        let entry = |name: &str| TokenEntry::new(name.parse().unwrap(), &Token::generate());
        for name in ["a", "b"] {
            live.change(|tokens| tokens.add(entry(name))).unwrap();
            live.note_use(&name.parse().unwrap(), SystemTime::now());
        }
        live.change(|tokens| tokens.remove(&"a".parse().unwrap())).unwrap();
        live.change(|tokens| tokens.add(entry("a"))).unwrap();
        let usages = live.usages();
        assert_eq!(usages.keys().map(ToString::to_string).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_change_is_seen_by_all_and_told_to_who_wants_it() {
        let live = LiveTokens::new(Tokens::new());
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let subscription = live.subscribe(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let (before, version) = (live.snapshot(), live.version());
        let entry = TokenEntry::new("a".parse().unwrap(), &Token::generate());
        live.change(|tokens| tokens.add(entry)).unwrap();
        assert_eq!((before.len(), live.snapshot().len()), (0, 1));
        assert_eq!((live.version(), told.load(Ordering::Relaxed)), (version + 1, 1));
        drop(subscription);
        live.replace(Tokens::new());
        assert_eq!((live.snapshot().len(), told.load(Ordering::Relaxed)), (0, 1));
    }
}
