//! A program that hands each of its users a token for an hour: give it a name a line, and it prints the token.
//!
//!     cargo run --example web_tokens -- DIRECTORY PORT
//!
//! Each user sees a directory of their own below the one that is served. A web application does the same when somebody logs
//! in. Tokens whose hour is over are taken by the server no more; the program forgets them with the next one.

#![expect(clippy::disallowed_methods, reason = "it makes its users' directories itself")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::{LiveTokens, Server, TokenEntry, TokenName, TokenRights};
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

const AN_HOUR: Duration = Duration::from_secs(3600);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(port)) = (arguments.next(), arguments.next()) else {
        return Err("usage: web_tokens DIRECTORY PORT".into());
    };
    serve(Path::new(&directory), port.parse()?, std::io::stdin().lock(), std::io::stdout())
}

/// Serves for as long as there are names to read.
pub(crate) fn serve(
    directory: &Path,
    port: u16,
    names: impl BufRead,
    mut output: impl Write,
) -> Result<(), Box<dyn Error>> {
    let tokens = LiveTokens::default();
    let server = Server::with_tokens(directory, tokens.clone())?;
    let bound = server.bind(port, None)?;
    for address in bound.addresses().iter().take(1) {
        writeln!(output, "serving on port {}: type a user's name", address.port())?;
    }
    let serving = std::thread::spawn(move || bound.serve());
    for name in names.lines() {
        match hand_out(&tokens, directory, &name?) {
            Ok(token) => writeln!(output, "{}", token.reveal())?,
            Err(error) => writeln!(output, "no token: {error}")?,
        }
    }
    server.terminate()?;
    serving.join().map_err(|_| "the server panicked")??;
    Ok(())
}

/// Makes a token for a user, in place of the one that the user had. It can be used at once.
fn hand_out(tokens: &LiveTokens, directory: &Path, name: &str) -> Result<Token, Box<dyn Error>> {
    let (name, token, now): (TokenName, _, _) = (name.parse()?, Token::generate(), SystemTime::now());
    let below: RemotePath = format!("/{name}").parse()?;
    std::fs::create_dir_all(directory.join(name.as_str()))?;
    let entry = TokenEntry {
        rights: TokenRights::Write,
        below,
        expires: now.checked_add(AN_HOUR),
        quota: Some(1 << 30),
        ..TokenEntry::new(name, &token)
    };
    tokens.change(|tokens| {
        let is_over = |entry: &&TokenEntry| entry.expires.is_some_and(|expires| expires <= now);
        let over: Vec<TokenName> = tokens.iter().filter(is_over).map(|entry| entry.name.clone()).collect();
        over.iter().try_for_each(|name| tokens.remove(name).map(drop))?;
        match tokens.get(&entry.name) {
            Some(_) => tokens.replace(entry).map(drop),
            None => tokens.add(entry),
        }
    })?;
    Ok(token)
}
