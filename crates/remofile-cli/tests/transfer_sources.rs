//! Tests of which files a transfer moves.

use crate::support;

use std::os::unix::fs::symlink;
use support::{Pair, feed, files_below, mkdir, plant, read, write};

const TREE: &[&str] = &["src/a.o", "src/a.txt", "src/keep.o", "src/sub/b.o", "src/sub/b.txt"];

/// Uploads a tree with options; the files that arrived.
#[track_caller]
fn uploaded(options: &str) -> Vec<String> {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    pair.run(&format!("upload -r {options} src /")).ok();
    files_below(pair.root.path())
}

/// Downloads a tree with options; the files that arrived.
#[track_caller]
fn downloaded(options: &str) -> Vec<String> {
    let pair = Pair::new();
    plant(pair.root.path(), TREE);
    pair.run(&format!("download -r {options} /src .")).ok();
    files_below(pair.local.path())
}

#[test]
fn the_last_rule_that_matches_decides() {
    for (options, expected) in [
        ("--exclude *.o", &["src/a.txt", "src/sub/b.txt"][..]),
        ("--exclude *.o --include keep.o", &["src/a.txt", "src/keep.o", "src/sub/b.txt"]),
        ("--include keep.o --exclude *.o", &["src/a.txt", "src/sub/b.txt"]),
        ("--exclude sub/", &["src/a.o", "src/a.txt", "src/keep.o"]),
    ] {
        assert_eq!(uploaded(options), expected, "{options}");
        assert_eq!(downloaded(options), expected, "{options}");
    }
}

#[test]
fn rules_of_a_file_count_where_the_file_is_named() {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    write(pair.local("rules"), "# objects\n*.o\n\n!a.o\n");
    pair.run("upload -r --exclude-from rules --include keep.o src /").ok();
    assert_eq!(files_below(pair.root.path()), ["src/a.o", "src/a.txt", "src/keep.o", "src/sub/b.txt"]);
}

#[test]
fn sizes_choose_files() {
    for command in ["upload", "download"] {
        let pair = Pair::new();
        let (from, to) = if command == "upload" { (&pair.local, &pair.root) } else { (&pair.root, &pair.local) };
        mkdir(from.path().join("d"));
        for (name, size) in [("empty", 0), ("small", 10), ("middle", 1024), ("large", 4096)] {
            write(from.path().join("d").join(name), vec![1; size]);
        }
        pair.run(&format!("{command} -r --min-size 10 --max-size 1K d")).ok();
        assert_eq!(files_below(to.path()), ["d/middle", "d/small"], "{command}");
        pair.run(&format!("{command} -r --max-size 0 d")).ok();
        assert_eq!(files_below(to.path()), ["d/empty", "d/middle", "d/small"], "{command}");
    }
}

#[test]
fn listed_files_keep_their_directories() {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    write(pair.local("list"), "src/a.txt\n\n./src/sub/b.txt\r\nsrc/a.txt\n");
    pair.run("upload --files-from list").ok();
    assert_eq!(files_below(pair.root.path()), ["src/a.txt", "src/sub/b.txt"]);

    mkdir(pair.remote("dst"));
    pair.run("upload --files-from list --relative-directory . src/keep.o /dst").ok();
    assert_eq!(files_below(&pair.remote("dst")), ["keep.o", "src/a.txt", "src/sub/b.txt"]);

    let back = pair.local("back");
    mkdir(&back);
    write(pair.local("below"), "a.txt\nsub/b.txt");
    pair.run("download --files-from below --relative-directory /src back").ok();
    assert_eq!(files_below(&back), ["a.txt", "sub/b.txt"]);
    assert_eq!(read(back.join("sub/b.txt")), b"src/sub/b.txt");
}

#[test]
fn a_list_comes_from_standard_input_and_may_be_separated_by_nul() {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    let said = feed(&mut pair.command("upload --files-from - -0"), b"src/a.txt\0src/sub/b.o\0");
    assert_eq!(said.ok(), "");
    assert_eq!(files_below(pair.root.path()), ["src/a.txt", "src/sub/b.o"]);
    let said = feed(&mut pair.command("download --relative-directory /src --files-from -"), b"sub/b.o\n");
    said.ok();
    assert_eq!(read(pair.local("sub/b.o")), b"src/sub/b.o");
}

#[test]
fn a_listed_file_that_is_missing_is_named_and_the_others_are_moved() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a"]);
    plant(pair.root.path(), &["b"]);
    write(pair.local("list"), "missing/x\na\nb\n");
    let stderr = pair.run("upload --files-from list").fails(23);
    assert!(stderr.contains("missing/x") && stderr.contains("b: there is no such"), "{stderr}");
    assert!(pair.remote("a").exists());
    assert!(pair.run("download --files-from list --on-conflict skip").fails(23).contains("missing/x"));
    assert!(pair.local("b").exists());
}

#[test]
fn an_empty_list_is_nothing_to_do() {
    let pair = Pair::new();
    for command in ["upload", "download"] {
        assert_eq!(feed(&mut pair.command(&format!("{command} --files-from -")), b"\n").ok(), "");
    }
}

#[test]
fn sources_are_taken_from_the_relative_directory() {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    pair.run("upload --relative-directory src a.txt /").ok();
    assert_eq!(files_below(pair.root.path()), ["a.txt"]);
    plant(pair.root.path(), &["deep/er/x"]);
    pair.run("download --relative-directory /deep er/x .").ok();
    assert_eq!(read(pair.local("x")), b"deep/er/x");
}

#[test]
fn patterns_stand_for_what_they_match() {
    let pair = Pair::new();
    plant(pair.local.path(), TREE);
    pair.run("upload src/*.txt src/sub/[ab].o /").ok();
    assert_eq!(files_below(pair.root.path()), ["a.txt", "b.o"]);
    let pair = Pair::new();
    plant(pair.root.path(), TREE);
    pair.run("download /src/**/*.txt /src/?.o .").ok();
    assert_eq!(files_below(pair.local.path()), ["a.o", "a.txt", "b.txt"]);
}

#[test]
fn a_name_that_looks_like_a_pattern_is_a_name_if_it_exists() {
    let pair = Pair::new();
    plant(pair.local.path(), &["[a]", "a"]);
    pair.run("upload [a]").ok();
    assert_eq!(files_below(pair.root.path()), ["[a]"]);
    plant(pair.root.path(), &["a"]);
    mkdir(pair.local("back"));
    pair.run("download /[a] back").ok();
    assert_eq!(files_below(&pair.local("back")), ["[a]"]);
    pair.run("download /[a] named").ok();
    pair.run("copy :/[a] copied").ok();
    assert_eq!((read(pair.local("named")), read(pair.local("copied"))), (b"[a]".to_vec(), b"[a]".to_vec()));
    assert!(pair.run("download /[ab] none").fails(1).contains("none: "), "what a pattern matches may be several");
}

#[test]
fn a_pattern_that_matches_nothing_is_named_and_ends_as_any_missing_source_does() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a.txt"]);
    plant(pair.root.path(), &["b.txt"]);
    for (line, status) in [
        ("upload *.png", 1),
        ("upload missing.png", 1),
        ("upload a.txt *.png /", 23),
        ("upload --on-conflict skip a.txt missing.png /", 23),
        ("download /*.png", 1),
        ("download /missing.png", 1),
        ("download /b.txt /*.png .", 23),
        ("download --on-conflict skip /b.txt /missing.png .", 23),
    ] {
        let said = pair.run(line);
        assert!(
            said.stderr.contains(".png: nothing matches") || said.stderr.contains(".png: there is no"),
            "{line}: {said:?}"
        );
        said.fails(status);
    }
}

#[test]
fn a_malformed_pattern_is_named_and_ends_with_status_2() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a.txt"]);
    for line in ["upload [a", "download /[a", "upload -r --exclude [a .", "download -r --exclude [a /"] {
        let said = pair.run(line);
        assert!(said.stderr.contains("[a"), "{line}: {said:?}");
        said.fails(2);
    }
}

#[test]
fn links_are_passed_over_with_a_message() {
    let pair = Pair::new();
    plant(pair.local.path(), &["tree/a"]);
    symlink("a", pair.local("tree/link")).unwrap();
    let said = pair.run("upload -r tree");
    assert!(said.stderr.contains("tree/link") && said.stderr.contains("symbolic link"), "{said:?}");
    said.ok();
    assert_eq!(files_below(pair.root.path()), ["tree/a"]);
    assert_eq!(pair.run("upload -r -q tree").stderr, "");
}

#[test]
fn links_in_a_circle_are_told_as_such_and_not_by_a_number_of_the_system() {
    let pair = Pair::new();
    symlink("b", pair.local("a")).unwrap();
    symlink("a", pair.local("b")).unwrap();
    for line in ["upload a /", "upload -r a /", "upload a/x /", "upload --links follow a /"] {
        let said = pair.run(line);
        assert!(said.stderr.contains("form a loop") && !said.stderr.contains("os error"), "{line}: {said:?}");
        said.fails(1);
    }
}

#[test]
fn links_are_followed_or_copied() {
    let pair = Pair::new();
    plant(pair.local.path(), &["tree/a"]);
    symlink("a", pair.local("tree/link")).unwrap();
    for (links, is_link) in [("follow", false), ("copy", true)] {
        mkdir(pair.remote(links));
        assert_eq!(pair.run(&format!("upload -r --links {links} tree /{links}")).stderr, "");
        assert_eq!(files_below(&pair.remote(links)), ["tree/a", "tree/link"]);
        assert_eq!(pair.remote(links).join("tree/link").is_symlink(), is_link);
        assert_eq!(read(pair.remote(links).join("tree/link")), b"tree/a");
    }
    mkdir(pair.local("back"));
    pair.run("download -r --links copy /copy/tree back").ok();
    assert_eq!(pair.local("back/tree/link").read_link().unwrap().to_str(), Some("a"));
}

#[test]
fn links_that_lead_out_are_neither_followed_nor_copied_but_named() {
    for links in ["follow", "copy"] {
        let pair = Pair::new();
        plant(pair.local.path(), &["tree/a", "out"]);
        symlink("../out", pair.local("tree/leak")).unwrap();
        let said = pair.run(&format!("upload -r --links {links} tree"));
        assert!(said.stderr.contains("tree/leak"), "{links}: {said:?}");
        assert_eq!(files_below(pair.root.path()), ["tree/a"], "{links}");
    }
}

#[test]
fn a_directory_is_not_sent_into_itself() {
    let pair = Pair::new();
    plant(pair.root.path(), &["tree/a", "tree/sub/b"]);
    let tree = pair.remote("tree");
    let said = pair.run(&format!("upload -r {} /tree/sub", tree.display()));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.stderr.contains("inside it"), "{said:?}");
    let said = pair.run(&format!("download -r /tree {}", tree.join("sub").display()));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert_eq!(files_below(pair.root.path()), ["tree/a", "tree/sub/b"]);
}

#[test]
fn a_source_that_is_missing_is_told_before_a_destination_that_is_missing_too() {
    let pair = Pair::new();
    let said = pair.run("upload nothing /new").fails(1);
    assert!(said.starts_with("remofile: nothing: there is no such file"), "{said}");
}

#[test]
fn what_is_reserved_is_named_once_whatever_the_copy_is_called() {
    let pair = Pair::new();
    plant(pair.local.path(), &["tree/a", "tree/.remofile/b"]);
    for line in ["upload -r tree /", "upload -r tree /new", "upload -rn tree /newer"] {
        let said = pair.run(line);
        assert_eq!(said.stderr.matches("tree/.remofile: skipped").count(), 1, "{line}: {said:?}");
    }
    assert_eq!(files_below(pair.root.path()), ["new/a", "tree/a"]);
}
