//! The order of arguments: an option that comes before the command is the command's.

use super::Arguments;
use super::fingers::in_own_words;
use super::foreign;
use super::one_command;
use super::operand::{RemoteOperand, is_at_server, is_remote};
use super::port_and_token;
use super::words::positionals;
use crate::failed::{Failed, Result};
use clap::CommandFactory;
use std::ffi::OsString;

/// The name of the command that has a direction.
const SYNC: &str = "sync";

/// Returns the arguments of a process with the command first, and the direction of a sync behind it: `--profile nas list`,
/// `sync --delete local a /b` and `sync photos nas:/photos` are understood. A port and a token behind the operands become options.
/// Other arguments stay in their order. There `is_profile` of the name, `nas:photos` is at a server as well.
///
/// # Errors
/// [`Failed::Usage`] if nothing tells the direction of a sync, or a number behind `-P` can only be meant as the port.
pub(crate) fn in_order(raw: Vec<OsString>, is_profile: &dyn Fn(&str) -> bool) -> Result<Vec<OsString>> {
    command_first(raw, is_profile).map(port_and_token::as_options)
}

fn command_first(raw: Vec<OsString>, is_profile: &dyn Fn(&str) -> bool) -> Result<Vec<OsString>> {
    let raw = in_own_words(raw)?;
    let is_plain = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-") && word != SYNC;
    let Some((program, words)) = raw.split_first().filter(|(_, words)| !words.first().is_none_or(is_plain)) else {
        return Ok(raw);
    };
    let mut ordered = vec![program.clone()];
    let command = words.first().and_then(|word| one_command::definition(word)).unwrap_or_else(Arguments::command);
    ordered.extend(below(&[&command], words, is_profile)?);
    Ok(ordered)
}

/// Moves the name of a command's subcommand in front of its options. The command is the last one, and those that it is below
/// come before.
fn below(commands: &[&clap::Command], words: &[OsString], is_profile: &dyn Fn(&str) -> bool) -> Result<Vec<OsString>> {
    let Some(command) = commands.last() else { return Ok(words.to_vec()) };
    let found = words.iter().enumerate().find_map(|(at, word)| {
        let sub = command.find_subcommand(word)?;
        let options = positionals(&words[..at], &[commands, &[sub]].concat())?;
        options.is_empty().then_some((at, sub))
    });
    match found {
        Some((at, sub)) => {
            let rest = [&words[..at], &words[at + 1..]].concat();
            let rest =
                if sub.has_subcommands() { below(&[commands, &[sub]].concat(), &rest, is_profile)? } else { rest };
            Ok([vec![words[at].clone()], rest].concat())
        }
        None if command.get_name() == SYNC => with_direction(commands, words, is_profile),
        None => Ok(words.to_vec()),
    }
}

/// Returns how many operands a command has before the last word of a line that is in order.
pub(crate) fn operands_before_last(words: &[OsString]) -> usize {
    let root = Arguments::command();
    let (mut command, mut rest) = (&root, words.get(1..words.len().saturating_sub(1)).unwrap_or_default());
    while let Some((word, behind)) = rest.split_first()
        && let Some(sub) = command.find_subcommand(word)
    {
        (command, rest) = (sub, behind);
    }
    positionals(rest, &[command]).map_or(0, |found| found.len())
}

/// Puts the direction in front that the operands of a sync tell.
fn with_direction(
    commands: &[&clap::Command],
    words: &[OsString],
    is_profile: &dyn Fn(&str) -> bool,
) -> Result<Vec<OsString>> {
    let Some(operands) = positionals(words, commands) else { return Ok(with_some_direction(words)) };
    let Ok([source, destination]) = <[usize; 2]>::try_from(operands) else { return Ok(words.to_vec()) };
    let operands = [&words[source], &words[destination]];
    let direction = match operands.map(|operand| is_at_server(operand, is_profile)) {
        [false, true] => "local",
        [true, false] => "remote",
        [is_both, _] => {
            let unusable = |operand: &&OsString| {
                let text = operand.to_str()?;
                RemoteOperand::parse(text, is_profile).err().or_else(|| foreign::hint(text))
            };
            let why = operands.iter().find_map(unusable).map(Failed::usage);
            return Err(why.unwrap_or_else(|| without_direction(is_both, operands)));
        }
    };
    Ok([vec![OsString::from(direction)], words.to_vec()].concat())
}

/// Puts a direction in front of options of which one is unknown, so that the parser tells that one rather than the first.
fn with_some_direction(words: &[OsString]) -> Vec<OsString> {
    if words.iter().any(|word| word == "-h" || word == "--help") {
        return words.to_vec();
    }
    let first = words.iter().find(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let direction = if first.is_some_and(|word| is_remote(word)) { "remote" } else { "local" };
    [vec![OsString::from(direction)], words.to_vec()].concat()
}

fn without_direction(is_both: bool, [source, destination]: [&OsString; 2]) -> Failed {
    let (source, destination) = (source.display(), destination.display());
    Failed::usage(match is_both {
        true => format!(
            "both {source} and {destination} are at a server, and a sync has a local side: 'remofile copy -r --on-conflict newer \
             {source} {destination}' copies what is new"
        ),
        false => format!(
            "neither {source} nor {destination} is marked as the remote one: write 'sync {source} :{}' to make the remote one like \
             the local one, or 'sync :{} {destination}' for the other way round",
            absolute(&destination.to_string()),
            absolute(&source.to_string()),
        ),
    })
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{}", path.trim_start_matches("./")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn ordered(line: &str) -> String {
        let raw = line.split(' ').map(OsString::from).collect();
        in_order(raw, &|name| name == "nas").unwrap().join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn options_before_the_command_come_behind_it() {
        for (line, expected) in [
            ("rmf list /a -l", "rmf list /a -l"),
            ("rmf --profile nas list", "rmf list --profile nas"),
            ("rmf --json list /a", "rmf list --json /a"),
            ("rmf -v --profile=nas -t 500 upload a /", "rmf upload -v --profile=nas -t 500 a /"),
            ("rmf --profile list list", "rmf list --profile list"),
            ("rmf sync --delete local a /b", "rmf sync local --delete a /b"),
            ("rmf --json sync -n --exclude local remote /a b", "rmf sync remote --json -n --exclude local /a b"),
            ("rmf --tokens f token list", "rmf token list --tokens f"),
            ("rmf find / -name *.txt -type f", "rmf find / --name *.txt --type f"),
            ("rmf -V", "rmf -V"),
            ("rmf --help list", "rmf list --help"),
            ("rmf --unknown list", "rmf --unknown list"),
            ("rmf", "rmf"),
        ] {
            assert_eq!(ordered(line), expected, "{line}");
        }
    }

    #[test]
    fn a_remote_operand_tells_the_direction_of_a_sync() {
        for (line, expected) in [
            ("rmf sync photos nas:/photos", "rmf sync local photos nas:/photos"),
            ("rmf sync -n --exclude *.o :/photos photos", "rmf sync remote -n --exclude *.o :/photos photos"),
            ("rmf sync photos remofile://nas/photos --delete", "rmf sync local photos remofile://nas/photos --delete"),
            ("rmf sync -av --delete photos/ nas:/photos", "rmf sync local -av --delete photos/ nas:/photos"),
            ("rmf -v sync photos nas:/photos", "rmf sync local -v photos nas:/photos"),
            ("rmf sync -av photos/ nas:photos", "rmf sync local -av photos/ nas:photos"),
            ("rmf sync nas:a/b photos", "rmf sync remote nas:a/b photos"),
            ("rmf sync -rt photos nas:/photos", "rmf sync local -r photos nas:/photos"),
            ("rmf sync -t photos nas:/photos", "rmf sync local photos nas:/photos"),
            ("rmf sync -t 500 photos nas:/photos", "rmf sync local -t 500 photos nas:/photos"),
            ("rmf sync -avh --info=x photos nas:/photos", "rmf sync local -av --info=x photos nas:/photos"),
            ("rmf sync -u --times nas:/photos photos", "rmf sync remote -u --times nas:/photos photos"),
            ("rmf sync -x -h", "rmf sync -x -h"),
            ("rmf sync local a /b", "rmf sync local a /b"),
            ("rmf sync a", "rmf sync a"),
        ] {
            assert_eq!(ordered(line), expected, "{line}");
        }
    }

    #[test]
    fn a_sync_without_a_direction_is_told_how_to_write_it() {
        let message =
            |line: &str| in_order(line.split(' ').map(OsString::from).collect(), &|_| false).unwrap_err().message();
        let told = message("rmf sync photos /photos");
        assert!(told.contains("'sync photos :/photos'") && told.contains("'sync :/photos /photos'"), "{told}");
        assert!(message("rmf sync nas:/a :/b").contains("both"));
        assert!(message("rmf sync sftp://h/a :/b").contains("another protocol"));
        assert!(message("rmf sync photos me@nas:photos").contains("'remofile://nas/photos'"));
    }
}
