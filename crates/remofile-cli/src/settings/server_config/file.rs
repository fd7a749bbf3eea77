//! The file with the options of a server.

use super::super::server::is_address;
use super::definitions::{Definitions, Takes, example, key_of, takes};
use super::given::{Given, GivenPlace, GivenValue};
use crate::failed::{Failed, Result};
use crate::usage::looks_alike;
use crate::{files, secret};
use clap::Arg;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

/// Reads the options in a file. `path` is absolute.
pub(super) fn read(path: &Path, definitions: &Definitions) -> Result<Vec<Given>> {
    let file = files::read(path).map_err(|error| Failed::file(path, error))?;
    let given = parse(path, &file.text, definitions)?;
    if file.open_to_others && given.iter().any(|given| matches!(given.value, GivenValue::Secret(_))) {
        secret::warn_of_others(path);
    }
    Ok(given)
}

fn parse(path: &Path, text: &str, definitions: &Definitions) -> Result<Vec<Given>> {
    let line_at = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
    let place = |offset| GivenPlace::Line(path.to_owned(), line_at(offset));
    // The parser's own message would show the line, which may hold a token.
    let table = DeTable::parse(text)
        .map_err(|error| place(error.span().map_or(0, |span| span.start)).wrong(error.message()))?;
    let mut given = Vec::new();
    for (key, value) in table.get_ref() {
        let (place, name) = (place(key.span().start), key.get_ref().as_ref());
        let Some(option) = definitions.find(name) else {
            return Err(place.wrong(unknown(name, value.get_ref(), definitions)));
        };
        let value = value_of(option, value.get_ref()).map_err(|what| place.wrong(what))?;
        let value = match (value, path.parent()) {
            (GivenValue::Text(text), Some(_)) if is_address(Path::new(&text)) => GivenValue::Text(text),
            (GivenValue::Text(text), Some(directory)) if takes(option) == Takes::Path => {
                GivenValue::Text(directory.join(text).into())
            }
            (value, _) => value,
        };
        given.push(Given { key: name.to_owned(), value, place });
    }
    // The parser's table has the order of the names.
    given.sort_by_key(|given| match given.place {
        GivenPlace::Line(_, line) => line,
        GivenPlace::Variable(_) => 0,
    });
    Ok(given)
}

fn unknown(name: &str, value: &DeValue<'_>, definitions: &Definitions) -> String {
    if value.is_table() {
        return format!("there are no tables here: write what is in [{name}] at the top, as KEY = VALUE");
    }
    let dashed = name.replace('_', "-");
    match definitions.keys().find(|key| *key == dashed || looks_alike(&dashed, key)) {
        Some(similar) => format!("there is no option '{name}': did you mean '{similar}'?"),
        None => {
            format!(
                "there is no option '{name}': the options are those of 'remofile run --help', without the hyphens in front"
            )
        }
    }
}

fn value_of(option: &Arg, value: &DeValue<'_>) -> std::result::Result<GivenValue, String> {
    let wrong = |what: &str| format!("{what}: write {}", example(option));
    let key = key_of(option).unwrap_or_default();
    match (takes(option), value) {
        (Takes::Flag, DeValue::Boolean(is_given)) => Ok(GivenValue::Flag(*is_given)),
        (Takes::Flag, _) => Err(wrong(&format!("'{key}' is true or false, without quotes"))),
        (Takes::Count, DeValue::Integer(number)) if number.radix() == 10 => number
            .as_str()
            .parse()
            .map(GivenValue::Count)
            .map_err(|_| wrong(&format!("'{key}' is a number from 0 to 255"))),
        (Takes::Count, _) => Err(wrong(&format!("'{key}' is a number"))),
        (Takes::Secret, DeValue::String(text)) => Ok(GivenValue::Secret(Zeroizing::new(text.clone().into_owned()))),
        (Takes::Text | Takes::Path | Takes::Mode, DeValue::String(text)) => Ok(GivenValue::Text(text.as_ref().into())),
        // An octal number is what it looks like, with or without the sign of one.
        (Takes::Mode, DeValue::Integer(number)) if matches!(number.radix(), 8 | 10) => {
            Ok(GivenValue::Text(number.as_str().into()))
        }
        (Takes::Text, DeValue::Integer(number)) if number.radix() == 10 => Ok(GivenValue::Text(number.as_str().into())),
        (Takes::Secret | Takes::Path, _) => Err(wrong(&format!("'{key}' is a text, in quotes"))),
        (Takes::Text | Takes::Mode, _) => Err(wrong(&format!("'{key}' is a number, or a text in quotes"))),
    }
}
