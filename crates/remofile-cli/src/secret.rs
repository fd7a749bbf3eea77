//! Secrets on their way in: from an argument, a file, a pipe or the environment.
//!
//! Goal: a token that was given as an argument is seen by `ps` for the first instant only. The command
//! starts itself again, without it and with a pipe to read it from. Nothing can be done about the
//! shell's history, therefore the documentation advises a file.

use crate::args::{self, Arguments};
use crate::failed::{Failed, Result};
use crate::files;
use crate::output;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

/// The option by which the command tells itself where the token is.
pub(crate) const TOKEN_DESCRIPTOR: &str = "--token-fd";

/// Starts this command again without its token, if it has one among its arguments. Returns only if
/// there was none, or on failure.
pub(crate) fn hide_token(raw: &[OsString], arguments: &Arguments) -> Result<()> {
    let Some(text) = arguments.command.token() else {
        return Ok(());
    };
    let token = Token::parse(text).map_err(|error| Failed::usage(error.to_string()))?;
    let rest = without_token(raw, text)
        .ok_or_else(|| Failed::usage("the token cannot be told from the other arguments: use '--token-file'"))?;
    let pipe = pipe_with_token(&token)?;
    let mut command = Command::new(own_program());
    if let Some(name) = raw.first() {
        command.arg0(name);
    }
    command.arg(TOKEN_DESCRIPTOR).arg(pipe.as_raw_fd().to_string()).args(rest);
    Err(Failed::system("cannot start this command again without its token")(command.exec()))
}

/// The program to start again. Its path rather than `/proc/self/exe`, which would name the process `exe`.
pub(crate) fn own_program() -> PathBuf {
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| "/proc/self/exe".into())
}

/// The arguments after the program's name without the token: the last occurrence that can go without
/// changing how the rest is understood. A token comes after everything it could be confused with, except
/// the values of options, and an option that loses its value is noticed.
fn without_token(raw: &[OsString], token: &str) -> Option<Vec<OsString>> {
    let arguments = raw.get(1..)?;
    (0..arguments.len()).rev().find_map(|at| {
        let rest = without_token_at(arguments, at, token)?;
        let program = OsString::from("remofile");
        let line: Vec<OsString> = std::iter::once(program).chain(rest.iter().cloned()).collect();
        let parsed = args::parse(&line).ok()?;
        parsed.command.token().is_none().then_some(rest)
    })
}

fn without_token_at(arguments: &[OsString], at: usize, token: &str) -> Option<Vec<OsString>> {
    let argument = arguments[at].to_str()?;
    let mut first = at;
    if argument == token {
        if at > 0 && arguments[at - 1] == OsStr::new("--token") {
            first = at - 1;
        }
    } else if argument.strip_prefix("--token=") != Some(token) {
        return None;
    }
    Some([&arguments[..first], &arguments[at + 1..]].concat())
}

/// A pipe with the token in it, to be inherited by the next program.
pub(crate) fn pipe_with_token(token: &Token) -> Result<OwnedFd> {
    let what = "cannot make a pipe for the token";
    let (reader, mut writer) = std::io::pipe().map_err(Failed::system(what))?;
    fcntl_setfd(&reader, FdFlags::empty()).map_err(Failed::system(what))?;
    // A token fits into any pipe's buffer: 1024 bytes at most.
    writer.write_all(token.reveal().as_bytes()).map_err(Failed::system(what))?;
    Ok(reader.into())
}

/// The token that the process which started this one has put into a pipe.
pub(crate) fn token_of_descriptor(descriptor: u32) -> Result<Token> {
    // Linux has both, but the second only where somebody has made it.
    let descriptors = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let path = PathBuf::from(format!("{descriptors}/{descriptor}"));
    let file = files::read(&path).map_err(Failed::system("cannot read the token that this command gave itself"))?;
    Token::parse(&file.text).map_err(|error| Failed::usage(error.to_string()))
}

/// The token in the first line of a file.
pub(crate) fn token_of_file(path: &Path) -> Result<Token> {
    let line = first_line(path)?;
    Token::parse(&line).map_err(|error| Failed::Configuration(format!("{}: {error}", path.display())))
}

/// The private key in the first line of a file, or in a line `private key: ...` as `generate-keys` prints it.
pub(crate) fn private_key_of_file(path: &Path) -> Result<PrivateKey> {
    let text = secret_text(path)?;
    let named = text.lines().find_map(|line| line.trim().strip_prefix("private key: "));
    let key = named.unwrap_or_else(|| text.lines().next().unwrap_or_default().trim());
    PrivateKey::parse(key).map_err(|error| Failed::Configuration(format!("{}: {error}", path.display())))
}

fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(secret_text(path)?.lines().next().unwrap_or_default().trim().to_owned()))
}

fn secret_text(path: &Path) -> Result<Zeroizing<String>> {
    let file = files::read(path).map_err(|error| Failed::file(path, error))?;
    if file.open_to_others {
        warn_of_others(path);
    }
    Ok(file.text)
}

/// Warns that a file with a secret is open to others.
pub(crate) fn warn_of_others(path: &Path) {
    let path = path.display();
    output::warn(&format!("others can read or change {path}, which holds a secret (close it with 'chmod 600 {path}')"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(line: &str, token: &str) -> Option<String> {
        let raw: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Some(without_token(&raw, token)?.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn the_token_goes_and_nothing_else() {
        for (line, token, expected) in [
            ("rmf run d 6768 secret", "secret", "run d 6768"),
            ("rmf run d 6768 secret --read-only", "secret", "run d 6768 --read-only"),
            ("rmf run secret 6768 secret", "secret", "run secret 6768"),
            ("rmf run d 6768 6768", "6768", "run d 6768"),
            ("rmf start d 0 tok --pidfile tok", "tok", "start d 0 --pidfile tok"),
            ("rmf list / 1 tok --profile tok --json", "tok", "list / 1 --profile tok --json"),
            ("rmf list --token tok /tok", "tok", "list /tok"),
            ("rmf upload tok --token=tok", "tok", "upload tok"),
            ("rmf run d 0 -- -tok", "-tok", "run d 0 --"),
        ] {
            assert_eq!(rest(line, token).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_token_comes_out_of_its_pipe_as_it_went_in() {
        let token = Token::parse("my custom töken").unwrap();
        let pipe = pipe_with_token(&token).unwrap();
        let descriptor = u32::try_from(pipe.as_raw_fd()).unwrap();
        assert_eq!(token_of_descriptor(descriptor).unwrap(), token);
    }
}
