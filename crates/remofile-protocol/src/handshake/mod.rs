//! The opening of a session.

mod refusal;

pub use refusal::Refusal;
