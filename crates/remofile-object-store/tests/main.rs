//! Tests of buckets as stores: each file is a module of this one program.

mod azure;
mod bucket;
mod conformance;
mod content;
mod double;
mod moves;
mod owner;
mod served;
mod uploads;
