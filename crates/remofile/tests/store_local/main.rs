//! The store on a local directory, from outside.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the tests prepare directories behind the back of the store")]

mod alias;
mod deep;
mod deep_removal;
mod edit;
mod full;
mod giving;
mod jail;
mod links;
mod model;
mod partials;
mod races;
mod removed;
mod sparse;
mod stage;
mod support;
mod tree;
