//! Lines as fingers type them that practised on other tools, and whose meaning here can be nothing else.

use super::operand::is_remote;
use super::values::{milliseconds, wait};
use crate::failed::{Failed, Result};
use rustix::fs::lstat;
use std::ffi::OsString;
use std::path::Path;

/// The commands whose sizes are for people anyway, by all their names.
const TRANSFERS: [&str; 7] = ["upload", "put", "download", "get", "sync", "copy", "cp"];

/// The commands with local sources.
const SENDING: [&str; 5] = ["upload", "put", "sync", "copy", "cp"];

/// The commands where `t` among other letters may be that of rsync; `-t` of cp has a directory behind it.
const KEEPING_TIMES: [&str; 5] = ["upload", "put", "download", "get", "sync"];

const LISTING: [&str; 2] = ["list", "ls"];

/// The command that gives files the time of now.
const TOUCHING: [&str; 2] = ["file", "touch"];

/// The command that fingers write with long options of one hyphen, those options, and one that says what is done anyway.
const FIND: &str = "find";
const TESTS: [&str; 3] = ["-name", "-iname", "-type"];
const PRINT: [&str; 2] = ["-print", "--print"];

/// Options whose value may begin with a hyphen.
const SECRETS: [&str; 2] = ["--token", "--public-key"];

/// Returns the arguments of a process in words of this program: `-avh` of rsync is `-av`, `ls -ltr` is `ls -l --sort=time
/// --reverse`, and the tests of find have two hyphens.
///
/// # Errors
/// [`Failed::Usage`] if a number behind `-P` can only be meant as the port, one behind `-t` of touch as a date, or one behind `--wait` as
/// its value.
pub(super) fn in_own_words(raw: Vec<OsString>) -> Result<Vec<OsString>> {
    refuse_wait(&raw)?;
    let is_one_of = |names: &[&str]| raw.iter().skip(1).any(|word| names.iter().any(|name| word == name));
    if is_one_of(&[FIND]) {
        return Ok(raw
            .into_iter()
            .filter(|word| PRINT.iter().all(|print| word != print))
            .map(with_two_hyphens)
            .collect());
    }
    if is_one_of(&LISTING) {
        return Ok(with_order(&raw));
    }
    if is_one_of(&TOUCHING) {
        refuse_date(&raw)?;
    }
    if is_one_of(&SENDING) {
        refuse_port(&raw)?;
    }
    let (keeps_times, is_transfer) = (is_one_of(&KEEPING_TIMES), is_one_of(&TRANSFERS));
    let raw = if keeps_times { without_times(&raw, is_one_of(&["sync"])) } else { raw };
    Ok(if is_transfer { without_human_readable(&raw) } else { raw })
}

/// Writes the tests of find as they are written here: `-name` is `--name`.
fn with_two_hyphens(word: OsString) -> OsString {
    let is_test = TESTS.iter().any(|test| word == *test);
    if is_test { [OsString::from("-"), word].into_iter().collect() } else { word }
}

/// The letters of a word such as `-avz`, if it is one of several options.
fn cluster(word: &OsString) -> Option<&str> {
    let letters = word.to_str()?.strip_prefix('-')?;
    let is_cluster = letters.len() > 1 && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_cluster.then_some(letters)
}

/// Changes words that are several options in one; neither what comes behind `--` nor values.
fn change_clusters(
    raw: &[OsString],
    change: impl Fn(&str, Option<&OsString>) -> Option<Vec<OsString>>,
) -> Vec<OsString> {
    let end = raw.iter().position(|word| word == "--").unwrap_or(raw.len());
    let is_value = |at: usize| at > 0 && SECRETS.iter().any(|option| raw[at - 1] == *option);
    let changed = raw.iter().enumerate().flat_map(|(at, word)| {
        let letters = cluster(word).filter(|_| at > 0 && at < end && !is_value(at));
        letters.and_then(|letters| change(letters, raw.get(at + 1))).unwrap_or_else(|| vec![word.clone()])
    });
    changed.collect()
}

/// Takes `h` out of several letters: alone it is help, and sizes are shown for people anyway.
fn without_human_readable(raw: &[OsString]) -> Vec<OsString> {
    change_clusters(raw, |letters, _| {
        // What comes behind `t` is a time.
        let (options, time) = letters.split_at(letters.find('t').unwrap_or(letters.len()));
        let rest: String = options.chars().filter(|letter| *letter != 'h').collect();
        (options.contains('h') && !(rest.is_empty() && time.is_empty())).then(|| vec![format!("-{rest}{time}").into()])
    })
}

/// Takes `t` out of several letters, and away where it stands alone, if no time to wait follows: times are kept anyway.
fn without_times(raw: &[OsString], alone: bool) -> Vec<OsString> {
    let changed = change_clusters(raw, |letters, next| {
        let (before, behind) = letters.split_once('t')?;
        let rest = format!("{before}{behind}");
        (!is_wait(behind, next)).then(|| vec![format!("-{rest}").into()])
    });
    let end = changed.iter().position(|word| word == "--").unwrap_or(changed.len());
    let is_times = |at: usize| alone && at < end && changed[at] == "-t" && !is_wait("", changed.get(at + 1));
    let kept = (0..changed.len()).filter(|at| !is_times(*at));
    kept.map(|at| changed[at].clone()).collect()
}

/// Reports whether what follows `t`, among the letters or as the next word, is a time.
fn is_wait(behind: &str, next: Option<&OsString>) -> bool {
    match behind.is_empty() {
        true => next.and_then(|next| next.to_str()).is_some_and(|text| milliseconds(text).is_ok()),
        false => behind.starts_with(|digit: char| digit.is_ascii_digit()),
    }
}

/// Writes the order that `t` among the letters of `ls` means, where it can be no time to wait; `r` beside it turns it round.
fn with_order(raw: &[OsString]) -> Vec<OsString> {
    change_clusters(raw, |letters, next| {
        let (before, behind) = letters.split_once('t')?;
        if is_wait(behind, next) {
            return None;
        }
        let letters = format!("{before}{behind}");
        let rest: String = letters.chars().filter(|letter| !"rt".contains(*letter)).collect();
        let mut words = vec![OsString::from("--sort=time")];
        words.extend((!rest.is_empty()).then(|| format!("-{rest}").into()));
        words.extend(letters.contains('r').then(|| "--reverse".into()));
        Some(words)
    })
}

/// Refuses `--wait 5`, beside a path at a server and where no file is called so: without an equals sign it would be a path.
fn refuse_wait(raw: &[OsString]) -> Result<()> {
    let is_time = |text: &&str| wait(text).is_ok() && text.starts_with(|digit: char| digit.is_ascii_digit());
    let found = raw.windows(2).filter(|pair| pair[0] == "--wait").find_map(|pair| pair[1].to_str().filter(is_time));
    match found.filter(|text| lstat(Path::new(text)).is_err() && raw.iter().skip(1).any(|word| is_remote(word))) {
        Some(text) => Err(Failed::usage(format!("the value of '--wait' comes behind an equals sign: '--wait={text}'"))),
        None => Ok(()),
    }
}

/// Refuses `-t 202601311530` of touch, which would be a time to wait of years.
fn refuse_date(raw: &[OsString]) -> Result<()> {
    let dates = raw.windows(2).filter(|pair| pair[0] == "-t").filter_map(|pair| pair[1].to_str());
    match dates.into_iter().find(|text| is_date(text)) {
        Some(date) => Err(Failed::usage(format!(
            "'-t' is the time to wait here, and {date} a date: a file gets no other time than that of now, with '-u'"
        ))),
        None => Ok(()),
    }
}

/// Reports whether this is `[[CC]YY]MMDDhhmm[.ss]`, as touch has it.
fn is_date(text: &str) -> bool {
    let digits = text.split_once('.').map_or(text, |(digits, _)| digits);
    if ![8, 10, 12].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let (_, rest) = digits.split_at(digits.len() - 8);
    let part = |at: usize| rest.get(at..at + 2).and_then(|part| part.parse().ok()).unwrap_or(u8::MAX);
    (1..=12).contains(&part(0)) && (1..=31).contains(&part(2)) && part(4) < 24 && part(6) < 60
}

/// Refuses `-P 2222` of scp, where no file is called so.
fn refuse_port(raw: &[OsString]) -> Result<()> {
    let is_there = |word: &OsString| lstat(Path::new(word)).is_ok();
    for pair in raw.windows(2) {
        let number =
            pair[1].to_str().filter(|number| pair[0] == "-P" && number.parse::<u16>().is_ok_and(|port| port > 0));
        let Some(number) = number else { continue };
        // Of paths that are all at a server, one may be called so.
        if !is_there(&pair[1]) && raw.iter().skip(1).any(|word| is_remote(word) || is_there(word)) {
            return Err(Failed::usage(format!(
                "'-P' shows the progress here, and there is no file {number}: if the port is meant, write '--port {number}'"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn told(line: &str) -> String {
        let words = in_own_words(line.split(' ').map(OsString::from).collect()).unwrap();
        words.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn letters_of_other_tools_are_those_of_this_one() {
        for (line, expected) in [
            ("rmf sync -avh --delete a nas:/a", "rmf sync -av --delete a nas:/a"),
            ("rmf upload -h", "rmf upload -h"),
            ("rmf upload -hh", "rmf upload -hh"),
            ("rmf -vh upload a", "rmf -v upload a"),
            ("rmf upload -t5h a", "rmf upload -t5h a"),
            ("rmf put -rtv a nas:/", "rmf put -rv a nas:/"),
            ("rmf put -rt 5s a nas:/", "rmf put -rt 5s a nas:/"),
            ("rmf sync -t -n a nas:/a", "rmf sync -n a nas:/a"),
            ("rmf sync a nas:/a -- -t", "rmf sync a nas:/a -- -t"),
            ("rmf cp -rt :/a b", "rmf cp -rt :/a b"),
            ("rmf get -t :/a b", "rmf get -t :/a b"),
            ("rmf upload a -- -ah", "rmf upload a -- -ah"),
            ("rmf upload --token -ah a", "rmf upload --token -ah a"),
            ("rmf du -sh /", "rmf du -sh /"),
            ("rmf ls -ltr /a", "rmf ls --sort=time -l --reverse /a"),
            ("rmf ls -ltrh", "rmf ls --sort=time -lh --reverse"),
            ("rmf ls -lt /a", "rmf ls --sort=time -l /a"),
            ("rmf ls -lt 500", "rmf ls -lt 500"),
            ("rmf ls -lt500", "rmf ls -lt500"),
            ("rmf ls -t 5s /a", "rmf ls -t 5s /a"),
            ("rmf ls -lr", "rmf ls -lr"),
            ("rmf find / -name x -type f -print", "rmf find / --name x --type f"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn a_time_behind_wait_is_told_apart_from_a_path() {
        for line in ["rmf ls --wait 5 nas:/", "rmf sync --wait 30s a nas:/a", "rmf --wait 0 ls :/"] {
            let failed = in_own_words(line.split(' ').map(OsString::from).collect()).unwrap_err();
            assert!(failed.message().contains("'--wait="), "{line}");
        }
        for line in ["rmf ls --wait 5", "rmf ls --wait nas:/", "rmf ls --wait=5 nas:/", "rmf ls / --wait 5"] {
            assert_eq!(told(line), line);
        }
    }

    #[test]
    fn a_date_of_touch_is_no_time_to_wait() {
        for line in ["rmf touch -t 202601311530 /a", "rmf file -t 01312359.59 /a", "rmf touch /a -t 2601311530"] {
            let failed = in_own_words(line.split(' ').map(OsString::from).collect()).unwrap_err();
            assert!(failed.message().contains("'-u'"), "{line}");
        }
        for line in
            ["rmf touch -t 86400000 /a", "rmf touch -t 5000 /a", "rmf touch -t 10m /a", "rmf ls -t 202601311530 /a"]
        {
            assert_eq!(told(line), line);
        }
    }

    #[test]
    fn the_port_of_scp_is_told_apart_from_a_file() {
        for line in ["rmf upload -P 2222 a nas:/", "rmf cp -P 2222 a :/b", "rmf upload -P 2222 /"] {
            let failed = in_own_words(line.split(' ').map(OsString::from).collect()).unwrap_err();
            assert!(failed.message().contains("'--port 2222'"), "{line}");
        }
        for line in ["rmf upload -P a 2222", "rmf download -P 2222 nas:/", "rmf cp -P 2222 a b"] {
            assert_eq!(told(line), line);
        }
    }
}
