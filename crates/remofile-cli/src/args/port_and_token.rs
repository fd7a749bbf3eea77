//! `[PORT] [TOKEN]` behind the operands of a command, as the original takes them: they become `--port` and `--token`.

use super::Arguments;
use super::operand::is_remote;
use super::words::positionals;
use clap::CommandFactory;
use rustix::fs::FileType;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The commands that take a port and a token there. `list` has arguments of its own for them.
#[derive(Clone, Copy)]
enum Form {
    /// A name, and perhaps an absolute directory.
    New,
    /// Absolute paths; or a name, and an absolute directory.
    Paths,
    /// Local files, and an absolute directory of the server.
    Upload,
    /// Remote files, and perhaps a local directory.
    Download,
}

const FORMS: [(&str, Form); 5] = [
    ("file", Form::New),
    ("directory", Form::New),
    ("remove", Form::Paths),
    ("upload", Form::Upload),
    ("download", Form::Download),
];

/// The places of a port and a token among the arguments.
struct Tail {
    port: usize,
    token: Option<usize>,
}

/// Writes a port and a token behind the operands as options. They are taken for such only where they could be nothing
/// else: a number where an absolute path would have to be, or behind a local directory that is not there.
pub(super) fn as_options(mut ordered: Vec<OsString>) -> Vec<OsString> {
    let Some((port, token)) = find(&ordered).map(|tail| (tail.port, tail.token)) else { return ordered };
    for (at, option) in [(Some(port), "--port="), (token, "--token=")] {
        if let Some(word) = at.and_then(|at| ordered.get_mut(at)) {
            *word = [OsStr::new(option), word].into_iter().collect();
        }
    }
    ordered
}

fn find(ordered: &[OsString]) -> Option<Tail> {
    let words = ordered.get(2..).filter(|words| words.iter().any(is_port))?;
    let program = Arguments::command();
    let command = program.find_subcommand(&ordered[1])?;
    let (_, form) = FORMS.iter().find(|(name, _)| *name == command.get_name())?;
    // What comes behind '--' is a path, whatever it looks like.
    let places = positionals(words, &[&program, command])?;
    let places: Vec<usize> = places.into_iter().map(|at| at + 2).collect();
    if ordered.iter().any(|word| word == "--") {
        return None;
    }
    let operands: Vec<&OsStr> = places.iter().map(|&at| ordered[at].as_os_str()).collect();
    let last = places.len().checked_sub(1).filter(|last| *last > 0)?;
    let has_both = last > 1 && is_port(operands[last - 1]) && form.may_be_token(&operands[..=last]);
    match has_both {
        true => Some(Tail { port: places[last - 1], token: Some(places[last]) }),
        false if is_port(operands[last]) && form.may_be_port(&operands[..=last]) => {
            Some(Tail { port: places[last], token: None })
        }
        false => None,
    }
}

impl Form {
    /// Reports whether the last operand, a number, can be nothing but a port.
    fn may_be_port(self, operands: &[&OsStr]) -> bool {
        let [.., number] = operands else { return false };
        match self {
            Self::New | Self::Paths => true,
            Self::Upload => !is_there(number),
            // Of two, the second may be the name that a copy gets.
            Self::Download => operands.len() > 2 && !is_directory(number),
        }
    }

    /// Reports whether the last operand, behind a number, can be nothing but a token.
    fn may_be_token(self, operands: &[&OsStr]) -> bool {
        let [.., number, last] = operands else { return false };
        match self {
            Self::New | Self::Paths => !is_remote_path(last),
            Self::Upload => !is_remote_path(last) && !is_there(number),
            Self::Download => *last != "-" && !is_directory(last),
        }
    }
}

fn is_port(word: impl AsRef<OsStr>) -> bool {
    let word = word.as_ref().as_encoded_bytes();
    (1..=5).contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

fn is_remote_path(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"/") || is_remote(word)
}

fn is_there(path: &OsStr) -> bool {
    rustix::fs::lstat(Path::new(path)).is_ok()
}

fn is_directory(path: &OsStr) -> bool {
    rustix::fs::stat(Path::new(path)).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let ordered = as_options(line.split(' ').map(OsString::from).collect());
        ordered.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn a_port_and_a_token_behind_the_operands_are_options() {
        for (line, expected) in [
            ("rmf file foo 6768 secret", "rmf file foo --port=6768 --token=secret"),
            ("rmf touch foo / 6768 secret", "rmf touch foo / --port=6768 --token=secret"),
            ("rmf directory /foo 6768", "rmf directory /foo --port=6768"),
            ("rmf mkdir -p foo / 6768", "rmf mkdir -p foo / --port=6768"),
            ("rmf remove /foo 6768 secret", "rmf remove /foo --port=6768 --token=secret"),
            ("rmf remove foo / 6768 secret -r", "rmf remove foo / --port=6768 --token=secret -r"),
            ("rmf upload a 6768 secret", "rmf upload a --port=6768 --token=secret"),
            ("rmf upload a b :/dst 6768 secret", "rmf upload a b :/dst --port=6768 --token=secret"),
            ("rmf upload --chunk-size 1024 a / 6768", "rmf upload --chunk-size 1024 a / --port=6768"),
            ("rmf download /a 6768 secret", "rmf download /a --port=6768 --token=secret"),
            ("rmf download /a . 6768 secret", "rmf download /a . --port=6768 --token=secret"),
            ("rmf download /a . 6768", "rmf download /a . --port=6768"),
        ] {
            assert_eq!(told(line), expected);
        }
    }

    #[test]
    fn what_may_be_a_path_is_none() {
        for line in [
            "rmf list / 6768 secret",
            "rmf file 6768",
            "rmf file 6768 /dst",
            "rmf remove 2026 /photos",
            "rmf remove /2026 /6768",
            "rmf remove -- /a 6768",
            "rmf upload 2026 /dst",
            "rmf upload a 2026 /dst",
            "rmf upload 2026",
            "rmf download /a 2026",
            "rmf download a 2026 .",
            "rmf download 2026 -",
            "rmf run d 6768 secret",
            "rmf upload --port 1024 a /",
            "rmf upload a 123456 x",
        ] {
            assert_eq!(told(line), line);
        }
    }
}
