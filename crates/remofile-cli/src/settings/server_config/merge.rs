//! Taking each option from where it counts most: the command line, then the environment, then the file.

use super::definitions::{Definitions, START, key_of, lenient};
use super::given::{Given, GivenValue};
use super::variables;
use crate::args;
use crate::failed::Result;
use crate::usage;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use remofile::protocol::token::Token;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The options that are to be added to a command line.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) options: Vec<OsString>,
    /// Those without a name, in their order.
    pub(super) positionals: Vec<OsString>,
    pub(super) token: Option<Token>,
}

/// Takes the options of a command line, and adds those of variables and then of a file that it lacks. One that contradicts
/// another is given up for the one that counts more.
///
/// # Errors
/// If a value is wrong, or two of one place contradict each other.
pub(super) fn merge(
    definitions: &Definitions,
    line: &ArgMatches,
    variables: Vec<Given>,
    file: Vec<Given>,
) -> Result<Merged> {
    let mut taken = of_line(line);
    if line.try_get_one::<u32>("token_fd").is_ok_and(|token| token.is_some()) {
        taken.insert("token".to_owned());
    }
    let mut merged = Merged::default();
    let mut positionals = Vec::new();
    for (level, given) in [variables, file].into_iter().enumerate() {
        refuse_contrary(definitions, &given)?;
        let before = taken.clone();
        for Given { key, value, place } in given {
            let Some(option) = definitions.find(&key) else { continue };
            let id = option.get_id().as_str();
            let is_given_up = before.contains(id) || before.iter().any(|other| definitions.are_contrary(id, other));
            check(option, &value).map_err(|what| place.wrong(what))?;
            if is_given_up || !definitions.has(option) {
                continue;
            }
            taken.insert(id.to_owned());
            match value {
                GivenValue::Secret(text) => {
                    merged.token = Some(Token::parse(&text).map_err(|error| place.wrong(error))?);
                }
                GivenValue::Text(text) if option.is_positional() => positionals.push((option.get_index(), text)),
                value => merged.options.extend(words(&key, &value)),
            }
        }
        if level == 0 {
            let former = variables::given_by_former().filter_map(|key| definitions.find(key));
            taken.extend(former.map(|option| option.get_id().as_str().to_owned()));
        }
    }
    if !taken.contains("directory") {
        // Another argument would be taken for it.
        positionals.clear();
    }
    positionals.sort_by_key(|(index, _)| *index);
    merged.positionals = positionals.into_iter().map(|(_, text)| absolute(text)).collect();
    Ok(merged)
}

/// A directory may begin with a hyphen, and what comes behind an end of the options may be there or not.
fn absolute(text: OsString) -> OsString {
    match text.as_encoded_bytes().starts_with(b"-") {
        true => Path::new(".").join(text).into(),
        false => text,
    }
}

/// The options that a command line has itself.
fn of_line(line: &ArgMatches) -> BTreeSet<String> {
    let is_given = |id: &&str| line.value_source(id) == Some(ValueSource::CommandLine);
    line.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect()
}

fn refuse_contrary(definitions: &Definitions, given: &[Given]) -> Result<()> {
    let is_said = |given: &&Given| !matches!(given.value, GivenValue::Flag(false));
    let said: Vec<(&Given, &str)> = given
        .iter()
        .filter(is_said)
        .filter_map(|given| Some((given, definitions.find(&given.key)?.get_id().as_str())))
        .collect();
    for (at, (one, id)) in said.iter().enumerate() {
        if let Some((other, _)) = said[..at].iter().find(|(_, other)| definitions.are_contrary(id, other)) {
            let what = format!("'{}' cannot go with '{}' ({}): leave out one", one.key, other.key, other.place);
            return Err(one.place.wrong(what));
        }
    }
    Ok(())
}

/// Has the parser look at one option alone, so that what is wrong is told with its place.
fn check(option: &Arg, value: &GivenValue) -> std::result::Result<(), String> {
    let key = key_of(option).unwrap_or_default();
    let mut line: Vec<OsString> = ["remofile", START].map(OsString::from).into();
    match value {
        GivenValue::Secret(_) => return Ok(()),
        GivenValue::Text(text) if option.is_positional() => {
            // The directory is anything, and comes before the others.
            line.extend((1..option.get_index().unwrap_or(1)).map(|_| OsString::from(".")));
            line.push(absolute(text.clone()));
        }
        value => line.extend(words(&key, value)),
    }
    let program = lenient(args::command());
    let Err(error) = program.try_get_matches_from(&line) else { return Ok(()) };
    let message = usage::explain(&line, &error).message();
    Err(message
        .replace(&format!("'--{key}'"), &format!("'{key}'"))
        .replace(&format!("'{}'", key.to_uppercase()), &format!("'{key}'"))
        // As it was written, and not as the parser has to see it.
        .replace("'./-", "'-"))
}

/// The words of an option on a command line.
fn words(key: &str, value: &GivenValue) -> Vec<OsString> {
    let name = OsString::from(format!("--{key}"));
    match value {
        GivenValue::Flag(true) => vec![name],
        GivenValue::Count(count) => vec![name; usize::from(*count)],
        GivenValue::Text(text) => vec![[name.as_os_str(), OsStr::new("="), text].into_iter().collect()],
        GivenValue::Flag(false) | GivenValue::Secret(_) => Vec::new(),
    }
}
