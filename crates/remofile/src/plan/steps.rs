//! The steps of a plan.

use super::step::{Action, Step};
use crate::packed::{self, Cursor, Packed};
use std::ops::Range;

/// Steps in their order. There may be millions, so they are packed: each is made anew for who looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(Packed<Step>);

impl Steps {
    /// Returns their number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Reports whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one of them. [`Steps::iter`] is faster where all are looked at.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Step> {
        self.0.get(index)
    }

    /// Returns all of them.
    #[must_use]
    pub fn iter(&self) -> StepIter<'_> {
        StepIter(self.0.iter())
    }

    /// Returns some of them, as far as there are so many.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> StepIter<'_> {
        StepIter(self.0.range(range))
    }

    /// Returns all of them, unpacked.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Step> {
        self.iter().collect()
    }

    /// Adds a step behind all others.
    pub fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Returns the memory that they take, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes()
    }

    /// Adds steps behind all others.
    pub(crate) fn append(&mut self, steps: Self) {
        self.0.append(steps.0);
    }

    /// Takes the steps from an index on.
    pub(crate) fn split_off(&mut self, index: usize) -> Self {
        let mut rest = Vec::new();
        while self.len() > index
            && let Some(step) = self.0.pop()
        {
            rest.push(step);
        }
        rest.into_iter().rev().collect()
    }

    /// Gives some steps other actions, each by its index.
    pub(crate) fn set_actions(&mut self, mut actions: Vec<(usize, Action)>) {
        if actions.is_empty() {
            return;
        }
        actions.sort_by_key(|(index, _)| *index);
        actions.dedup_by_key(|(index, _)| *index);
        let mut actions = actions.into_iter().peekable();
        let steps = std::mem::take(self).into_iter().enumerate();
        *self = steps
            .map(|(at, step)| match actions.next_if(|(index, _)| *index == at) {
                Some((_, action)) => Step { action, ..step },
                None => step,
            })
            .collect();
    }

    /// Gives a step another action. For many of them there is [`Steps::set_actions`].
    pub(crate) fn set_action(&mut self, index: usize, action: Action) {
        self.0.change(index, |step| step.action = action);
    }
}

/// A place in the steps, for who looks at them one after the other and at some more than once.
#[derive(Default)]
pub(crate) struct StepCursor(Cursor<Step>);

impl StepCursor {
    /// Returns one of the steps.
    pub(crate) fn get(&mut self, steps: &Steps, index: usize) -> Option<Step> {
        self.0.get(&steps.0, index)
    }
}

/// Steps, one after the other.
pub struct StepIter<'a>(packed::Iter<'a, Step>);

impl Iterator for StepIter<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for StepIter<'_> {
    fn next_back(&mut self) -> Option<Step> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for StepIter<'_> {}

impl<'a> IntoIterator for &'a Steps {
    type Item = Step;
    type IntoIter = StepIter<'a>;

    fn into_iter(self) -> StepIter<'a> {
        self.iter()
    }
}

/// Steps that are used up, one after the other.
pub struct IntoSteps(packed::IntoIter<Step>);

impl Iterator for IntoSteps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.0.next()
    }
}

impl IntoIterator for Steps {
    type Item = Step;
    type IntoIter = IntoSteps;

    fn into_iter(self) -> IntoSteps {
        IntoSteps(self.0.into_iter())
    }
}

impl FromIterator<Step> for Steps {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Extend<Step> for Steps {
    fn extend<I: IntoIterator<Item = Step>>(&mut self, steps: I) {
        self.0.extend(steps);
    }
}

impl From<Vec<Step>> for Steps {
    fn from(steps: Vec<Step>) -> Self {
        steps.into_iter().collect()
    }
}

impl PartialEq<Vec<Step>> for Steps {
    fn eq(&self, other: &Vec<Step>) -> bool {
        self.iter().eq(other.iter().cloned())
    }
}
