//! A place in a list of packed things.

use super::list::Packed;
use super::pack::Pack;
use std::cmp::Ordering;
use std::fmt;

/// A place in a list, from which the things around it are read without being unpacked again. A list that is changed needs
/// another one.
pub(crate) struct Cursor<T> {
    /// Index of the first of the things.
    first: usize,
    things: Vec<T>,
}

impl<T> Default for Cursor<T> {
    fn default() -> Self {
        Self { first: 0, things: Vec::new() }
    }
}

impl<T: Pack + Clone> Cursor<T> {
    /// Returns a thing of the list.
    pub(crate) fn get(&mut self, list: &Packed<T>, index: usize) -> Option<T> {
        self.look(list, index).cloned()
    }

    /// Returns a thing of the list, as it is here.
    pub(crate) fn look(&mut self, list: &Packed<T>, index: usize) -> Option<&T> {
        if !(self.first..self.first + self.things.len()).contains(&index) {
            let Some(block) = list.block_of(index) else {
                return list.last.get(index.checked_sub(list.packed_len())?).map(|thing| self.keep(index, thing));
            };
            (self.first, self.things) = (list.begin(block), list.block(block));
        }
        self.things.get(index - self.first)
    }

    /// Returns the thing whose order is `Equal`, of a list in that order. It is found at once where it is near the thing that
    /// was looked at last, or behind that.
    pub(crate) fn find(&mut self, list: &Packed<T>, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        if self.place(&order) == Ordering::Greater {
            self.look(list, self.first + self.things.len())?;
        }
        if self.place(&order) != Ordering::Equal {
            let behind = list.partition_point(|thing| order(thing) != Ordering::Greater);
            self.look(list, behind.checked_sub(1)?)?;
        }
        let at = self.things.binary_search_by(&order).ok()?;
        self.things.get(at)
    }

    /// Returns the place of a thing by the things at hand: among them, before or behind them.
    fn place(&self, order: &impl Fn(&T) -> Ordering) -> Ordering {
        match (self.things.first().map(order), self.things.last().map(order)) {
            (Some(Ordering::Greater), _) | (None, _) | (_, None) => Ordering::Less,
            (_, Some(Ordering::Less)) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    fn keep(&mut self, index: usize, thing: &T) -> &T {
        (self.first, self.things) = (index, vec![thing.clone()]);
        &self.things[0]
    }
}

impl<T> fmt::Debug for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("first", &self.first).finish_non_exhaustive()
    }
}
