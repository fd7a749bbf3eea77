//! Explanations of what is wrong with a command line, in one line.

use super::line::{Line, and, names, or, text};
use super::similar::looks_alike;
use super::{other_tools, value};
use crate::args::{Arguments, is_remote, is_token};
use crate::failed::Failed;
use crate::settings::is_profile;
use clap::CommandFactory;
use clap::error::{ContextKind, ErrorKind};
use std::ffi::OsString;

/// Most names that are offered for one that is wrong.
const MOST_SIMILAR: usize = 3;

/// Returns what is wrong with a command line, from what the parser found.
pub(crate) fn explain(raw: &[OsString], error: &clap::Error) -> Failed {
    let program = Arguments::command();
    Failed::usage(in_words(&Line::of(raw, &program), error))
}

fn in_words(line: &Line<'_>, error: &clap::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(line, error),
        ErrorKind::UnknownArgument => unknown_argument(line, error),
        ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand => missing(line, error),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("'{}' needs more than that: {}", line.command(), line.forms())
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => value::explain(line, error),
        ErrorKind::NoEquals => {
            let option = value::option(error);
            format!("the value of '{option}' comes behind an equals sign: '{option}=VALUE' ({})", line.see_help())
        }
        ErrorKind::TooManyValues => {
            let option = value::option(error);
            format!(
                "'{option}' takes no value: it is on where it is written, and off where it is not ({})",
                line.see_help()
            )
        }
        ErrorKind::ArgumentConflict => conflict(line, error),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("there is no command: {}", line.see_help())
        }
        _ => format!("{} ({})", plain(error), line.see_help()),
    }
}

/// Returns what a sync is told that has more paths than two, or less, so that it is neither one there nor back.
fn two_paths(line: &Line<'_>) -> String {
    let several = match line.operands() > 2 {
        true => "; 'remofile copy -r SOURCE... :/DIRECTORY' takes several sources",
        false => "",
    };
    format!("'remofile sync' takes two paths: {}{several}", other_tools::SYNC)
}

fn unknown_command(line: &Line<'_>, error: &clap::Error) -> String {
    no_command(line, text(error, ContextKind::InvalidSubcommand).unwrap_or_default(), error)
}

fn no_command(line: &Line<'_>, word: &str, error: &clap::Error) -> String {
    if line.names.first() == Some(&"sync") {
        return two_paths(line);
    }
    // Behind a command that there is not, others are words: `rclone ls`.
    let is_first = line.first_operand() == Some(word);
    if let Some(answer) = other_tools::command(if is_first { &[] } else { &line.names }, word) {
        return format!("there is no command '{word}': {answer}");
    }
    if line.names.is_empty() && line.words.iter().any(|word| is_remote(word)) && !looks_alike_any(word, error) {
        let words: Vec<&str> = line.words.iter().filter_map(|word| word.to_str()).collect();
        // A token may be the value of an option, or stand behind a port.
        let may_be_secret = |word: &&str| word.starts_with('-') || word.contains('@') || is_token(word);
        if words.len() > 2 || words.iter().any(may_be_secret) {
            return format!(
                "there is no command '{word}': if these are paths, 'remofile copy' or 'remofile list' comes first"
            );
        }
        let verb = if words.len() > 1 { "copy" } else { "list" };
        return format!("there is no command '{word}': write 'remofile {verb} {}' if these are paths", words.join(" "));
    }
    if is_first && line.names.is_empty() && is_profile(word) {
        return format!("there is no command '{word}': 'remofile list {word}:' asks the server of this profile");
    }
    let mut similar = names(error, ContextKind::SuggestedSubcommand);
    similar.retain(|name| looks_alike(word, name));
    let which = if is_first || line.names.is_empty() { "command" } else { "such command" };
    match similar.is_empty() {
        true => format!("there is no {which} '{word}' ({})", line.see_help()),
        false => format!("there is no {which} '{word}': did you mean {}? ({})", or(&similar), line.see_help()),
    }
}

fn unknown_argument(line: &Line<'_>, error: &clap::Error) -> String {
    let word = text(error, ContextKind::InvalidArg).unwrap_or_default();
    // Options before a command that there is not are known to none.
    if let Some(unknown) = line.first_operand().filter(|_| line.names.is_empty()) {
        return no_command(line, unknown, error);
    }
    let command = line.command();
    if !word.starts_with('-') {
        return no_further(line, word);
    }
    // Of a long option with one hyphen the parser tells the first letter.
    let is_begun =
        |whole: &&str| whole.len() > 2 && !whole.starts_with("--") && word.len() == 2 && whole.starts_with(word);
    let whole = line.words.iter().filter_map(|whole| whole.to_str()).filter(is_begun);
    for whole in whole {
        if let Some(answer) = other_tools::option(&line.names, whole) {
            return format!("'{command}' has no option '{whole}': {answer}");
        }
    }
    let option = word.split('=').next().unwrap_or(word);
    let no_option = format!("'{command}' has no option '{option}'");
    if let Some(answer) = other_tools::option(&line.names, option) {
        return format!("{no_option}: {answer}");
    }
    if line.names == ["sync"] {
        return two_paths(line);
    }
    if is_number(word) {
        return format!("'{word}' is taken for an option of '{command}': no number here is negative");
    }
    let mut similar = line.long_options();
    if similar.iter().any(|name| *name == option) {
        let place = match line.words.iter().any(|word| word == "--") {
            true => format!("'{option}' is no option behind '--': write '{command}' with it in front of that"),
            false => format!("'{option}' is an option of '{command}': write it behind that"),
        };
        return format!("{place} ({})", line.see_help());
    }
    similar.retain(|name| looks_alike(option, name));
    similar.truncate(MOST_SIMILAR);
    match similar.is_empty() {
        false => format!("{no_option}: did you mean {}? ({})", or(&similar), line.see_help()),
        true => format!("{no_option} (a path that begins with a hyphen is './{word}'; {})", line.see_help()),
    }
}

/// Tells of an argument too many, which is not shown if it may be a secret.
fn no_further(line: &Line<'_>, word: &str) -> String {
    let command = line.command();
    match line.names[..] {
        ["login"] => {
            "'remofile login' takes a name and a server: the token is asked for, or is in the FILE of '--token-file'"
                .to_owned()
        }
        ["stop"] => format!("'{command}' takes no argument: the server is that of '--pidfile FILE'"),
        _ if is_token(word) => format!("'{command}' takes no further argument: {}", line.forms()),
        _ => format!("'{command}' takes no further argument '{word}': {}", line.forms()),
    }
}

fn looks_alike_any(word: &str, error: &clap::Error) -> bool {
    names(error, ContextKind::SuggestedSubcommand).iter().any(|name| looks_alike(word, name))
}

fn missing(line: &Line<'_>, error: &clap::Error) -> String {
    let missing = names(error, ContextKind::InvalidArg);
    let missing: Vec<&str> = missing.iter().map(|name| name.trim_matches(['<', '>', '.'])).collect();
    // An argument that is needed twice is told as "PATH> <PATH".
    let missing = missing.iter().map(|name| name.split("> <").next().unwrap_or(name));
    // An option is told with its value: "--files-from <FILE".
    let missing: Vec<&str> =
        missing.map(|name| if name.starts_with('-') { value::without_value(name) } else { name }).collect();
    match missing.is_empty() {
        true => format!("'{}' needs more than that: {}", line.command(), line.forms()),
        false => format!("'{}' needs {}: {}", line.command(), missing.join(" and "), line.forms()),
    }
}

fn conflict(line: &Line<'_>, error: &clap::Error) -> String {
    let option = value::option(error);
    let others: Vec<String> =
        names(error, ContextKind::PriorArg).iter().map(|name| value::without_value(name).to_owned()).collect();
    match others.iter().all(|other| *other == option) {
        true => format!("'{option}' is given more than once: leave out all but one"),
        false => format!("'{option}' cannot go with {}: leave out one ({})", and(&others), line.see_help()),
    }
}

/// The first line of what the parser says, without its prefix.
fn plain(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let first = rendered.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

fn is_number(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|number| number.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn told(line: &str) -> String {
        let raw: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let raw = crate::args::in_order(raw, &|_| false).unwrap();
        explain(&raw, &Arguments::try_parse_from(&raw).unwrap_err()).message()
    }

    #[test]
    fn what_is_wrong_and_what_to_type_is_one_line() {
        for (line, parts) in [
            ("rmf lisst", &["no command 'lisst'", "did you mean 'list'"][..]),
            ("rmf upload --progess a /", &["no option '--progess'", "did you mean '--progress'"]),
            ("rmf --jsn ls", &["did you mean '--json'"]),
            ("rmf token add -- a --tokens f", &["'--tokens' is no option behind '--'"]),
            ("rmf token --tokens f add a", &["'--tokens' is an option of 'remofile token add': write it behind"]),
            ("rmf --token", &["'remofile' has no option '--token' ("]),
            ("rmf upload -Y a", &["'remofile upload' has no option '-Y'", "'remofile upload --help'"]),
            ("rmf upload  /", &["'PATH' is empty", "not set"]),
            ("rmf upload", &["needs PATH", "'remofile upload [OPTIONS] SOURCE... [DESTINATION]' or '"]),
            ("rmf mv /a", &["needs more", "SOURCE... DESTINATION'"]),
            ("rmf stat", &["needs PATH"]),
            ("rmf edit /a /b", &["takes no further argument '/b'", "remofile edit [OPTIONS] <PATH>"]),
            ("rmf ls --port 99999", &["'99999' cannot be the value of '--port'", "from 1 to 65535"]),
            ("rmf ls --port x", &["'x' cannot be the value of '--port'", "not a number"]),
            ("rmf ls --port -1", &["'--port' needs a value", "'-1'"]),
            ("rmf ls --port", &["'--port' needs a value"]),
            ("rmf ls -t 5x", &["'5x' cannot be the value of '--timeout'", "milliseconds"]),
            ("rmf ls --sort sise", &["'sise' cannot be the value of '--sort'", "name, size or time", "'size'"]),
            ("rmf ls --port 1 --port 2", &["'--port' is given more than once"]),
            ("rmf ls --token a --token-file b", &["'--token' cannot go with '--token-file'"]),
            ("rmf sync local a", &["'remofile sync local' needs DESTINATION"]),
            ("rmf token nonsense x", &["no such command 'nonsense'", "'remofile token --help'"]),
            ("rmf sync a", &["'remofile sync' takes two paths", "one of them at a server"]),
            ("rmf sync -0 a nas:/a", &["needs --files-from: "]),
            ("rmf rclone ls nas:", &["no command 'rclone'", "'remofile login"]),
            ("rmf cp -t :/d f", &["'-t' is the time to wait", "last argument"]),
            ("rmf cp -u a :/d", &["'--on-conflict newer'"]),
            ("rmf sync -I a nas:/a", &["no option '-I'", "'-c'"]),
            ("rmf sync --chmod=u+x a nas:/a", &["no option '--chmod'", "'--preserve-mode'"]),
            ("rmf upload -5 /", &["no number here is negative"]),
            ("rmf --json --profile nas nonsense", &["no command 'nonsense'"]),
            ("rmf mv", &["needs PATH:"]),
            ("rmf a.txt nas:/", &["no command 'a.txt'", "'remofile copy a.txt nas:/'"]),
            ("rmf nas:/", &["'remofile list nas:/'"]),
            ("rmf find / -mtime -1", &["no option '-mtime'", "'--type'"]),
            ("rmf sync -u --times a nas:/a", &["no option '--times'"]),
            ("rmf login nas h secret", &["takes a name and a server"]),
            ("rmf cat /a --x", &["no option '--x'"]),
        ] {
            let message = told(line);
            let lacks = parts.iter().find(|part| !message.contains(**part));
            assert!(lacks.is_none() && !message.contains('\n'), "{line}: {message} lacks {lacks:?}");
        }
    }
}
