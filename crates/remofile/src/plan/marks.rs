//! Marks of some among many things, by their indices.

use std::ops::Range;

/// A mark for each of very many things, a bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    count: usize,
}

impl Marks {
    pub(super) fn set(&mut self, index: usize) {
        let (word, bit) = (index / 64, 1 << (index % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.count += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub(super) fn set_all(&mut self, range: Range<usize>) {
        range.for_each(|index| self.set(index));
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Returns the number of things that are marked.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_marked_once() {
        let mut marks = Marks::default();
        marks.set_all(60..70);
        marks.set(64);
        assert_eq!((0..1_000).filter(|index| marks.has(*index)).collect::<Vec<_>>(), (60..70).collect::<Vec<_>>());
        assert_eq!(marks.count(), 10);
    }
}
