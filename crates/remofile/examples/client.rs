//! Uploads this file to a server on this machine, lists what is there and downloads it back.
//!
//!     cargo run --example client -- PORT TOKEN

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Listed, OnConflict};
use remofile::{Client, ClientOptions, Event, Monitor, TransferOptions};
use std::error::Error;
use std::path::{Path, PathBuf};

/// Shows every file as it is finished.
struct Show;

impl Monitor for Show {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::FileFinished { path } => println!("done: {path}"),
            Event::FileFailed { failure } => eprintln!("failed: {failure}"),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("which port?")?.parse()?;
    let token = Token::parse(&arguments.next().ok_or("which token?")?)?;

    let mut client = Client::connect(ClientOptions::new("localhost", port, token))?;
    println!("connected to {}", client.server()?.agent);

    let directory: RemotePath = "/examples".parse()?;
    client.make_directory(&directory, true, false)?;

    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/client.rs"));
    let replace = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
    let report = client.upload(&[source], &directory, &replace, &mut Show)?;
    println!("{} file with {} bytes went up", report.files, report.bytes);

    client.list(&"/".parse()?, true, &mut |listed| {
        match listed {
            Listed::Entry(entry) => println!("{:>9}  {}", entry.size, entry.path),
            Listed::Failed(failure) => eprintln!("{failure}"),
        }
        Ok(())
    })?;

    let back = std::env::temp_dir();
    let replace = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
    let example: RemotePath = "/examples/client.rs".parse()?;
    client.download(&[example], &back, &replace, &mut Show)?;
    println!("and came back to {}", Path::new(&back).join("client.rs").display());
    Ok(())
}
