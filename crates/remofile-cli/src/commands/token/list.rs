//! `remofile token list`

use crate::args::TokenList;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::tokens::TokenColumns;
use crate::output::{self, json};
use remofile::TokensFile;
use remofile::tokens::{TokenUsages, read_usages};

pub(super) fn run(list: &TokenList, file: &TokensFile) -> Result<Exit> {
    let tokens = file.read()?.tokens;
    let usages = read_usages(file).unwrap_or_else(|error| {
        output::warn(&format!("nobody knows when the tokens were used: {error}"));
        TokenUsages::new()
    });
    let usage = |name| usages.get(name).copied().unwrap_or_default();
    let mut data = output::Data::lock();
    if list.tokens.json {
        for entry in &tokens {
            data.object(&json::token(entry, &usage(&entry.name)))?;
        }
    } else {
        let mut columns = TokenColumns::new();
        for entry in &tokens {
            columns.push(entry, &usage(&entry.name));
        }
        data.text(&columns.into_text())?;
    }
    data.flush()?;
    Ok(Exit::Success)
}
