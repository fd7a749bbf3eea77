//! `remofile generate-token`

use crate::exit::Exit;
use crate::failed::Result;
use crate::output;
use remofile::protocol::token::Token;

pub(super) fn run() -> Result<Exit> {
    output::data(&format!("{}\n", Token::generate().reveal()))?;
    Ok(Exit::Success)
}
