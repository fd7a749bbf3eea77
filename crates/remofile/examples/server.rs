//! Serves a directory until Ctrl-C ends the process.
//!
//!     cargo run --example server -- DIRECTORY

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use remofile::protocol::token::Token;
use remofile::{Server, ServerOptions};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("which directory?")?;
    let token = Token::generate();

    let server = Server::new(&directory, token.clone())?;
    server.set_options(ServerOptions { file_size_limit: 1 << 40, ..ServerOptions::default() })?;

    // Port 0: any that is free. Clients may connect from here on, and are answered by `serve`.
    let bound = server.bind(0, None)?;
    for address in bound.addresses() {
        println!("serving {directory} on {address}");
    }
    println!("cargo run --example client -- {} {}", bound.addresses()[0].port(), token.reveal());

    // Any thread may end it: `server.clone()` is the same server, and has `terminate()`.
    bound.serve()?;
    Ok(())
}
