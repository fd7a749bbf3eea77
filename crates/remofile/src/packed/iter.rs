//! The things of lists, one after the other.

use super::cursor::Cursor;
use super::list::{Packed, unpack};
use super::pack::Pack;
use std::fmt;
use std::ops::Range;

impl<T: Pack + Clone> Packed<T> {
    /// Returns the things in their order.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.range(0..self.len())
    }

    /// Returns some of the things in their order.
    pub(crate) fn range(&self, range: Range<usize>) -> Iter<'_, T> {
        let range = range.start.min(self.len())..range.end.min(self.len());
        Iter { list: self, range, front: Cursor::default(), back: Cursor::default() }
    }

    /// Returns a thing. Who wants many of them one after the other has a [`Cursor`].
    pub(crate) fn get(&self, index: usize) -> Option<T> {
        Cursor::default().get(self, index)
    }
}

/// The things of a list, in their order.
pub(crate) struct Iter<'a, T> {
    list: &'a Packed<T>,
    range: Range<usize>,
    front: Cursor<T>,
    back: Cursor<T>,
}

impl<T: Pack + Clone> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let index = self.range.next()?;
        self.front.get(self.list, index)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<T: Pack + Clone> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<T> {
        let index = self.range.next_back()?;
        self.back.get(self.list, index)
    }
}

impl<T: Pack + Clone> ExactSizeIterator for Iter<'_, T> {}

/// The things of a list that is used up: each block is free when its things were taken.
pub(crate) struct IntoIter<T> {
    list: Packed<T>,
    block: std::vec::IntoIter<T>,
}

impl<T: Pack> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(thing) = self.block.next() {
                return Some(thing);
            }
            let things = match self.list.blocks.pop_front() {
                Some(block) => unpack(&block.bytes),
                None => std::mem::take(&mut self.list.last),
            };
            if things.is_empty() {
                return None;
            }
            self.block = things.into_iter();
        }
    }
}

impl<T: Pack> IntoIterator for Packed<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { list: self, block: Vec::new().into_iter() }
    }
}

impl<T: Pack> Extend<T> for Packed<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, things: I) {
        things.into_iter().for_each(|thing| self.push(thing));
    }
}

impl<T: Pack> FromIterator<T> for Packed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let mut list = Self::default();
        list.extend(things);
        list
    }
}

impl<T: Pack + Clone> Clone for Packed<T> {
    fn clone(&self) -> Self {
        self.iter().collect()
    }
}

impl<T: Pack + Clone + PartialEq> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Pack + Clone + Eq> Eq for Packed<T> {}

impl<T: Pack + Clone + fmt::Debug> fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
