//! The options of uploads and downloads that a sync takes as well.

use crate::support;

use std::os::unix::fs::MetadataExt;
use support::{Pair, feed, files_below, open_to_write, plant, read, set_modified, write};

/// The two directions, as a command line begins and ends.
const WAYS: [(&str, &str); 2] = [("sync local", "tree /tree"), ("sync remote", "/tree tree")];

/// Files in the source of a direction, and nothing at its destination.
fn pair(way: &str, files: &[&str]) -> Pair {
    let pair = Pair::new();
    let source = if way == "sync local" { pair.local("tree") } else { pair.remote("tree") };
    plant(&source, files);
    pair
}

fn arrived(pair: &Pair, way: &str) -> Vec<String> {
    files_below(&if way == "sync local" { pair.remote("tree") } else { pair.local("tree") })
}

#[test]
fn files_are_chosen_by_their_sizes() {
    for (way, operands) in WAYS {
        // Each file holds its own path.
        let pair = pair(way, &["a", "bb", "ccc", "dddd"]);
        pair.run(&format!("{way} --min-size 2 --max-size 3 {operands}")).ok();
        assert_eq!(arrived(&pair, way), ["bb", "ccc"], "{way}");
        let said = pair.run(&format!("{way} --min-size 3 --max-size 2 {operands}")).fails(2);
        assert!(said.contains("no file is as large"), "{said}");
    }
}

#[test]
fn only_listed_files_are_synchronised_and_a_bad_line_fails_alone() {
    for (way, operands) in WAYS {
        let pair = pair(way, &["a", "b", "d/x", "d/y", "e/z"]);
        write(pair.local("list"), "a\r\n./d/x\n\n../out\nmissing\ne\n");
        let said = pair.run(&format!("{way} --files-from list {operands}")).fails(23);
        assert_eq!(arrived(&pair, way), ["a", "d/x", "e/z"], "{way}");
        for part in ["../out: the name is not valid (list, line 4:", "missing: there is no such file or directory"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(said.contains("2 of 5 files failed, 1 of them: "), "{said}");
    }
}

#[test]
fn a_list_may_come_from_standard_input_with_absolute_paths_below_the_source() {
    for (way, operands) in WAYS {
        let pair = pair(way, &["a", "b", "d/x"]);
        let top = if way == "sync local" { pair.local("tree").display().to_string() } else { "/tree".to_owned() };
        let mut command = pair.command(&format!("{way} --files-from - -0 {operands}"));
        let said = feed(&mut command, format!("{top}/d/x\0{top}//b\0/elsewhere/c\0").as_bytes()).fails(23);
        assert_eq!(arrived(&pair, way), ["b", "d/x"], "{way}");
        assert!(said.contains("/elsewhere/c: ") && said.contains("it is not below "), "{said}");
    }
}

#[test]
fn what_is_deleted_is_below_listed_directories_alone() {
    for (way, operands) in WAYS {
        let pair = pair(way, &["d/new"]);
        let destination = if way == "sync local" { pair.remote("tree") } else { pair.local("tree") };
        plant(&destination, &["d/old", "other", "e/other"]);
        write(pair.local("list"), "d\n");
        let remote_first = if way == "sync remote" { " --remote-first" } else { "" };
        pair.run(&format!("{way} --delete{remote_first} --files-from list {operands}")).ok();
        assert_eq!(arrived(&pair, way), ["d/new", "e/other", "other"], "{way}");
    }
}

#[test]
fn holes_stay_holes() {
    for (way, operands) in WAYS {
        for option in ["--sparse", "-a"] {
            let pair = pair(way, &["a"]);
            let source = if way == "sync local" { pair.local("tree/a") } else { pair.remote("tree/a") };
            open_to_write(&source).set_len(8 << 20).unwrap();
            pair.run(&format!("{way} {option} {operands}")).ok();
            let destination = if way == "sync local" { pair.remote("tree/a") } else { pair.local("tree/a") };
            let metadata = destination.metadata().unwrap();
            assert_eq!(metadata.len(), 8 << 20);
            assert!(metadata.blocks() * 512 < 1 << 20, "{way} {option}: {} blocks", metadata.blocks());
        }
    }
}

#[test]
fn several_connections_and_small_chunks_bring_the_same() {
    for (way, operands) in WAYS {
        let files: Vec<String> = (0..40).map(|number| format!("d{}/{number}", number % 3)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let pair = pair(way, &files);
        pair.run(&format!("{way} -r -f --transfers 4 --chunk-size 512 --no-resume {operands}")).ok();
        assert_eq!(arrived(&pair, way).len(), 40, "{way}");
        for file in files {
            assert_eq!(read(pair.local("tree").join(file)), read(pair.remote("tree").join(file)));
        }
    }
}

#[test]
fn a_source_is_taken_from_the_relative_directory() {
    let pair = Pair::new();
    plant(&pair.local("base/tree"), &["a"]);
    plant(&pair.remote("there/tree"), &["b"]);
    pair.run("sync local --relative-directory base tree /tree").ok();
    assert_eq!(files_below(&pair.remote("tree")), ["a"]);
    pair.run("sync remote --relative-directory /there tree tree").ok();
    assert_eq!(files_below(&pair.local("tree")), ["b"]);
}

#[test]
fn rules_for_files_in_the_way_are_those_of_a_sync() {
    for (rule, content) in [("replace", "a"), ("skip", "older"), ("newer", "a")] {
        let pair = pair("sync local", &["a"]);
        plant(&pair.remote("tree"), &["a"]);
        write(pair.remote("tree/a"), "older");
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        set_modified(pair.remote("tree/a"), old);
        pair.run(&format!("sync local --on-conflict {rule} tree /tree")).ok();
        assert_eq!(read(pair.remote("tree/a")), content.as_bytes(), "{rule}");
    }
}
