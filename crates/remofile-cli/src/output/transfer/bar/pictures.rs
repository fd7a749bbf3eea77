//! Pictures of terminals: what a user sees, as docs/progress.md shows it.

use super::layout;
use super::progress::Progress;
use crate::output::screen::{Size, block};
use crate::output::transfer::count::Count;
use crate::output::transfer::so_far::so_far;
use crate::output::transfer::stats::sentence;
use crate::output::{Presentation, note_line};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::{Error, TransferReport};
use std::fmt::Write;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../../../../../docs/progress.md");

const MIB: u64 = 1 << 20;
const WIDTHS: [usize; 2] = [40, 200];

/// A terminal on which a command was typed, and what the command draws.
struct Terminal {
    parser: vt100::Parser,
    size: Size,
}

impl Terminal {
    const ROWS: u16 = 8;

    fn new(columns: usize, command: &str) -> Self {
        let mut parser = vt100::Parser::new(Self::ROWS, u16::try_from(columns).unwrap(), 0);
        parser.process(format!("$ {command}\r\n").as_bytes());
        Self { parser, size: Size { columns, rows: Self::ROWS.into() } }
    }

    fn draw(&mut self, progress: &mut Progress, now: Duration) {
        let lines = layout::block(progress, now, self.size);
        self.parser.process(block(&lines).as_bytes());
    }

    /// The rows that have something on them.
    fn rows(&self) -> Vec<String> {
        let columns = u16::try_from(self.size.columns).unwrap();
        let mut rows: Vec<String> = self.parser.screen().rows(0, columns).collect();
        while rows.last().is_some_and(|row| row.trim().is_empty()) {
            rows.pop();
        }
        rows
    }
}

/// A transfer after so many seconds, which has moved at an even speed since it began.
struct Scene {
    name: &'static str,
    command: &'static str,
    seconds: u64,
    make: fn(&mut Count),
    then: fn(&mut Progress, Duration),
}

const fn nothing_more(_: &mut Progress, _: Duration) {}

fn upload(count: &mut Count) {
    count.set_total(120, 2720 * MIB);
    for number in 0..12 {
        count.started(&format!("photos/2026/{number}.jpg"), Some(10 * MIB), 0);
        count.finished(&format!("photos/2026/{number}.jpg"));
    }
    count.started("photos/2026/holidays on the island/IMG_20260714_193205.jpg", Some(2 * MIB), 0);
    count.transferred(1228 * MIB);
}

fn several(count: &mut Count) {
    count.set_total(7, 9000 * MIB);
    for name in ["arch.iso", "debian-live-13.2.0-amd64-standard.iso", "fedora.iso", "ubuntu-26.04-desktop-amd64.iso"] {
        count.started(&format!("i/{name}"), Some(1000 * MIB), 0);
    }
    count.transferred(500 * MIB);
}

const SCENES: [Scene; 7] = [
    Scene {
        name: "An upload",
        command: "remofile upload -rp photos /",
        seconds: 100,
        make: upload,
        then: nothing_more,
    },
    Scene {
        name: "A download, with a name in wide characters",
        command: "remofile download -p :/文書 .",
        seconds: 10,
        make: |count| {
            count.set_total(2, 64 * MIB);
            count.started("文書/二〇二六年度の年次報告書（最終版）の写し.pdf", Some(40 * MIB), 0);
            count.transferred(20 * MIB);
        },
        then: nothing_more,
    },
    Scene {
        name: "A sync that compares the two directories first",
        command: "remofile sync -p photos nas:/photos",
        seconds: 3,
        make: |_| {},
        then: nothing_more,
    },
    Scene {
        name: "Several files at once",
        command: "remofile get -rp --transfers 4 :/i .",
        seconds: 20,
        make: several,
        then: nothing_more,
    },
    Scene {
        name: "An unknown total",
        command: "tar c . | rmf put -p - --name a.tar",
        seconds: 8,
        make: |count| {
            count.started("a.tar", None, 0);
            count.transferred(100 * MIB);
        },
        then: nothing_more,
    },
    Scene {
        name: "Somebody else uses the path",
        command: "remofile upload -rp photos /",
        seconds: 12,
        make: |_| {},
        then: |progress, now| progress.wait(now - Duration::from_secs(9)),
    },
    Scene {
        name: "The connection was lost",
        command: "remofile upload -rp photos /",
        seconds: 100,
        make: |count| {
            upload(count);
            count.again();
        },
        then: |progress, now| progress.pause(now, Duration::from_secs(4)),
    },
];

impl Scene {
    fn progress(&self) -> (Progress, Duration) {
        let (mut progress, mut count) = (Progress::default(), Count::default());
        let now = Duration::from_secs(self.seconds);
        progress.update(&count, now - Duration::from_secs(self.seconds.min(10)));
        (self.make)(&mut count);
        progress.update(&count, now);
        (self.then)(&mut progress, now);
        (progress, now)
    }

    fn picture(&self, columns: usize) -> String {
        let (mut progress, now) = self.progress();
        let mut terminal = Terminal::new(columns, self.command);
        terminal.draw(&mut progress, now);
        format!("```text\n{}\n```\n", terminal.rows().join("\n"))
    }
}

/// The lines that stay when a transfer has ended.
fn ends() -> [(&'static str, Vec<String>); 3] {
    let elapsed = Duration::from_secs(118);
    let done = TransferReport { files: 120, bytes: 2720 * MIB, ..TransferReport::default() };
    let failures = vec![Failure::new(ErrorCode::PermissionDenied).at("/photos/2026/7.jpg")];
    let failed = TransferReport { files: 119, failures: failures.clone(), ..done.clone() };
    let mut count = Count::default();
    upload(&mut count);
    let so_far = so_far(&Error::Interrupted, &count).unwrap();
    [
        ("Finished", vec![sentence(&done, done.bytes, elapsed)]),
        (
            "Finished, and a file failed",
            vec![Presentation { json: false }.file_line(&failures[0]), sentence(&failed, done.bytes, elapsed)],
        ),
        ("Interrupted with Ctrl-C", vec![note_line(&so_far), "remofile: interrupted".to_owned()]),
    ]
}

/// The pictures as the document has them.
fn pictures() -> String {
    let mut text = String::new();
    for scene in SCENES {
        let _ = writeln!(text, "### {}\n", scene.name);
        for columns in WIDTHS {
            let _ = writeln!(text, "{columns} columns:\n\n{}", scene.picture(columns));
        }
    }
    for (name, lines) in ends() {
        let _ = writeln!(text, "### {name}\n\n```text\n{}\n```\n", lines.join("\n"));
    }
    let (mut progress, now) = SCENES[0].progress();
    let line = layout::line(&mut progress, now);
    let _ = writeln!(text, "### Without a terminal, every ten seconds\n\n```text\nremofile: {line}\n```");
    text
}

#[test]
fn the_document_shows_what_a_user_sees() {
    let pictures = pictures();
    assert!(DOCUMENT.contains(&pictures), "docs/progress.md is to have this:\n{pictures}");
}

#[test]
fn the_block_never_wraps_or_scrolls_whatever_the_width() {
    for scene in SCENES {
        let (mut progress, now) = scene.progress();
        for columns in 1..=220 {
            let size = Size { columns, rows: Terminal::ROWS.into() };
            for line in layout::block(&mut progress, now, size) {
                let width = unicode_width::UnicodeWidthStr::width_cjk(line.as_str());
                assert!(width < columns || line.is_empty(), "{columns}: {line:?}");
            }
        }
    }
}

#[test]
fn what_is_drawn_again_leaves_nothing_behind() {
    for columns in [1, 2, 5, 20, 40, 80, 200] {
        let mut terminal = Terminal::new(columns, "");
        let before = terminal.parser.screen().cursor_position();
        for scene in SCENES.iter().chain(&SCENES) {
            let (mut progress, now) = scene.progress();
            terminal.draw(&mut progress, now);
            assert_eq!(terminal.parser.screen().cursor_position(), before, "{} at {columns}", scene.name);
            let lines = layout::block(&mut progress, now, terminal.size);
            assert!(terminal.rows().len() <= lines.len() + usize::from(before.0), "{}", scene.name);
        }
        terminal.parser.process(b"\r\x1b[J");
        assert!(terminal.rows().len() <= before.0.into());
    }
}

#[test]
fn a_terminal_that_is_made_narrower_in_between_keeps_what_is_above() {
    let (mut progress, now) = SCENES[3].progress();
    let mut terminal = Terminal::new(200, "first");
    for columns in [200, 40, 7, 120] {
        terminal.size.columns = columns;
        terminal.parser.screen_mut().set_size(Terminal::ROWS, u16::try_from(columns).unwrap());
        terminal.draw(&mut progress, now);
        let rows = terminal.rows();
        assert!(rows[0].starts_with("$ firs"), "{rows:?}");
        assert_eq!(rows.len(), 1 + layout::block(&mut progress, now, terminal.size).len(), "{rows:?}");
    }
}
