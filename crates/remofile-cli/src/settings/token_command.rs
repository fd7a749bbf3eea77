//! A token that another program keeps, such as a password manager, and prints.

use crate::failed::{Failed, Result};
use remofile::protocol::token::Token;
use std::io::Read;
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Most bytes that are read of what the program prints.
const MOST_BYTES: usize = 64 * 1024;

/// Runs a command of the shell, and takes the first line that it prints for the token. `whence` names the setting that has the
/// command: the command itself is never shown, since it may have a secret in it.
///
/// # Errors
/// [`Failed::Configuration`] if it fails, or prints no token.
pub(crate) fn token_of_command(command: &str, whence: &str) -> Result<Token> {
    let wrong = |what: &str| Failed::Configuration(format!("{whence}: {what}"));
    // What it asks for, it asks on the terminal; its own errors are the user's to see.
    let child = Command::new("sh").arg("-c").arg(command).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(Failed::system("cannot run the command that prints the token"))?;
    let printed = child.stdout.take().map(read).transpose();
    let ended = child.wait().map_err(Failed::system("cannot wait for the command that prints the token"))?;
    let printed = printed.map_err(Failed::system("cannot read the token that the command prints"))?.unwrap_or_default();
    if !ended.success() {
        return Err(wrong(&format!("the command failed ({ended}): try it in a shell")));
    }
    let text = std::str::from_utf8(&printed).map_err(|_| wrong("the command printed no text"))?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Token::parse(line).map_err(|error| wrong(&error.to_string())),
        None => Err(wrong("the first line that the command printed is empty: it is to be the token")),
    }
}

fn read(printed: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    printed.take(MOST_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(command: &str) -> String {
        token_of_command(command, "REMOFILE_TOKEN_COMMAND").unwrap_err().message()
    }

    #[test]
    fn the_first_line_that_is_printed_is_the_token() {
        for command in ["echo secret", "printf ' secret \\r\\nuser: me\\n'", "printf secret"] {
            assert_eq!(token_of_command(command, "").unwrap().reveal(), "secret", "{command}");
        }
    }

    #[test]
    fn a_command_that_gives_no_token_is_told_by_its_setting_and_not_shown() {
        for (command, part) in [
            ("echo secret; exit 3", "exit status: 3"),
            ("true secret", "is empty"),
            ("echo; echo secret", "is empty"),
            ("printf '\\377 secret'", "no text"),
            ("head -c 2000 /dev/zero | tr '\\0' s; : secret", "1024"),
        ] {
            let message = message(command);
            assert!(message.starts_with("REMOFILE_TOKEN_COMMAND: ") && message.contains(part), "{command}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
