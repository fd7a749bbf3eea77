//! `remofile token rotate`

use super::shown::{NewToken, rehearse};
use crate::args::TokenRotate;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{self, text};
use remofile::tokens::{TokensError, TokensFileError, show_time};
use remofile::{TokenEntry, Tokens, TokensFile};
use std::time::SystemTime;

pub(super) fn run(rotate: &TokenRotate, file: &TokensFile) -> Result<Exit> {
    if file.stamp()?.is_none() {
        return Err(TokensFileError::Missing(file.path().to_owned()).into());
    }
    let (grace, now) = (rotate.grace.unwrap_or_default(), SystemTime::now());
    if now.checked_add(grace).and_then(show_time).is_none() {
        return Err(Failed::usage("the time of '--grace' is too long: say a shorter one"));
    }
    let new = NewToken::of(rotate.token_file.as_deref())?;
    if rotate.dry_run {
        let rotate_it = |tokens: &mut Tokens| tokens.rotate_to(&rotate.name, &new.token, grace, now).map(drop);
        return rehearse(file, "rotate", &rotate.name, rotate.tokens.json, rotate_it);
    }
    new.check_output()?;
    let find =
        |tokens: &Tokens| tokens.get(&rotate.name).cloned().ok_or_else(|| TokensError::Unknown(rotate.name.clone()));
    let rotated = file.change(|tokens| {
        let former = find(tokens)?;
        tokens.rotate_to(&rotate.name, &new.token, grace, now)?;
        Ok(Rotated { former, entry: find(tokens)? })
    })?;
    if let Err(failed) = new.show(&rotated.entry, rotate.tokens.json) {
        file.change(|tokens| tokens.replace(rotated.former))?;
        return Err(failed);
    }
    if !rotate.tokens.json {
        output::note(&describe(&rotated.entry, rotate, now));
    }
    Ok(Exit::Success)
}

struct Rotated {
    former: TokenEntry,
    entry: TokenEntry,
}

fn describe(entry: &TokenEntry, rotate: &TokenRotate, now: SystemTime) -> String {
    let former = match rotate.grace {
        Some(grace) => format!("the former token is taken for {} more", text::duration(grace)),
        None => "the former token is not taken any more".to_owned(),
    };
    let is_over = entry.expires.is_some_and(|expires| expires <= now);
    let over = if is_over {
        "; the new one is not taken either, since the time of its name is over: edit 'expires'"
    } else {
        ""
    };
    format!("'{}': {former}{over}", entry.name)
}
