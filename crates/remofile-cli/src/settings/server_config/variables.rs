//! The variables of the environment with the options of a server: one an option, for containers.

use super::definitions::{Definitions, Takes, takes};
use super::given::{Given, GivenPlace, GivenValue};
use crate::failed::Result;
use crate::usage::looks_alike;
use clap::Arg;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The beginning of their names. It is that of no variable of a client, and of none that Kubernetes makes up for a
/// service called `remofile` or `remofile-server`.
const PREFIX: &str = "REMOFILE_RUN_";

/// Variables that only servers have and that are older, with their options.
const FORMER: [(&str, &str); 2] = [("REMOFILE_TOKENS", "tokens"), ("REMOFILE_PRIVATE_KEY", "private-key-file")];

/// The options that the environment gives.
#[derive(Default)]
pub(super) struct Variables {
    pub(super) given: Vec<Given>,
    /// The file with more of them.
    pub(super) config: Option<PathBuf>,
}

/// Reads the variables. An empty one counts as none.
pub(super) fn read(
    definitions: &Definitions,
    variables: &mut dyn Iterator<Item = (OsString, OsString)>,
) -> Result<Variables> {
    let mut found = Variables::default();
    for (variable, value) in variables.filter(|(_, value)| !value.is_empty()) {
        let Some(name) = variable.to_str() else { continue };
        if let Some(key) = name.strip_prefix(PREFIX) {
            let place = GivenPlace::Variable(name.to_owned());
            if key == "CONFIG" {
                found.config = Some(value.into());
                continue;
            }
            let key = key.to_ascii_lowercase().replace('_', "-");
            let Some(option) = definitions.find(&key) else { return Err(place.wrong(unknown(&key, definitions))) };
            let value = value_of(option, &value).map_err(|what| place.wrong(what))?;
            found.given.push(Given { key, value, place });
        }
    }
    found.given.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found)
}

/// Returns the options that other variables give, so that those of a file are not taken.
pub(super) fn given_by_former() -> impl Iterator<Item = &'static str> {
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    FORMER.into_iter().filter(move |(variable, _)| is_set(variable)).map(|(_, key)| key)
}

fn unknown(key: &str, definitions: &Definitions) -> String {
    match definitions.keys().find(|known| looks_alike(key, known)) {
        Some(similar) => {
            let similar = similar.to_ascii_uppercase().replace('-', "_");
            format!("there is no such option: did you mean {PREFIX}{similar}?")
        }
        None => "there is no such option: the options are those of 'remofile run --help'".to_owned(),
    }
}

fn value_of(option: &Arg, value: &OsStr) -> std::result::Result<GivenValue, String> {
    let text = value.to_str();
    match takes(option) {
        Takes::Flag => match text.map(str::to_ascii_lowercase).as_deref() {
            Some("1" | "true" | "yes" | "on") => Ok(GivenValue::Flag(true)),
            Some("0" | "false" | "no" | "off") => Ok(GivenValue::Flag(false)),
            _ => Err("it is 'true' or 'false'".to_owned()),
        },
        Takes::Count => text
            .and_then(|text| text.parse().ok())
            .map(GivenValue::Count)
            .ok_or_else(|| "it is a number from 0 to 255".to_owned()),
        Takes::Secret => text
            .map(|text| GivenValue::Secret(Zeroizing::new(text.to_owned())))
            .ok_or_else(|| "it is not UTF-8".to_owned()),
        Takes::Text | Takes::Path | Takes::Mode => Ok(GivenValue::Text(value.to_owned())),
    }
}
