//! A drop box: whoever has the first token that it prints may put files there, and nothing else; whoever has the second one
//! may see and fetch them, and clear the box. It ends with its standard input.
//!
//!     cargo run --example drop_box -- DIRECTORY PORT

use remofile::protocol::token::Token;
use remofile::{LiveTokens, Server, TokenEntry, TokenRights, Tokens};
use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;

/// Bytes that the box holds at most, and those of a file in it.
const BOX_BYTES: u64 = 10 << 30;
const FILE_BYTES: u64 = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(port)) = (arguments.next(), arguments.next()) else {
        return Err("usage: drop_box DIRECTORY PORT".into());
    };
    serve(Path::new(&directory), port.parse()?, std::io::stdin().lock(), std::io::stdout())
}

/// Serves until there is no more to read.
pub(crate) fn serve(
    directory: &Path,
    port: u16,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<(), Box<dyn Error>> {
    let (putting, fetching) = (Token::generate(), Token::generate());
    let mut tokens = Tokens::new();
    tokens.add(TokenEntry {
        rights: TokenRights::Upload,
        quota: Some(BOX_BYTES),
        file_size_limit: Some(FILE_BYTES),
        ..TokenEntry::new("everybody".parse()?, &putting)
    })?;
    tokens.add(TokenEntry { rights: TokenRights::Write, ..TokenEntry::new("keeper".parse()?, &fetching) })?;
    let server = Server::with_tokens(directory, LiveTokens::new(tokens))?;
    let bound = server.bind(port, None)?;
    for address in bound.addresses().iter().take(1) {
        writeln!(output, "serving on port {}", address.port())?;
    }
    writeln!(output, "to put files there: {}", putting.reveal())?;
    writeln!(output, "to fetch them: {}", fetching.reveal())?;
    let serving = std::thread::spawn(move || bound.serve());
    std::io::copy(&mut input, &mut std::io::sink())?;
    server.terminate()?;
    serving.join().map_err(|_| "the server panicked")??;
    Ok(())
}
