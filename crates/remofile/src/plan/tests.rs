//! Plans are carried out on a model of a file system.

mod abilities;
mod examples;
mod kinds;
mod model;
mod moves;
mod order;
mod random;
