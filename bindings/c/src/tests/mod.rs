//! Tests of what the edge is made of. Those of the functions themselves are programs in C and C++: see `tests/`.

mod codes;
mod handles;
mod headers;
mod panics;
mod texts;
