//! `remofile token remove`

use super::shown::rehearse;
use crate::args::TokenRemove;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output;
use remofile::tokens::TokensFileError;
use remofile::{Tokens, TokensFile};

pub(super) fn run(remove: &TokenRemove, file: &TokensFile) -> Result<Exit> {
    // A change would make the file.
    if file.stamp()?.is_none() {
        return Err(TokensFileError::Missing(file.path().to_owned()).into());
    }
    if remove.dry_run {
        let remove_it = |tokens: &mut Tokens| tokens.remove(&remove.name).map(drop);
        return rehearse(file, "remove", &remove.name, remove.tokens.json, remove_it);
    }
    file.change(|tokens| tokens.remove(&remove.name))?;
    let shown = match remove.tokens.json {
        true => format!("{}\n", serde_json::json!({"removed": remove.name.as_str()})),
        false => String::new(),
    };
    output::data(&shown)?;
    Ok(Exit::Success)
}
