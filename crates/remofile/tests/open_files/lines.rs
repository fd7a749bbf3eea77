//! Connections that are lost, and how often a file crosses the line.

use crate::common::proxy::{CuttingLine, Harm, proxy};
use crate::common::{Fixture, noise, remote};
use crate::open_files::{reading, updating};
use remofile::{Client, ClientOptions, Error, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

fn through(fixture: &Fixture, line: &CuttingLine) -> ClientOptions {
    ClientOptions { port: line.address.port(), ..fixture.options() }
}

#[test]
fn a_lost_connection_costs_a_reader_nothing() {
    let fixture = Fixture::new();
    let content = noise(2_000_000);
    fixture.write("f", &content);
    let line = CuttingLine::new(fixture.address, vec![(Harm::None, Harm::Cut(900_000)), (Harm::None, Harm::None)]);
    let mut file = Client::new(through(&fixture, &line)).open(&remote("/f"), reading()).unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == content);
    drop(file);
    assert_eq!(line.end().2, 2);
}

#[test]
fn a_lost_connection_costs_a_writer_in_place_nothing() {
    let fixture = Fixture::new();
    let path = fixture.write("f", noise(2_000_000));
    let content = noise(1_900_000);
    let line = CuttingLine::new(fixture.address, vec![(Harm::Cut(700_000), Harm::None), (Harm::None, Harm::None)]);
    let mut file = Client::new(through(&fixture, &line)).open(&remote("/f"), updating()).unwrap();
    file.write_all(&content).unwrap();
    file.close().unwrap();
    assert!(std::fs::read(path).unwrap()[..1_900_000] == content);
    assert_eq!(line.end().2, 2);
}

#[test]
fn an_append_that_broke_off_is_completed_and_not_repeated() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "first");
    let content = noise(500_000);
    let line = CuttingLine::new(fixture.address, vec![(Harm::Cut(300_000), Harm::None), (Harm::None, Harm::None)]);
    let mut file = Client::new(through(&fixture, &line)).open(&remote("/f"), OpenOptions::new().append(true)).unwrap();
    file.write_all(&content).unwrap();
    file.flush().unwrap();
    file.write_all(b"last").unwrap();
    file.close().unwrap();
    assert!(std::fs::read(path).unwrap() == [b"first", &content[..], b"last"].concat());
    line.end();
}

#[test]
fn an_append_of_which_nobody_knows_whether_it_was_done_is_told_and_not_repeated() {
    let fixture = Fixture::new();
    fixture.write("f", "");
    // Behind this connection there is nobody any more.
    let (address, _) = proxy(fixture.address, Harm::Cut(300_000), Harm::None);
    let options = ClientOptions { port: address.port(), ..fixture.options() };
    let mut file = Client::new(options).open(&remote("/f"), OpenOptions::new().append(true)).unwrap();
    file.write_all(&noise(500_000)).unwrap();
    let error = file.flush().unwrap_err();
    assert!(matches!(error.downcast::<Error>(), Ok(Error::ConnectionLost(_))));
    assert!(file.write(b"more").is_err());
    assert!(file.close().unwrap_err().to_string().contains("may be missing"));
}

#[test]
fn an_idle_file_outlives_its_server() {
    let mut fixture = Fixture::new();
    let path = fixture.write("f", noise(500_000));
    let mut client = fixture.client();
    let mut file = client.open(&remote("/f"), reading()).unwrap();
    file.read_exact(&mut [0; 10]).unwrap();
    fixture.stop().unwrap();
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 10, "it was read ahead");
    file.seek(SeekFrom::End(-1)).unwrap();
    assert!(file.read(&mut [0; 10]).is_err());
    assert!(path.exists());
}

/// A small file is opened and read by one request and its answer, over the connection that is there.
#[test]
fn the_first_bytes_come_with_the_answer_to_open() {
    let mut fixture = Fixture::new();
    fixture.write("f", noise(60_000));
    let line = CuttingLine::new(fixture.address, vec![(Harm::None, Harm::None)]);
    let mut client = Client::connect(through(&fixture, &line)).unwrap();
    let mut file = client.open(&remote("/f"), reading()).unwrap();
    fixture.stop().unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert_eq!(read.len(), 60_000, "nothing was asked for after it was opened");
    drop((client, file));
    assert_eq!(line.end().2, 1);
}
