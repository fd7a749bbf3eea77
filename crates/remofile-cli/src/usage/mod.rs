//! Command lines that make no sense: what is wrong with one, and what to type instead, in one line.

mod answer;
mod asked;
mod explain;
mod hints;
mod line;
mod other_commands;
mod other_options;
mod other_tools;
mod similar;
mod value;
mod wait;

pub(crate) use asked::{is_answer, is_help, wants_json};
pub(crate) use explain::explain;
pub(crate) use hints::with_hint;
pub(crate) use similar::looks_alike;
pub(crate) use wait::with_wait;
