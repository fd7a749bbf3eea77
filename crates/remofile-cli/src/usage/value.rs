//! Values of options that cannot be.

use super::line::{Line, names, or, text};
use super::other_tools;
use clap::error::{ContextKind, ErrorKind};
use std::error::Error;

/// Tells why a value cannot be that of its option.
pub(super) fn explain(line: &Line<'_>, error: &clap::Error) -> String {
    let (option, value) = (option(error), text(error, ContextKind::InvalidValue).unwrap_or_default());
    let hint = other_tools::value(&line.names, &option).map_or_else(String::new, |hint| format!("; {hint}"));
    let valid = names(error, ContextKind::ValidValue);
    if error.kind() == ErrorKind::InvalidValue && value.is_empty() && !option.starts_with('-') {
        return format!("'{option}' is empty (is a variable of the shell not set?)");
    }
    if error.kind() == ErrorKind::InvalidValue && value.is_empty() {
        let next = next_word(line, &option);
        let next = next.map_or_else(String::new, |next| format!(", and '{next}' is taken for an option"));
        return format!("'{option}' needs a value{next}{hint} ({})", line.see_help());
    }
    let why = match valid.is_empty() {
        true => error.source().map_or_else(String::new, |why| in_words(&why.to_string())),
        false => format!("it is {}", list(&valid)),
    };
    let similar = names(error, ContextKind::SuggestedValue);
    let similar = if similar.is_empty() { String::new() } else { format!(" (did you mean {}?)", or(&similar)) };
    // An address may have a secret in it.
    let shown = if option == "--webhook" { "this".to_owned() } else { format!("'{value}'") };
    format!("{shown} cannot be the value of '{option}': {why}{similar}{hint}")
}

/// The option that an error is about, without its value: `--port` of `--port <PORT>`.
pub(super) fn option(error: &clap::Error) -> String {
    without_value(text(error, ContextKind::InvalidArg).unwrap_or_default()).to_owned()
}

pub(super) fn without_value(option: &str) -> &str {
    let name = option.split([' ', '=', '[']).next().unwrap_or(option);
    let name = if name.is_empty() { option } else { name };
    name.trim_matches(['<', '>', '[', ']', '.'])
}

/// The word behind an option, if it looks like another one.
fn next_word<'a>(line: &Line<'a>, option: &str) -> Option<&'a str> {
    let at = line.words.iter().position(|word| word == option)?;
    line.words.get(at + 1)?.to_str().filter(|word| word.starts_with('-'))
}

/// Returns an error of the parsers of numbers in words.
fn in_words(why: &str) -> String {
    if let Some((_, (from, to))) =
        why.split_once(" is not in ").and_then(|(value, range)| Some((value, range.split_once("..=")?)))
    {
        return format!("it is a number from {from} to {to}");
    }
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => "it is not a number".to_owned(),
        "invalid IP address syntax" => "it is an IP address of this machine, such as 127.0.0.1 or ::1".to_owned(),
        "number too large to fit in target type" => "the number is too large".to_owned(),
        why => why.to_owned(),
    }
}

fn list(values: &[String]) -> String {
    match values {
        [values @ .., last] if !values.is_empty() => format!("{} or {last}", values.join(", ")),
        values => values.concat(),
    }
}
