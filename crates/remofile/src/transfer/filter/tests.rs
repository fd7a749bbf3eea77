use super::*;
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn filter(rules: &[&str]) -> Filter {
    let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
    Filter::new(&rules, None, None).unwrap()
}

fn reason(rule: &str) -> String {
    let failure = Filter::new(&["*.txt".to_owned(), rule.to_owned()], None, None).unwrap_err();
    assert_eq!((failure.code, failure.path.as_deref()), (ErrorCode::BadPattern, Some(rule)));
    failure.detail.unwrap()
}

/// Reports whether a path is sent: it and every directory above it is admitted. A path that ends with a slash is a
/// directory.
fn is_sent(filter: &Filter, path: &str) -> bool {
    let parents_are = path.match_indices('/').all(|(end, _)| filter.admits_directory(&path[..end]));
    parents_are && (path.ends_with('/') || filter.admits_file(path, 0))
}

/// Rules, and what they leave out of [`PATHS`].
const TABLE: &[(&[&str], &[&str])] = &[
    (&[], &[]),
    (&["", "   ", "# a", "#a", "\r"], &[]),
    (&["a"], &["a", "b/a", "b/b/a", "c/a/", "c/a/b"]),
    (&["/a"], &["a"]),
    (&["a/"], &["c/a/", "c/a/b"]),
    (&["/c/a/"], &["c/a/", "c/a/b"]),
    (&["b/a"], &["b/a"]),
    (&["b/"], &["b/", "b/a", "b/b/", "b/b/a", "b/b/.a", "b/été", "d/b/", "d/b/c.txt"]),
    (&["b/*"], &["b/a", "b/b/", "b/b/a", "b/b/.a", "b/été"]),
    (&["b/*/a"], &["b/b/a"]),
    (&["**/b/a"], &["b/a", "b/b/a"]),
    (&["b/**"], &["b/a", "b/b/", "b/b/a", "b/b/.a", "b/été"]),
    (&["b/**/a"], &["b/a", "b/b/a"]),
    (&["*.txt"], &["x.txt", "d/b/c.txt"]),
    (&["*.txt", "!c.txt"], &["x.txt"]),
    (&["!c.txt", "*.txt"], &["x.txt", "d/b/c.txt"]),
    (
        &["/*", "!/b/", "/b/*", "!/b/a"],
        &[
            "a",
            "c/",
            "c/a/",
            "c/a/b",
            "d/",
            "d/b/",
            "d/b/c.txt",
            "x.txt",
            "#a",
            "!a",
            "a ",
            "a\\",
            "{a,b}",
            "e.",
            "b/b/",
            "b/b/a",
            "b/b/.a",
            "b/été",
        ],
    ),
    // What is in a directory that is left out cannot be taken back.
    (&["b", "!b/a"], &["b/", "b/a", "b/b/", "b/b/a", "b/b/.a", "b/été", "c/a/b", "d/b/", "d/b/c.txt"]),
    (&["\\#a"], &["#a"]),
    (&["\\!a"], &["!a"]),
    (&["x.txt  "], &["x.txt"]),
    (&["x.txt\r"], &["x.txt"]),
    (&["a\\ "], &["a "]),
    (&["a\\   "], &["a "]),
    (&["a\\\\ "], &["a\\"]),
    (&["{a,b}"], &["{a,b}"]),
    (&["[a-c].txt"], &["d/b/c.txt"]),
    (&["[!a-c].txt"], &["x.txt"]),
    (&["[[:alpha:]].txt"], &["x.txt", "d/b/c.txt"]),
    (&["[\\#!]a"], &["#a", "!a"]),
    // Neither a set nor `?` or `*` matches a slash.
    (&["b[!x]a", "b[.-0]a", "b?a", "/b*a"], &[]),
    (&["e."], &["e."]),
    // Bytes, as in git.
    (&["?t?"], &[]),
    (&["??t??"], &["b/été", "d/b/c.txt", "x.txt"]),
    (&[".*"], &["b/b/.a"]),
];

const PATHS: &[&str] = &[
    "a",
    "b/",
    "b/a",
    "b/b/",
    "b/b/a",
    "b/b/.a",
    "b/été",
    "c/",
    "c/a/",
    "c/a/b",
    "d/",
    "d/b/",
    "d/b/c.txt",
    "x.txt",
    "#a",
    "!a",
    "a ",
    "a\\",
    "{a,b}",
    "e.",
];

#[test]
fn rules_mean_what_the_manual_of_gitignore_says() {
    for (rules, left_out) in TABLE {
        let filter = filter(rules);
        for path in PATHS {
            assert_eq!(!is_sent(&filter, path), left_out.contains(path), "{rules:?} {path}");
        }
    }
}

/// A repository with the files of [`PATHS`] in it; `None` where git is not installed.
struct Repository(TempDir);

impl Repository {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        for path in PATHS {
            let place = directory.path().join(path);
            if path.ends_with('/') {
                std::fs::DirBuilder::new().create(place).unwrap();
            } else {
                std::fs::File::create_new(place).unwrap();
            }
        }
        let repository = Self(directory);
        repository.git(&["init", "--quiet"], "").map(|_| repository)
    }

    fn git(&self, arguments: &[&str], input: &str) -> Option<String> {
        let mut command = Command::new("git");
        command.current_dir(self.0.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.args(arguments).spawn().ok()?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Some(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
    }

    fn left_out(&self, rules: &[String]) -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(rules.join("\n").as_bytes()).unwrap();
        let excludes = format!("core.excludesFile={}", file.path().display());
        let arguments = ["-c", &excludes, "check-ignore", "--no-index", "-z", "--stdin"];
        // With a slash at its end git would match that, too; it sees that a directory is one.
        let paths: Vec<&str> = PATHS.iter().map(|path| path.trim_end_matches('/')).collect();
        let printed = self.git(&arguments, &paths.join("\0")).unwrap();
        printed.split_terminator('\0').map(str::to_owned).collect()
    }

    fn agrees_with(&self, filter: &Filter, rules: &[String]) {
        let left_out = self.left_out(rules);
        for path in PATHS {
            let for_git = left_out.iter().any(|left_out| left_out == path.trim_end_matches('/'));
            assert_eq!(!is_sent(filter, path), for_git, "{rules:?} {path}");
        }
    }
}

#[test]
fn git_agrees_with_the_table() {
    let Some(repository) = Repository::new() else {
        return;
    };
    for (rules, _) in TABLE {
        let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
        repository.agrees_with(&Filter::new(&rules, None, None).unwrap(), &rules);
    }
}

#[test]
fn git_agrees_with_rules_of_any_kind() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let name =
        prop_oneof!["[abcdx.*?{},#! ]{0,3}", "[a-d*]{0,2}(\\[[!^]?[]ab/!.-]{1,3}\\])?[a-d*]{0,1}", r"[ab\\* ]{1,4}",];
    // `a**/b` leaves out `a` itself with git, which contradicts its manual.
    let name = name.prop_map(|name| name.replace("**", "*").replace("**", "*"));
    let name = prop_oneof![1 => Just("**".to_owned()), 3 => name];
    let rule = ("!?/?", prop::collection::vec(name, 1..4), "/?")
        .prop_map(|(begin, names, end)| format!("{begin}{}{end}", names.join("/")));
    let cases = ProptestConfig::default().cases / 4;
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let run = runner.run(&prop::collection::vec(rule, 1..4), |rules| {
        match Filter::new(&rules, None, None) {
            Ok(filter) => repository.agrees_with(&filter, &rules),
            Err(failure) => prop_assert_eq!(failure.code, ErrorCode::BadPattern),
        }
        Ok(())
    });
    run.unwrap();
}

#[test]
fn without_rules_everything_is_admitted() {
    for filter in [Filter::none(), filter(&[])] {
        assert!(filter.admits_directory("a") && filter.admits_link("a") && filter.admits_file("a", u64::MAX));
    }
}

#[test]
fn sizes_bound_files_alone() {
    let filter = Filter::new(&["*.txt".to_owned()], Some(10), Some(20)).unwrap();
    let admitted: Vec<u64> =
        [0, 9, 10, 20, 21, u64::MAX].into_iter().filter(|&size| filter.admits_file("a", size)).collect();
    assert_eq!(admitted, [10, 20]);
    assert!(!filter.admits_file("a.txt", 15));
    assert!(filter.admits_directory("a") && filter.admits_link("a") && !filter.admits_link("a.txt"));
    assert!(!Filter::new(&[], Some(2), Some(1)).unwrap().admits_file("a", 2));
}

#[test]
fn malformed_rules_are_errors() {
    for (rule, part) in [
        ("[", "never closed"),
        ("a[b", "never closed"),
        ("a\\", "escapes nothing"),
        ("a\\/", "slash"),
        ("a\\/b", "slash"),
        ("[z-a]", "before it begins"),
        ("[[:letter:]]", "no such class"),
        ("[é]", "beyond ASCII"),
        ("!", "names nothing"),
        ("/", "names nothing"),
        ("a\nb", "one line"),
        ("a//b", "empty"),
        ("//a", "empty"),
        ("a//", "empty"),
    ] {
        assert!(reason(rule).contains(part), "{rule}: {}", reason(rule));
    }
}

#[test]
fn rules_are_bounded() {
    let rules = vec!["a".repeat(1023); 64];
    assert!(Filter::new(&rules, None, None).is_ok());
    let rules = [rules, vec![String::new()]].concat();
    assert_eq!(Filter::new(&rules, None, None).unwrap_err().code, ErrorCode::BadPattern);
}

#[test]
fn the_longest_rules_are_read_or_refused() {
    for rule in ["[ -~]", "*a", "?", "**/", "{a", "[!a]*"] {
        let rule = rule.repeat(MAX_RULES_BYTES / rule.len() - 1);
        match Filter::new(&[rule], None, None) {
            Ok(filter) => assert!(filter.admits_file(&"a".repeat(255), 0)),
            Err(failure) => assert_eq!(failure.code, ErrorCode::BadPattern),
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(rules in prop::collection::vec("\\PC{0,12}", 0..4), path in "[a-c/.é]{0,12}") {
        if let Ok(filter) = Filter::new(&rules, None, None) {
            let _ = filter.admits_directory(&path);
            let _ = filter.admits_link(&path);
        }
    }
}
