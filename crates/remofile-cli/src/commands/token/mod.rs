//! `remofile token`

mod add;
mod list;
mod remove;
mod rotate;
mod shown;

use crate::args::{Token, TokenCommand};
use crate::exit::Exit;
use crate::failed::Result;
use crate::settings::{Environment, tokens_place};

pub(super) fn run(token: &Token) -> Result<Exit> {
    let place = tokens_place(token.which.tokens().tokens.as_deref(), &Environment::of_process())?;
    match &token.which {
        TokenCommand::Add(add) => add::run(add, &place),
        TokenCommand::List(list) => list::run(list, &place.file),
        TokenCommand::Remove(remove) => remove::run(remove, &place.file),
        TokenCommand::Rotate(rotate) => rotate::run(rotate, &place.file),
    }
}
