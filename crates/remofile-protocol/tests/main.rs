//! Tests of the protocol: each file is a module of this one program.

mod as_they_are;
mod frozen;
mod frozen_attributes;
mod frozen_copies;
mod frozen_hashes;
mod frozen_lanes;
mod grammar;
mod later_keys;
mod pickles;
mod staged_files;
mod tables;
