//! The rules of what a transfer leaves out: options whose order on the command line matters.

use clap::builder::{NonEmptyStringValueParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint, value_parser};
use std::path::{Path, PathBuf};

/// One of the options, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `--exclude`
    Exclude(String),
    /// `--include`
    Include(String),
    /// `--exclude-from`
    From(PathBuf),
}

/// All of them, in the order in which they were written: of the rules that match, the last decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules(pub(crate) Vec<Rule>);

impl Rules {
    /// Reports whether some of them come from standard input.
    pub(crate) fn take_stdin(&self) -> bool {
        self.0.iter().any(|rule| matches!(rule, Rule::From(path) if path == Path::new("-")))
    }
}

const EXCLUDE: &str = "exclude";
const INCLUDE: &str = "include";
const EXCLUDE_FROM: &str = "exclude_from";

impl Args for Rules {
    fn augment_args(command: Command) -> Command {
        command.args([
            option(EXCLUDE, "exclude", "PATTERN")
                .value_parser(pattern())
                .allow_hyphen_values(true)
                .help("Leave out what matches, by the rules of gitignore; the last pattern that matches decides"),
            option(INCLUDE, "include", "PATTERN")
                .value_parser(pattern())
                .allow_hyphen_values(true)
                .help("Do not leave out what matches"),
            option(EXCLUDE_FROM, "exclude-from", "FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Read patterns from a file ('-' for standard input) that is written like .gitignore"),
        ])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn option(id: &'static str, long: &'static str, value: &'static str) -> Arg {
    Arg::new(id).long(long).value_name(value).action(ArgAction::Append)
}

/// Returns the first pattern that is included in vain, since everything is excluded behind it: fingers of rsync and rclone, where the first
/// pattern that matches decides, write it so.
fn excluded_again(rules: &[Rule]) -> Option<&str> {
    let is_all = |rule: &Rule| matches!(rule, Rule::Exclude(all) if ["*", "**", "/*", "/**"].contains(&all.as_str()));
    let last = rules.iter().rposition(is_all)?;
    rules[..last].iter().find_map(|rule| match rule {
        Rule::Include(pattern) => Some(pattern.as_str()),
        Rule::Exclude(_) | Rule::From(_) => None,
    })
}

fn of_other_order(pattern: &str) -> String {
    format!(
        "'--exclude *' behind '--include {pattern}' leaves out everything, as the last pattern that matches decides: write \
         '--exclude \"*\" --include \"*/\" --include \"{pattern}\"'"
    )
}

/// A pattern is a line of text.
fn pattern() -> ValueParser {
    let one_line = |text: String| match text.contains(['\n', '\r']) {
        true => Err("a pattern is one line"),
        false => Ok(text),
    };
    NonEmptyStringValueParser::new().try_map(one_line).into()
}

impl FromArgMatches for Rules {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let texts = |id, rule: fn(String) -> Rule| numbered(matches, id, rule);
        let mut rules: Vec<(usize, Rule)> = texts(EXCLUDE, Rule::Exclude)
            .chain(texts(INCLUDE, Rule::Include))
            .chain(numbered(matches, EXCLUDE_FROM, Rule::From))
            .collect();
        rules.sort_by_key(|(place, _)| *place);
        let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
        match excluded_again(&rules) {
            Some(pattern) => Err(clap::Error::raw(clap::error::ErrorKind::Format, of_other_order(pattern))),
            None => Ok(Self(rules)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of an option, with their places on the command line.
fn numbered<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    id: &str,
    rule: fn(T) -> Rule,
) -> impl Iterator<Item = (usize, Rule)> + use<'a, T> {
    let places = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<T>(id).into_iter().flatten().cloned();
    places.zip(values.map(rule))
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Command};
    use super::*;
    use clap::Parser;

    fn rules(line: &[&str]) -> Vec<Rule> {
        let line = ["remofile", "upload"].iter().chain(line);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Upload(upload) => upload.transfer.rules.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_order_on_the_command_line_is_kept() {
        let line = ["--exclude", "*.o", "-r", "--include=a.o", "src", "--exclude-from", "f", "/", "--exclude=-x"];
        let exclude = |text: &str| Rule::Exclude(text.to_owned());
        let expected = [exclude("*.o"), Rule::Include("a.o".to_owned()), Rule::From("f".into()), exclude("-x")];
        assert_eq!(rules(&line), expected);
        assert_eq!(rules(&["src"]), []);
    }

    #[test]
    fn what_is_included_in_vain_is_told_with_the_order_of_rules() {
        let parse = |line: &str| Arguments::try_parse_from(format!("remofile upload src {line}").split(' '));
        for line in ["--include *.txt --exclude *", "--include=a --exclude=/** --include b", "--include a --exclude **"]
        {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains("the last pattern that matches decides"), "{line}: {told}");
        }
        for line in ["--exclude * --include *.txt", "--include a --exclude *.o", "--exclude *", "--include a"] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_pattern_is_a_line_and_not_empty() {
        for text in ["", "a\nb"] {
            assert!(Arguments::try_parse_from(["remofile", "upload", "a", "--exclude", text]).is_err(), "{text:?}");
        }
    }
}
