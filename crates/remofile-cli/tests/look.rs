//! The commands that look at what is there: du, tree, find, stat.

use crate::support;

use support::{Pair, mkdir, objects, write};

/// A server with `a.txt` (3 bytes), `d/b.txt` (5) and `d/e/c.MD` (7).
fn pair() -> Pair {
    let pair = Pair::new();
    mkdir(pair.remote("d"));
    mkdir(pair.remote("d/e"));
    write(pair.remote("a.txt"), "123");
    write(pair.remote("d/b.txt"), "12345");
    write(pair.remote("d/e/c.MD"), "1234567");
    pair
}

#[test]
fn du_sums_what_directories_hold_as_du_does() {
    let pair = pair();
    assert_eq!(pair.run("du").ok(), "7\t/d/e\n12\t/d\n15\t/\n");
    assert_eq!(pair.run("du -s /d /a.txt").ok(), "12\t/d\n3\t/a.txt\n");
    assert_eq!(pair.run("du -sh").ok(), "15\t/\n");
    assert_eq!(pair.run("du -s --json /d").ok(), "{\"path\":\"/d\",\"size\":12}\n");
    assert!(pair.run("du /nothing").fails(1).contains("/nothing"));
}

#[test]
fn a_tree_is_drawn() {
    let pair = pair();
    let drawn = "├── a.txt\n└── d\n    ├── b.txt\n    └── e\n        └── c.MD\n\n2 directories, 3 files\n";
    assert_eq!(pair.run("tree").ok(), drawn);
    write(pair.remote("z"), "");
    let near = "├── a.txt\n├── d\n│   ├── b.txt\n│   └── e\n└── z\n\n2 directories, 3 files\n";
    assert_eq!(pair.run("tree -L 2 /").ok(), near);
    assert_eq!(pair.run("tree -d /d").ok(), "└── e\n\n1 directory, 0 files\n");
}

#[test]
fn find_has_the_tests_that_fingers_know() {
    let pair = pair();
    assert_eq!(pair.run("find / -name *.txt").ok(), "/a.txt\n/d/b.txt\n");
    assert_eq!(pair.run("find /d --iname *.md").ok(), "/d/e/c.MD\n");
    assert_eq!(pair.run("find -type d").ok(), "/d\n/d/e\n");
    assert_eq!(pair.run("find --min-size 5 --max-size 6").ok(), "/d/b.txt\n");
    assert_eq!(objects(&pair.run("find --json -name a.txt").ok())[0]["size"], 3);
    assert!(pair.run("find / --name a/b").fails(2).contains("a/b"));
}

#[test]
fn stat_shows_what_is_known() {
    let pair = pair();
    let shown = pair.run("stat /a.txt").ok();
    assert!(shown.contains("path      /a.txt\n") && shown.contains("size      3 bytes\n"), "{shown}");
    assert!(pair.run("stat /a.txt /nothing").fails(23).contains("/nothing"));
    assert_eq!(objects(&pair.run("stat --json /d").ok())[0]["type"], "directory");
}

#[test]
fn of_several_paths_that_are_looked_at_those_that_fail_are_named() {
    let pair = pair();
    for (command, shown) in [("du -s", "3\t/a.txt\n12\t/d\n"), ("find -type f", "/a.txt\n/d/b.txt\n/d/e/c.MD\n")] {
        for missing in ["/nothing", "/none*"] {
            let run = pair.run(&format!("{command} /a.txt {missing} /d"));
            assert_eq!(run.status, Some(23), "{command} {missing}");
            assert_eq!(run.stdout, shown, "{command} {missing}");
            assert!(run.stderr.contains(missing), "{}", run.stderr);
            assert!(pair.run(&format!("{command} {missing}")).fails(1).contains(missing));
        }
    }
    assert!(pair.run("df /nothing /none*").fails(1).contains("/none*"));
    assert!(pair.run("df -h / /none*").fails(23).contains("/none*"));
}

#[test]
fn cat_takes_patterns() {
    let pair = pair();
    write(pair.remote("d/e/d.MD"), "89");
    assert_eq!(pair.run("cat /d/*/*.MD /a.txt").ok(), "123456789123");
    assert!(pair.run("cat /d/*.none").fails(1).contains("matches"));
    assert!(pair.run("cat -f /d/e/*").fails(2).contains("one file"));
}
