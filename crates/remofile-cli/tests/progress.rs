//! Tests of what is seen on a terminal while a transfer runs, and what becomes of the transfer when the terminal goes
//! away.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use support::{Pair, read, say, signal, write};

/// A name of 27 characters and 54 columns, and what else terminals disagree about.
const WIDE: &str = "日本語のとても長いファイル名前です日本語のとても長いファ❤\u{fe0f}e\u{301}שלום.bin";

/// Bytes that take a second or two at [`SLOWLY`], and half a minute at [`VERY_SLOWLY`]: for who does not wait for the end.
const SOME_BYTES: usize = 3 << 20;
const SLOWLY: &str = "--bwlimit 2M";
const VERY_SLOWLY: &str = "--bwlimit 100K";

/// A terminal, and the command that draws on it.
struct Terminal {
    master: File,
    screen: vt100::Parser,
    child: Child,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Streams {
    Both,
    StderrAlone,
    StdoutAlone,
}

impl Terminal {
    fn start(mut command: Command, [rows, columns]: [u16; 2], streams: Streams) -> Self {
        let (master, slave) = open(rows, columns);
        let terminal = || Stdio::from(slave.try_clone().unwrap());
        command.env("TERM", "xterm-256color");
        command.stdin(terminal());
        match streams {
            Streams::Both => command.stdout(terminal()).stderr(terminal()),
            Streams::StderrAlone => command.stdout(Stdio::null()).stderr(terminal()),
            Streams::StdoutAlone => command.stdout(terminal()).stderr(Stdio::piped()),
        };
        let child = command.spawn().unwrap();
        // The command's own ends are closed with it, and so is the terminal then.
        drop((command, slave));
        Self { master, screen: vt100::Parser::new(rows, columns, 100), child, bytes: Vec::new() }
    }

    /// Shows what the command writes; `false` when nobody can write any more.
    fn show(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.master.read(&mut piece) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.screen.process(&piece[..count]);
                self.bytes.extend(&piece[..count]);
                true
            }
        }
    }

    /// The rows that have something on them.
    fn rows(&self) -> Vec<String> {
        let columns = self.screen.screen().size().1;
        self.screen.screen().rows(0, columns).filter(|row| !row.trim().is_empty()).collect()
    }

    fn has(&self, text: &str) -> bool {
        self.rows().iter().any(|row| row.contains(text))
    }

    /// Shows everything until a text is to be seen.
    #[track_caller]
    fn until(&mut self, text: &str) {
        while !self.has(text) {
            assert!(self.show(), "{text} was never to be seen: {:?}", self.rows());
        }
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        tcsetwinsize(&self.master, size(rows, columns)).unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }

    /// Takes the terminal away and waits for the command.
    fn close(self) -> ExitStatus {
        let Self { master, mut child, .. } = self;
        drop(master);
        child.wait().unwrap()
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn open(rows: u16, columns: u16) -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    tcsetwinsize(&master, size(rows, columns)).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = OpenOptions::new().read(true).write(true).open(path).unwrap();
    (master.into(), slave.into())
}

/// A pair with a file of a difficult name to upload.
fn pair() -> Pair {
    let pair = Pair::serving(&["--names", "posix"]);
    write(pair.local(WIDE), vec![7; SOME_BYTES]);
    pair
}

fn upload(pair: &Pair, how: &str) -> Command {
    pair.command(&format!("upload -p {WIDE} / {how}"))
}

#[test]
fn a_name_in_wide_characters_does_not_scroll_the_bar() {
    let pair = pair();
    for columns in [40, 20, 3, 1, 200] {
        let mut terminal = Terminal::start(upload(&pair, SLOWLY), [6, columns], Streams::Both);
        let mut pictures = 0;
        while terminal.show() {
            let rows = terminal.rows();
            if rows.iter().any(|row| row.contains('%')) {
                pictures += 1;
                assert!(rows.len() <= 2, "{columns}: {rows:?}");
            }
            assert_eq!(terminal.screen.screen().scrollback(), 0);
        }
        assert!(terminal.child.wait().unwrap().success());
        assert!(pictures > 1 || columns < 4, "{columns}");
        assert!(String::from_utf8_lossy(&terminal.bytes).contains("1 file, 3.00 MiB"), "{columns}");
        support::unlink(pair.remote(WIDE));
    }
}

#[test]
fn a_terminal_that_is_resized_has_lines_of_its_new_size() {
    let pair = pair();
    let mut terminal = Terminal::start(upload(&pair, VERY_SLOWLY), [6, 120], Streams::Both);
    terminal.until("iB/3.00 MiB");
    terminal.resize(6, 30);
    // What was read first may have been drawn for the former size.
    terminal.until("…");
    assert_eq!(terminal.rows().len(), 2, "{:?}", terminal.rows());
    signal(terminal.child.id(), "TERM");
    while terminal.show() {}
    assert_eq!(terminal.child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_removal_that_takes_long_tells_what_it_does() {
    let pair = pair();
    let mut holder = Terminal::start(upload(&pair, VERY_SLOWLY), [6, 120], Streams::Both);
    holder.until("%");
    let mut terminal = Terminal::start(pair.command(&format!("rm -f /{WIDE}")), [6, 40], Streams::Both);
    terminal.until("removing /");
    assert!(terminal.has("…") && terminal.has(" s"), "{:?}", terminal.rows());
    for terminal in [&mut terminal, &mut holder] {
        signal(terminal.child.id(), "INT");
        while terminal.show() {}
        assert_eq!(terminal.child.wait().unwrap().code(), Some(130));
        assert!(terminal.has("remofile: interrupted") && !terminal.has("…"), "{:?}", terminal.rows());
    }
}

#[test]
fn messages_come_above_the_bar() {
    let pair = pair();
    write(pair.local("b"), "b");
    write(pair.remote("b"), "other");
    let line = format!("upload -pv --on-conflict skip b {WIDE} / {SLOWLY}");
    let mut terminal = Terminal::start(pair.command(&line), [10, 80], Streams::Both);
    // On a busy machine the bar is there before the server has answered.
    terminal.until("skipped");
    terminal.until("%");
    let rows = terminal.rows();
    assert!(rows[0].contains("b: skipped") && rows[1].contains('%'), "{rows:?}");
    while terminal.show() {}
    assert!(terminal.rows().len() >= 3 && !terminal.has("%"), "{:?}", terminal.rows());
}

#[test]
fn it_is_standard_error_that_must_be_a_terminal() {
    let pair = pair();
    let mut terminal = Terminal::start(upload(&pair, SLOWLY), [6, 80], Streams::StderrAlone);
    terminal.until("%");
    while terminal.show() {}
    support::unlink(pair.remote(WIDE));

    let mut terminal = Terminal::start(upload(&pair, SLOWLY), [6, 80], Streams::StdoutAlone);
    let mut told = String::new();
    terminal.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "", "it takes less than ten seconds");
    assert_eq!(terminal.rows(), Vec::<String>::new());
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_whole_lines() {
    let pair = Pair::new();
    write(pair.local("a"), "a");
    let mut command = pair.command("upload -p a");
    command.stdout(Stdio::null());
    let (master, slave) = open(6, 80);
    command.env("TERM", "dumb").stderr(slave);
    let child = command.spawn().unwrap();
    drop(command);
    let mut terminal = Terminal { master, screen: vt100::Parser::new(6, 80, 0), child, bytes: Vec::new() };
    while terminal.show() {}
    assert!(!terminal.bytes.contains(&0x1b) && terminal.has("1 file, 1 B in "), "{:?}", terminal.rows());
}

#[test]
fn an_interrupt_tells_what_is_there_and_how_it_goes_on() {
    let pair = pair();
    for name in ["INT", "TERM", "HUP"] {
        let mut terminal = Terminal::start(upload(&pair, VERY_SLOWLY), [6, 120], Streams::Both);
        terminal.until("iB/3.00 MiB");
        signal(terminal.child.id(), name);
        while terminal.show() {}
        assert_eq!(terminal.child.wait().unwrap().code(), Some(130), "{name}");
        assert!(
            terminal.has("run the same command again") && terminal.has("remofile: interrupted"),
            "{:?}",
            terminal.rows()
        );
        assert!(!terminal.has("%"), "{:?}", terminal.rows());
    }
    say(&mut pair.command(&format!("upload {WIDE} /"))).ok();
    assert_eq!(read(pair.remote(WIDE)).len(), SOME_BYTES);
}

#[test]
fn a_transfer_that_nobody_can_see_any_more_goes_on() {
    let pair = pair();
    let mut terminal = Terminal::start(upload(&pair, SLOWLY), [6, 80], Streams::Both);
    terminal.until("%");
    assert_eq!(terminal.close().code(), Some(0));
    assert_eq!(read(pair.remote(WIDE)).len(), SOME_BYTES);
}

#[test]
fn a_transfer_under_nohup_survives_its_terminal() {
    let pair = pair();
    let plain = upload(&pair, SLOWLY);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(pair.local.path());
    let mut terminal = Terminal::start(command, [6, 80], Streams::Both);
    terminal.until("%");
    signal(terminal.child.id(), "HUP");
    assert_eq!(terminal.close().code(), Some(0));
}
