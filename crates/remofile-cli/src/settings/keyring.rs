//! Tokens in the keyring of the system, which the program reaches that comes with it: `secret-tool` of libsecret for the desktops
//! of Linux and BSD, `security` on macOS.
//!
//! Such a program is asked rather than D-Bus, so that the command stays one file without libraries of a desktop. A token goes to
//! it and comes back through pipes: no argument and no variable has it.

use crate::failed::{Failed, Result};
use remofile::protocol::token::Token;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Most bytes that are read of what the program prints.
const MOST_BYTES: usize = 64 * 1024;

/// The program that reaches the keyring of this system.
const IS_MACOS: bool = cfg!(target_os = "macos");
const PROGRAM: &str = if IS_MACOS { "security" } else { "secret-tool" };

/// The advice for a machine without a keyring.
const WITHOUT: &str = "a machine without a desktop has no keyring: keep the token by 'remofile login NAME HOST' without '--keyring', or \
                       with '--token-command COMMAND'";

/// Keeps the token of a profile in the keyring, in place of one that is there.
///
/// # Errors
/// [`Failed::Configuration`] if there is no keyring, or it does not take the token.
pub(crate) fn keep_token(profile: &str, token: &Token) -> Result<()> {
    let (arguments, input) = match IS_MACOS {
        // What it is to do is read from a pipe, and the secret is in digits: nothing has to be quoted.
        true => {
            let digits: Zeroizing<String> =
                Zeroizing::new(token.reveal().bytes().map(|byte| format!("{byte:02x}")).collect());
            let line = format!("add-generic-password -U -s remofile -a {profile} -X {}\n", *digits);
            (words(&["-i"]), Zeroizing::new(line))
        }
        false => {
            let label = format!("--label=Remofile: {profile}");
            let arguments = words(&["store", &label, "service", "remofile", "profile", profile]);
            (arguments, Zeroizing::new(token.reveal().to_owned()))
        }
    };
    let printed = ask(&arguments, input.as_bytes())?;
    let is_kept = printed.is_some() && token_of(profile).is_ok_and(|kept| kept == *token);
    if is_kept { Ok(()) } else { Err(refused(&format!("the token of {profile:?} could not be kept there"))) }
}

/// Returns the token of a profile.
///
/// # Errors
/// [`Failed::Configuration`] if there is no keyring, it stays locked, or it has no such token.
pub(crate) fn token_of(profile: &str) -> Result<Token> {
    let arguments = match IS_MACOS {
        true => words(&["find-generic-password", "-s", "remofile", "-a", profile, "-w"]),
        false => words(&["lookup", "service", "remofile", "profile", profile]),
    };
    let none = || {
        refused(&format!(
            "there is no token of the profile {profile:?} in it, or it is locked: 'remofile login {profile} HOST --keyring' keeps one"
        ))
    };
    let printed = ask(&arguments, b"")?.ok_or_else(none)?;
    let text = std::str::from_utf8(&printed).map_err(|_| none())?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Token::parse(line).map_err(|error| refused(&error.to_string())),
        None => Err(none()),
    }
}

fn refused(what: &str) -> Failed {
    Failed::Configuration(format!("the keyring: {what}"))
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Runs the program with something on its standard input, and returns what it prints; `None` if it fails. Its own errors are the
/// user's to see.
fn ask(arguments: &[OsString], input: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let child = Command::new(PROGRAM).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let package = if IS_MACOS { "" } else { ", which the package libsecret-tools has," };
            return Err(refused(&format!("'{PROGRAM}'{package} is not installed; {WITHOUT}")));
        }
        Err(error) => return Err(Failed::system("cannot run the program of the keyring")(error)),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read has its own reason, and tells it by its status.
        let _read = stdin.write_all(input);
    }
    let mut printed = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    let what = "cannot read what the program of the keyring prints";
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST_BYTES as u64).read_to_end(&mut printed).map_err(Failed::system(what))?;
    }
    let ended = child.wait().map_err(Failed::system(what))?;
    Ok(ended.success().then_some(printed))
}
