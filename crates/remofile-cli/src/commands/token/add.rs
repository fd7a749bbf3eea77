//! `remofile token add`

use super::shown::{NewToken, rehearse, serving};
use crate::args::TokenAdd;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output;
use crate::settings::TokensPlace;
use remofile::protocol::path::RemotePath;
use remofile::tokens::show_time;
use remofile::{TokenEntry, TokenRights};
use std::time::SystemTime;

pub(super) fn run(add: &TokenAdd, place: &TokensPlace) -> Result<Exit> {
    let expires = add.expires.map(|expires| expires.from(SystemTime::now())).transpose().map_err(Failed::usage)?;
    let new = NewToken::of(add.token_file.as_deref())?;
    let entry = TokenEntry {
        rights: add.rights.into(),
        below: add.below.clone().unwrap_or_else(RemotePath::root),
        expires,
        quota: add.quota,
        file_size_limit: add.file_size_limit,
        bwlimit: add.bwlimit,
        sessions: add.sessions,
        ..TokenEntry::new(add.name.clone(), &new.token)
    };
    if add.dry_run {
        return rehearse(&place.file, "add", &add.name, add.tokens.json, |tokens| tokens.add(entry));
    }
    new.check_output()?;
    if place.is_default {
        place.file.make_directory()?;
    }
    let is_first = place.file.change(|tokens| {
        tokens.add(entry.clone())?;
        Ok(tokens.len() == 1)
    })?;
    if let Err(failed) = new.show(&entry, add.tokens.json) {
        place.file.change(|tokens| tokens.remove(&entry.name))?;
        return Err(failed);
    }
    if !add.tokens.json {
        output::note(&describe(&entry));
        if is_first {
            output::note(&format!("to serve with the tokens in this file: {}", serving(&place.file)));
        }
    }
    Ok(Exit::Success)
}

fn describe(entry: &TokenEntry) -> String {
    let may = match entry.rights {
        TokenRights::Read => "list and read",
        TokenRights::Upload => "upload what has a new name, and nothing else,",
        TokenRights::Write => "read and change everything",
        TokenRights::All => "do everything",
    };
    let place = match entry.below.is_root() {
        true => "in the served directory".to_owned(),
        false => format!("below {}", entry.below),
    };
    let until = entry.expires.and_then(show_time).map_or_else(String::new, |time| format!(" until {time}"));
    format!("'{}' may {may} {place}{until}; the token is not shown again", entry.name)
}
