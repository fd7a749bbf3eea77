//! A listing that goes on after a lost connection where it was: it is sorted, so what was told already is known by its path.

use crate::client::Client;
use crate::client::listing::handler::ListHandler;
use crate::client::servers::repeated::Repeated;
use crate::error::Result;
use crate::plan::path_order;
use minicbor::Decode;
use remofile_protocol::wire::{Element, Listed, Request};
use std::cmp::Ordering;

/// An element of a listing.
pub(super) trait HasPlace {
    /// Returns the path by which it is sorted, if it has one.
    fn place(&self) -> Option<&str>;
}

impl HasPlace for Listed {
    fn place(&self) -> Option<&str> {
        match self {
            Self::Entry(entry) => Some(entry.path.as_str()),
            Self::Failed(_) => None,
        }
    }
}

impl HasPlace for Element {
    fn place(&self) -> Option<&str> {
        match self {
            Self::Listed(listed) => listed.place(),
            Self::Link(entry, _) => Some(entry.path.as_str()),
            _ => None,
        }
    }
}

/// The elements that were told, by the last of them.
#[derive(Default)]
pub(super) struct LastTold {
    last: Option<String>,
    /// True while those come that were told before.
    repeats: bool,
}

impl LastTold {
    /// Begins again from the first element.
    pub(super) fn begin_again(&mut self) {
        self.repeats = self.last.is_some();
    }

    /// Reports whether an element is new. A failure behind the last one may be told twice: better than never.
    pub(super) fn is_new(&mut self, place: Option<&str>) -> bool {
        let Some(place) = place else { return !self.repeats };
        if self.repeats {
            let order = self.last.as_deref().map_or(Ordering::Greater, |last| path_order(place, last));
            self.repeats = order == Ordering::Less;
            if order != Ordering::Greater {
                return false;
            }
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(place);
        true
    }
}

impl Client {
    /// Makes a call that lists, and makes it again after a lost connection: `each` gets every element once.
    pub(super) fn list_on<T: HasPlace + for<'b> Decode<'b, ()>>(
        &mut self,
        request: &Request,
        each: &mut dyn FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let (mut on_waiting, mut told) = (self.options.on_waiting.clone(), LastTold::default());
        let context = self.context();
        let listed = self.again(Repeated::Same, &context, |client, context| {
            told.begin_again();
            let mut is_stopped = false;
            let mut hand = |element: T| match told.is_new(element.place()) {
                true => each(element).inspect_err(|_| is_stopped = true),
                false => Ok(()),
            };
            let result = client.call_in(context, request.clone(), &mut ListHandler::new(&mut hand, &mut on_waiting));
            // The error of a caller is none of this call's connection, whatever it says.
            if is_stopped { Ok(result) } else { result.map(Ok) }
        });
        listed?.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_before_is_not_told_again_and_nothing_behind_it_is_left_out() {
        let mut told = LastTold::default();
        let mut pass = |elements: &[&str]| {
            told.begin_again();
            elements.iter().filter(|text| told.is_new((**text != "failure").then_some(**text))).count()
        };
        assert_eq!(pass(&["/a", "failure", "/a/b"]), 3);
        assert_eq!(pass(&["/a", "failure", "/a/b", "failure", "/a.txt", "/b"]), 3, "the second may be new");
        assert_eq!(pass(&["/a", "/c"]), 1, "the last one may be gone");
    }
}
