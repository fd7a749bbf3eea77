//! The examples of servers with many users, run.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests fail by panicking; programs have a main"
)]

#[path = "../examples/drop_box.rs"]
mod drop_box;
#[path = "../examples/web_tokens.rs"]
mod web_tokens;

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{ErrorCode, OnConflict};
use remofile::{Client, ClientOptions, Error, Silent, TransferOptions};
use std::io::{BufRead, BufReader, Cursor, Lines, PipeReader, Write, pipe};

/// Reads the next line that an example prints.
fn line(lines: &mut Lines<BufReader<PipeReader>>) -> String {
    lines.next().unwrap().unwrap()
}

/// Returns the last word of a text, without what follows a number.
fn port(text: &str) -> u16 {
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn client(port: u16, token: &str) -> Client {
    Client::connect(ClientOptions::new("127.0.0.1", port, Token::parse(token).unwrap())).unwrap()
}

fn put(client: &mut Client, path: &str, options: &TransferOptions) -> Result<(), Error> {
    let content = Box::new(Cursor::new(b"content".to_vec()));
    client.upload_stream(content, &path.parse().unwrap(), options, &mut Silent).map(drop)
}

fn names(client: &mut Client) -> Result<usize, Error> {
    let mut count = 0;
    client.list(&RemotePath::root(), true, &mut |_| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn is_denied<T>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Remote(failure)) if failure.code == ErrorCode::PermissionDenied)
}

#[test]
fn the_drop_box_takes_files_and_shows_them_to_its_keeper_alone() {
    let root = tempfile::tempdir().unwrap();
    let ((input, end), (output, writer)) = (pipe().unwrap(), pipe().unwrap());
    std::thread::scope(|scope| {
        let example = scope.spawn(|| drop_box::serve(root.path(), 0, input, writer).is_ok());
        let mut lines = BufReader::new(output).lines();
        let port = port(&line(&mut lines));
        let [putting, fetching] = [(); 2].map(|()| line(&mut lines).rsplit(' ').next().unwrap().to_owned());
        let (mut somebody, mut keeper) = (client(port, &putting), client(port, &fetching));
        put(&mut somebody, "/letter", &TransferOptions::default()).unwrap();
        let replacing = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
        assert!(is_denied(put(&mut somebody, "/letter", &replacing)));
        assert!(is_denied(names(&mut somebody)));
        assert!(is_denied(somebody.remove(&"/letter".parse().unwrap(), false)));
        assert_eq!(names(&mut keeper).unwrap(), 1);
        keeper.remove(&"/letter".parse().unwrap(), false).unwrap();
        drop(end);
        assert!(example.join().unwrap());
    });
}

#[test]
fn the_web_application_gives_each_user_a_directory_and_a_token() {
    let root = tempfile::tempdir().unwrap();
    let ((input, mut users), (output, writer)) = (pipe().unwrap(), pipe().unwrap());
    std::thread::scope(|scope| {
        let example = scope.spawn(|| web_tokens::serve(root.path(), 0, BufReader::new(input), writer).is_ok());
        let mut lines = BufReader::new(output).lines();
        let port = port(&line(&mut lines));
        users.write_all(b"alice\nbob\nno user\n").unwrap();
        let (alice, bob) = (line(&mut lines), line(&mut lines));
        assert!(line(&mut lines).starts_with("no token:"));
        let (mut of_alice, mut of_bob) = (client(port, &alice), client(port, &bob));
        put(&mut of_alice, "/diary", &TransferOptions::default()).unwrap();
        assert_eq!((names(&mut of_alice).unwrap(), names(&mut of_bob).unwrap()), (1, 0));
        assert_eq!(of_alice.usage().unwrap().quota, Some(1 << 30));
        assert_eq!(std::fs::read(root.path().join("alice/diary")).unwrap(), b"content");
        drop(users);
        assert!(example.join().unwrap());
    });
}
