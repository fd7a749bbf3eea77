//! The words of a command line: which are options, which the values of such, and which operands.

use clap::Arg;
use std::ffi::OsString;

/// The name of the program, whatever it is called as.
pub(super) const PROGRAM: &str = "remofile";

/// Returns the places of the words that are neither options of these commands, or of those below them, nor their values.
/// `None` if there is an option that they do not have.
pub(crate) fn positionals(words: &[OsString], commands: &[&clap::Command]) -> Option<Vec<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(word) = words.get(at) {
        let text = word.to_str();
        match text {
            Some("--") => {
                found.extend(at + 1..words.len());
                break;
            }
            Some(text) if text.len() > 1 && text.starts_with('-') => {
                if takes_next(text, commands)? {
                    at += 1;
                }
            }
            _ => found.push(at),
        }
        at += 1;
    }
    (at <= words.len()).then_some(found)
}

/// Reports whether the word behind these options is the value of one. `None` if there is no such option.
fn takes_next(options: &str, commands: &[&clap::Command]) -> Option<bool> {
    if let Some(long) = options.strip_prefix("--") {
        let name = long.split_once('=').map_or(long, |(name, _)| name);
        let option = find(commands, &|option| has_long(option, name))?;
        return Some(!long.contains('=') && takes_value(option));
    }
    let mut letters = options[1..].chars();
    while let Some(letter) = letters.next() {
        let option = find(commands, &|option| has_short(option, letter))?;
        if takes_value(option) {
            return Some(letters.as_str().is_empty());
        }
    }
    Some(false)
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values() && !option.is_require_equals_set()
}

fn has_long(option: &Arg, name: &str) -> bool {
    option.get_long() == Some(name) || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
}

fn has_short(option: &Arg, letter: char) -> bool {
    option.get_short() == Some(letter)
        || option.get_all_short_aliases().is_some_and(|aliases| aliases.contains(&letter))
}

/// Looks for an option in commands, and in those below them; but not below the program itself, which has all.
fn find<'a>(commands: &[&'a clap::Command], is_it: &dyn Fn(&Arg) -> bool) -> Option<&'a Arg> {
    commands.iter().find_map(|command| {
        let own = command.get_arguments().find(|option| is_it(option));
        let is_program = command.get_name() == PROGRAM;
        let below: Vec<&clap::Command> = command.get_subcommands().filter(|_| !is_program).collect();
        own.or_else(|| find(&below, is_it))
    })
}
