//! Commands that name the copy of a directory, were interrupted when it was begun, and are run again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{CommandOutput, Pair, files_below, mkdir, read, say, write};

/// Both sides, and the place of what the client keeps between runs.
struct Scene {
    pair: Pair,
    state: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { pair: Pair::new(), state: support::directory() }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.pair.command(line);
        command.env("XDG_STATE_HOME", self.state.path());
        command
    }

    fn run(&self, line: &str) -> CommandOutput {
        say(&mut self.command(line))
    }

    /// Runs a command and kills it when a file is in a directory.
    fn cut(&self, line: &str, directory: &Path) {
        let mut child = self.command(line).stderr(Stdio::null()).spawn().unwrap();
        while !directory.is_dir() || files_below(directory).is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn make_tree(directory: &Path) {
    mkdir(directory);
    for number in 0..40 {
        write(directory.join(number.to_string()), vec![number; 50_000]);
    }
}

/// The command says what it goes on with: it would be the directory that holds the copy for who has made it since.
fn assert_goes_on(output: CommandOutput, path: &str) {
    let told = format!("remofile: going on with {path}, which an earlier run has begun\n");
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    output.ok();
}

#[test]
fn a_copy_that_a_file_is_in_the_way_of_is_not_begun() {
    let scene = Scene::new();
    make_tree(&scene.pair.local("tree"));
    make_tree(&scene.pair.remote("there"));
    write(scene.pair.local("copy"), "file");
    write(scene.pair.remote("copy"), "file");
    for line in ["upload -r tree /copy", "copy -r :/there :/copy", "download -r /there copy"] {
        for line in [line, &line.replace(" -r", " -rf")] {
            for _ in 0..2 {
                let told = scene.run(line).fails(1);
                assert!(told.contains("copy: ") && !told.contains("going on"), "{line}: {told}");
                assert_eq!(line.contains("copy -rf"), told.contains("do not replace each other"), "{line}: {told}");
            }
        }
    }
    assert_eq!((read(scene.pair.local("copy")), read(scene.pair.remote("copy"))), (b"file".to_vec(), b"file".to_vec()));
}

#[test]
fn an_upload_whose_directory_was_removed_and_made_anew_goes_into_it() {
    let scene = Scene::new();
    let (tree, copy) = (scene.pair.local("tree"), scene.pair.remote("copy"));
    make_tree(&tree);
    for line in ["remove -r /copy", "move /copy /elsewhere"] {
        scene.cut("upload -r --bwlimit 500K tree /copy", &copy);
        scene.run(line).ok();
        mkdir(&copy);
        let next = scene.run("upload -r tree /copy");
        assert!(!next.stderr.contains("going on"), "{}", next.stderr);
        next.ok();
        assert_eq!(files_below(&copy.join("tree")), files_below(&tree), "{line}");
        scene.run("remove -r /copy").ok();
    }
}

#[test]
fn an_upload_that_was_killed_goes_on_in_the_directory_that_it_has_made() {
    let scene = Scene::new();
    let (tree, copy) = (scene.pair.local("tree"), scene.pair.remote("copy"));
    make_tree(&tree);
    scene.cut("upload -r --bwlimit 500K tree /copy", &copy);
    assert!(files_below(&copy).len() < 40);
    assert_goes_on(scene.run("upload -r tree /copy"), "/copy");
    assert_eq!(files_below(&copy), files_below(&tree));
    let next = scene.run("upload -r tree /copy");
    assert!(!next.stderr.contains("going on"), "{}", next.stderr);
    next.ok();
    assert_eq!(files_below(&copy.join("tree")), files_below(&tree), "what is complete holds the next copy");
}

#[test]
fn a_download_that_was_killed_goes_on_in_the_directory_that_it_has_made() {
    let scene = Scene::new();
    let (tree, copy) = (scene.pair.remote("tree"), scene.pair.local("copy"));
    make_tree(&tree);
    scene.cut("download -r --bwlimit 500K --fsync none /tree copy", &copy);
    assert!(files_below(&copy).len() < 40);
    assert_goes_on(scene.run("download -r /tree copy"), "copy");
    assert_eq!(files_below(&copy), files_below(&tree));
    scene.run("download -r /tree copy").ok();
    assert_eq!(files_below(&copy.join("tree")), files_below(&tree));
}

#[test]
fn a_copy_that_was_not_complete_goes_on_and_replaces_nothing() {
    let scene = Scene::new();
    let (tree, copy) = (scene.pair.remote("tree"), scene.pair.remote("copy"));
    mkdir(&tree);
    write(tree.join("a"), "a");
    write(tree.join("b"), "b");
    symlink("/etc/passwd", tree.join("out")).unwrap();
    scene.run("copy -r /tree /copy").fails(23);
    support::unlink(copy.join("a"));
    write(copy.join("b"), "of somebody else");
    support::unlink(tree.join("out"));
    let refused = scene.run("copy -r /tree /copy").fails(23);
    assert!(refused.contains("/copy/b: it exists already"), "{refused}");
    assert_eq!((read(copy.join("a")), read(copy.join("b"))), (b"a".to_vec(), b"of somebody else".to_vec()));
    support::unlink(copy.join("b"));
    // What is there already is in nobody's way.
    assert_goes_on(scene.run("copy -r /tree /copy"), "/copy");
    assert_eq!(files_below(&copy), files_below(&tree));
    scene.run("copy -r /tree /copy").ok();
    assert_eq!(files_below(&copy.join("tree")), files_below(&tree));
}

#[test]
fn a_copy_that_could_not_begin_is_not_remembered() {
    let scene = Scene::new();
    mkdir(scene.pair.local("tree"));
    write(scene.pair.local("tree/file"), "f");
    let refused = scene.run("upload -r tree /no/copy").fails(1);
    assert!(refused.contains("/no"), "{refused}");
    mkdir(scene.pair.remote("no/copy"));
    scene.run("upload -r tree /no/copy").ok();
    assert_eq!(read(scene.pair.remote("no/copy/tree/file")), b"f");
}

#[test]
fn a_copy_that_is_there_is_not_skipped() {
    let pair = Pair::new();
    write(pair.remote("file"), "content");
    pair.server.run("copy /file /copy").ok();
    let copied = pair.server.run("copy --json --on-conflict skip /file /copy").ok();
    assert!(copied.contains("\"files\":1"), "{copied}");
    write(pair.remote("file"), "changed");
    let skipped = pair.server.run("copy --json --on-conflict skip /file /copy").ok();
    assert!(skipped.contains("\"files\":0"), "{skipped}");
    pair.server.run("copy /file /copy").fails(1);
    assert_eq!(read(pair.remote("copy")), b"content");
}
