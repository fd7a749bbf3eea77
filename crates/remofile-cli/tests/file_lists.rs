//! Lists of files for uploads and downloads.

use crate::support;

use support::{Pair, directory, feed, files_below, objects, plant, write};

const FILES: [&str; 4] = ["a", "b", "d/x", "e/y"];

#[test]
fn one_bad_name_fails_alone_and_is_told_with_its_line() {
    let pair = Pair::new();
    plant(pair.local.path(), &FILES);
    write(pair.local("list"), b"a\n../secret\nmissing\ncaf\xe9\nd/x\n.\n");
    let said = pair.run("upload --files-from list /").fails(23);
    assert_eq!(files_below(pair.root.path()), ["a", "d/x"]);
    for part in [
        "../secret: the name is not valid (list, line 2:",
        "missing: ",
        "list, line 4: it is not UTF-8",
        "line 6: it names nothing",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("4 of 6 files failed, 3 of them: the name is not valid, 1: there is no such file"), "{said}");
    write(pair.local("list"), "b\na\n../secret\nmissing\nd/x\n");
    plant(pair.root.path(), &["b"]);
    let there = directory();
    let mut command = pair.command("download --files-from list");
    let said = support::say(command.arg(there.path())).fails(23);
    assert_eq!(files_below(there.path()), ["a", "b", "d/x"]);
    assert!(said.contains("/missing: there is no such file or directory"), "{said}");
}

#[test]
fn a_line_of_a_list_that_is_no_path_fails_alone_and_is_told_by_its_number() {
    let pair = Pair::new();
    plant(pair.local.path(), &["fine"]);
    for line in ["../x", "a/../b", ".", "/"] {
        write(pair.local("list"), format!("fine\n\n{line}\n"));
        for command in ["upload --files-from list /", "download --files-from list ."] {
            let stderr = pair.run(command).fails(23);
            assert!(stderr.contains("line 3") && stderr.contains(line) && pair.remote("fine").exists(), "{stderr}");
        }
    }
}

#[test]
fn with_archive_a_list_may_have_any_name_that_the_disk_has() {
    use std::os::unix::ffi::OsStrExt;
    let pair = Pair::new();
    let names: [&[u8]; 4] = [b"d/caf\xe9", b"d/new\nline", b"a:b", b"plain"];
    for name in names {
        let path = pair.local.path().join("tree").join(std::ffi::OsStr::from_bytes(name));
        support::mkdir(path.parent().unwrap());
        write(path, name);
    }
    write(pair.local("list"), [names.join(&0), b"d".to_vec()].join(&0));
    let encoded = ["a\u{201b}3Ab", "d/caf\u{201b}E9", "d/new\u{201b}0Aline", "plain"];
    for command in [
        "upload -a -0 --relative-directory tree --files-from list --parents /up/",
        "sync -a -0 --delete --files-from list local tree /up",
    ] {
        pair.run(command).ok();
        assert_eq!(files_below(&pair.remote("up")), encoded, "{command}");
        pair.run("remove -r /up").ok();
    }
}

#[test]
fn a_list_of_bad_names_alone_is_no_wrong_usage() {
    let pair = Pair::new();
    write(pair.local("list"), "..\n");
    for command in ["upload --files-from list /", "download --files-from list ."] {
        let said = pair.run(command).fails(1);
        assert!(said.contains("list, line 1:"), "{said}");
    }
}

#[test]
fn absolute_paths_are_below_the_source_or_keep_all_their_directories() {
    let (pair, elsewhere) = (Pair::new(), directory());
    plant(pair.local.path(), &FILES);
    plant(elsewhere.path(), &["f"]);
    let (here, there) = (pair.local.path().display(), elsewhere.path().display());
    write(pair.local("list"), format!("{here}/d/x\n{here}//./a\n{there}/f\nb\n"));
    pair.run("upload --files-from list /").ok();
    let whole = format!("{}/f", there.to_string().trim_start_matches('/'));
    let mut expected = vec!["a".to_owned(), "b".to_owned(), "d/x".to_owned(), whole];
    expected.sort();
    assert_eq!(files_below(pair.root.path()), expected);
    // Who says where the paths are taken from gets nothing from elsewhere.
    let other = Pair::new();
    plant(&other.local("base"), &["g"]);
    write(other.local("list"), format!("{}/g\n{there}/f\n", other.local("base").display()));
    let said = other.run("upload --relative-directory base --files-from list /").fails(23);
    assert_eq!(files_below(other.root.path()), ["g"]);
    assert!(said.contains("/f: ") && said.contains("it is not below base"), "{said}");
    let said = feed(&mut other.command("download --files-from - --relative-directory /x ."), b"/x/y\n/z\n").fails(1);
    assert!(said.contains("/z: ") && said.contains("it is not below /x"), "{said}");
}

#[test]
fn objects_tell_of_bad_names_as_of_other_failures() {
    let pair = Pair::new();
    plant(pair.local.path(), &FILES);
    write(pair.local("list"), "a\n..\n");
    let said = pair.run("upload --json --files-from list /");
    assert_eq!(said.status, Some(23));
    let events = objects(&said.stdout);
    let failed = events.iter().find(|event| event["event"] == "failed");
    assert!(failed.is_some_and(|event| event["path"] == ".." && event["kind"] == "invalid-name"), "{events:?}");
    let summary = events.last();
    assert!(summary.is_some_and(|summary| summary["failed"] == 1 && summary["failed_by_kind"]["invalid-name"] == 1));
}
