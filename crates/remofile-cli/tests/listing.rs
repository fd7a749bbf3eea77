//! Tests of how `list` shows what it lists, and of the pages of the manual.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and looks at files directly"
)]

use crate::support;

use support::{Pair, directory, mkdir, read, remofile, say, write};

fn pair() -> Pair {
    let pair = Pair::new();
    mkdir(pair.remote("d"));
    write(pair.remote("d/inside"), "1");
    write(pair.remote("a.tar"), "12345");
    write(pair.remote("b"), "123");
    std::os::unix::fs::symlink("d", pair.remote("link")).unwrap();
    pair
}

#[test]
fn orders_can_be_turned_round_and_directories_listed_themselves() {
    let pair = pair();
    assert_eq!(pair.run("ls").ok(), "a.tar\nb\nd\nlink\n");
    assert_eq!(pair.run("ls --reverse").ok(), "link\nd\nb\na.tar\n");
    assert_eq!(pair.run("ls -S").ok().lines().next(), Some("a.tar"));
    assert!(pair.run("ls --sort size --reverse").ok().ends_with("a.tar\n"));
    assert_eq!(pair.run("ls -d /d /b /link").ok(), "/d\n/b\n/link\n");
    assert_eq!(pair.run("ls -F").ok(), "a.tar\nb\nd/\nlink@\n");
    assert_eq!(pair.run("ls -1 /b /d").ok(), "/b\n\n/d:\ninside\n");
    let files_first = "/a.tar\n/b\n\n/d:\ninside\n\n/link:\ninside\n";
    assert_eq!(pair.run("ls /d /a.tar /link /b").ok(), files_first, "no file seems to be in a directory");
    assert_eq!(pair.run("ls /*").ok(), files_first);
    assert!(pair.run("ls -d /nothing").fails(1).contains("/nothing"));
    assert!(pair.run("ls -S --sort name").fails(2).contains("--sort"));
}

#[test]
fn names_are_coloured_where_somebody_sees_them_or_asks_for_it() {
    let pair = pair();
    let with = |line: &str| {
        let mut command = pair.command(line);
        say(command.env("LS_COLORS", "di=1;34:ln=1;36:*.tar=31").env_remove("NO_COLOR")).ok()
    };
    assert_eq!(
        with("ls --color=always"),
        "\u{1b}[31ma.tar\u{1b}[0m\nb\n\u{1b}[1;34md\u{1b}[0m\n\u{1b}[1;36mlink\u{1b}[0m\n"
    );
    assert!(with("ls -l --color").contains("  \u{1b}[1;34md\u{1b}[0m\n"));
    assert_eq!(with("ls -F --color=always /d"), "inside\n");
    for line in ["ls", "ls --color=never", "ls --colour=auto", "ls --json --color=always"] {
        assert!(!with(line).contains('\u{1b}'), "{line}");
    }
    write(pair.remote("e"), "");
    assert!(pair.run("ls --color=purple").fails(2).contains("purple"));
}

#[test]
fn the_manual_has_pages_for_both_names() {
    let pages = directory();
    say(remofile().arg("man").arg(pages.path())).ok();
    let text = |name: &str| String::from_utf8(read(pages.path().join(name))).unwrap();
    assert!(text("remofile-hash.1").contains("sha256"));
    assert_eq!(text("rmf.1"), ".so man1/remofile.1\n");
    assert_eq!(text("rmf-hash.1"), ".so man1/remofile-hash.1\n");
    assert_eq!(text("rmf-token-add.1"), ".so man1/remofile-token-add.1\n");
    let names = || std::fs::read_dir(pages.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let long = names().filter(|name| name.to_string_lossy().starts_with("remofile")).count();
    assert_eq!(names().count(), 2 * long, "each page has two names");
}
