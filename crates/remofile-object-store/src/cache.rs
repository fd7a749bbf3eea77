//! The memory of objects, so that a listing need not ask for each of them.

use super::listing::Object;
use super::metadata::Remembered;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The metadata of objects, each known by its tag, its size and the time at which it was stored: what is there now is what
/// was looked at. That holds for objects that are some seconds old: one with the same content and other metadata has the same tag,
/// and the time is in whole seconds. Two generations: when the younger is full, the older is forgotten.
pub(crate) struct Cache {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<String, (Object, Remembered)>,
    old: HashMap<String, (Object, Remembered)>,
}

impl Cache {
    pub(crate) fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), generations: Mutex::default() }
    }

    pub(crate) fn get(&self, key: &str, object: &Object) -> Option<Remembered> {
        let mut generations = self.lock();
        if let Some((known, remembered)) = generations.young.get(key) {
            return (known == object).then_some(*remembered);
        }
        let (known, remembered) = generations.old.remove(key)?;
        let found = (known == *object).then_some(remembered);
        self.insert(&mut generations, key, known, remembered);
        found
    }

    pub(crate) fn put(&self, key: &str, object: Object, remembered: Remembered) {
        self.insert(&mut self.lock(), key, object, remembered);
    }

    /// Forgets an object that is changed.
    pub(crate) fn forget(&self, key: &str) {
        let mut generations = self.lock();
        generations.young.remove(key);
        generations.old.remove(key);
    }

    fn insert(&self, generations: &mut Generations, key: &str, object: Object, remembered: Remembered) {
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key.to_owned(), (object, remembered));
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;

    fn object(etag: &str) -> Object {
        Object { size: 1, stored: Timestamp::new(1, 0), etag: etag.to_owned() }
    }

    #[test]
    fn an_object_is_known_until_it_is_another() {
        let (cache, remembered) = (Cache::new(10), Remembered { modified: Some(Timestamp::new(5, 0)), mode: None });
        cache.put("a", object("1"), remembered);
        assert_eq!(cache.get("a", &object("1")), Some(remembered));
        assert_eq!(cache.get("a", &object("2")), None);
        cache.forget("a");
        assert_eq!(cache.get("a", &object("1")), None);
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let (cache, remembered) = (Cache::new(10), Remembered { modified: None, mode: None });
        for number in 0..100 {
            cache.put(&number.to_string(), object("1"), remembered);
            assert!(cache.get("0", &object("1")).is_some(), "what is asked for stays");
        }
        let generations = cache.lock();
        assert!(generations.young.len() + generations.old.len() <= 10);
    }
}
