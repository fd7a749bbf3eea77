use super::*;
use crate::store::{LocalStore, StoreOptions, WriteStore};
use proptest::prelude::*;
use remofile_protocol::path::NameRule;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

const TREE: &[&str] = &[
    "/.hidden/a.txt",
    "/.profile",
    "/[x]",
    "/a.txt",
    "/album/2024/a.jpg",
    "/album/2024/b.jpg",
    "/album/2024/notes.txt",
    "/album/2025/.thumbs/a.jpg",
    "/album/2025/c.jpg",
    "/album/notes.txt",
    "/b*c",
    "/café",
    "/deep/er/and/er/x.txt",
    "/{a,b}",
];

/// Makes a store with these files, and the directories they are in. Paths that end with a slash are directories.
fn store<T: AsRef<str>>(paths: &[T]) -> (TempDir, Arc<dyn Store>) {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { names: NameRule::Posix, ..StoreOptions::default() };
    let store = LocalStore::open(root.path(), options).unwrap();
    for text in paths {
        let path: RemotePath = text.as_ref().parse().unwrap();
        let directory = if text.as_ref().ends_with('/') { path.clone() } else { path.parent().unwrap() };
        store.make_directory(&directory, true, true).unwrap();
        if !text.as_ref().ends_with('/') {
            store.create_file(&path, false).unwrap();
        }
    }
    (root, Arc::new(store))
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(&text.parse().unwrap()).unwrap()
}

/// Returns all that a search finds, in its order.
fn search(store: &Arc<dyn Store>, text: &str) -> (Vec<String>, Vec<Failure>) {
    let mut matches = pattern(text).find(Arc::clone(store));
    let (mut entries, mut failures) = (Vec::new(), Vec::new());
    loop {
        match matches.next() {
            Found::Entry(entry) => entries.push(entry.path.to_string()),
            Found::Failed(failure) => failures.push(failure),
            Found::Working => {}
            Found::End => break,
        }
    }
    assert_eq!(matches.next(), Found::End);
    (entries, failures)
}

#[test]
fn patterns_have_special_characters() {
    assert!(is_pattern("/a*") && is_pattern("?") && is_pattern("a[b"));
    assert!(!is_pattern("/a/{b,c}") && !is_pattern("") && !is_pattern("\\"));
}

#[test]
fn patterns_find_what_a_shell_finds() {
    let (_root, store) = store(TREE);
    for (text, expected) in [
        ("/*", &["/[x]", "/a.txt", "/album", "/b*c", "/café", "/deep", "/{a,b}"][..]),
        ("/.*", &["/.hidden", "/.profile"]),
        ("/[.]*", &[]),
        ("/?hidden", &[]),
        ("/\\.p*", &["/.profile"]),
        ("/*.txt", &["/a.txt"]),
        ("/*/notes.txt", &["/album/notes.txt"]),
        ("/*/*/notes.txt", &["/album/2024/notes.txt"]),
        ("/album/20??/[ac].jpg", &["/album/2024/a.jpg", "/album/2025/c.jpg"]),
        ("/album/2024/*", &["/album/2024/a.jpg", "/album/2024/b.jpg", "/album/2024/notes.txt"]),
        ("/album/2025/.*/*", &["/album/2025/.thumbs/a.jpg"]),
        ("/.hidden/*", &["/.hidden/a.txt"]),
        ("/**/*.txt", &["/a.txt", "/album/2024/notes.txt", "/album/notes.txt", "/deep/er/and/er/x.txt"]),
        ("/**/a.*", &["/a.txt", "/album/2024/a.jpg"]),
        ("/album/**/*.jpg", &["/album/2024/a.jpg", "/album/2024/b.jpg", "/album/2025/c.jpg"]),
        ("/**/.thumbs/*", &["/album/2025/.thumbs/a.jpg"]),
        ("/**/2024", &["/album/2024"]),
        // A directory that matches whole is found alone.
        ("/**/er", &["/deep/er"]),
        ("/**/er/*", &["/deep/er/and"]),
        ("/**/er/**/x.txt", &["/deep/er/and/er/x.txt"]),
        ("/**/and/**/er/*", &["/deep/er/and/er/x.txt"]),
        ("/album/**", &["/album/2024", "/album/2025", "/album/notes.txt"]),
        ("/**/***/**/notes.txt", &["/album/2024/notes.txt", "/album/notes.txt"]),
        ("/caf?", &["/café"]),
        ("/caf[é-ü]", &["/café"]),
        ("/b\\*c", &["/b*c"]),
        ("/\\[x\\]", &["/[x]"]),
        ("/{a,b}", &["/{a,b}"]),
        ("/{a,*}", &["/{a,b}"]),
        ("/a.txt", &["/a.txt"]),
        ("/al\\bum/*.txt", &["/album/notes.txt"]),
        // Where the beginning is not there, or a file, or everything, nothing matches.
        ("/missing/*", &[]),
        ("/a.txt/*", &[]),
        ("/*/*/*/*/*/*", &[]),
        ("/", &[]),
    ] {
        assert_eq!(search(&store, text), (expected.iter().map(|&path| path.to_owned()).collect(), vec![]), "{text}");
    }
}

#[test]
fn malformed_patterns_are_told() {
    for (text, part) in [
        ("/a/[b", "never closed"),
        ("/[a/b]", "never closed"),
        ("/*/a\\", "escapes nothing"),
        ("/[b-a]", "before it begins"),
        ("/\\.\\./*", "no file name"),
    ] {
        let failure = Pattern::parse(&text.parse().unwrap()).unwrap_err();
        assert_eq!((failure.code, failure.path.as_deref()), (ErrorCode::BadPattern, Some(text)));
        assert!(failure.detail.unwrap().contains(part), "{text}");
    }
}

#[test]
fn in_a_large_directory_a_search_comes_up_for_air() {
    let paths: Vec<String> = (0..1_000).map(|number| format!("/large/{number:04}")).collect();
    let (_root, store) = store(&paths);
    let mut matches = pattern("/*/0999").find(store);
    let mut pauses = 0;
    while matches.next() == Found::Working {
        pauses += 1;
    }
    assert_eq!(pauses, 3);
    assert_eq!(matches.next(), Found::End);
}

/// A store whose walks are made of what a test says.
struct Scripted(Vec<Listed>);

struct ScriptedWalk(std::vec::IntoIter<Listed>);

impl Walk for ScriptedWalk {
    fn next(&mut self) -> Option<Listed> {
        self.0.next()
    }

    fn skip_directory(&mut self) {}
}

impl Scripted {
    fn search(self, text: &str) -> Vec<Found> {
        let mut matches = pattern(text).find(store::<&str>(&[]).1);
        matches.stage = SearchStage::Walk(Box::new(ScriptedWalk(self.0.into_iter())));
        std::iter::from_fn(|| Some(matches.next()).filter(|found| *found != Found::End)).collect()
    }
}

#[test]
fn what_cannot_be_looked_at_is_told_if_it_may_match() {
    let (_root, store) = store(&["/a/", "/b/"]);
    let directory = |path: &str| Listed::Entry(store.stat(&path.parse().unwrap()).unwrap());
    let denied = |path: &str| Failure::new(ErrorCode::PermissionDenied).at(path);
    let nameless = |path: &str| Failure::new(ErrorCode::InvalidName).at(path);
    let listed = vec![
        Listed::Failed(nameless("/\\xe9.jpg")),
        Listed::Failed(nameless("/a\\xe9")),
        directory("/a"),
        Listed::Failed(denied("/a")),
        directory("/b"),
        Listed::Failed(Failure::new(ErrorCode::DiskFailure)),
    ];
    let expected = [nameless("/a\\xe9"), denied("/a"), Failure::new(ErrorCode::DiskFailure)];
    assert_eq!(Scripted(listed).search("/a*/*.txt"), expected.map(Found::Failed));
}

#[test]
fn names_that_are_no_utf8_are_told_where_they_may_match() {
    use std::os::unix::ffi::OsStrExt as _;
    let (root, store) = store(&["/a/b.txt"]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
    // Not every file system takes such a name.
    if std::fs::File::create_new(root.path().join("a").join(Path::new(name))).is_err() {
        return;
    }
    let (entries, failures) = search(&store, "/a/*");
    assert_eq!((entries.len(), failures.len()), (1, 1));
    let (entries, failures) = search(&store, "/a/*.txt");
    assert_eq!((entries.len(), failures.len()), (1, 0));
}

/// Reports whether names match a pattern's names, as plainly as it can be written.
fn names_match(pattern: &[&str], names: &[&str]) -> bool {
    match (pattern, names) {
        ([], []) => true,
        (["**"], names) => names.first().is_some_and(|first| !first.starts_with('.')),
        (["**", rest @ ..], _) => {
            names_match(rest, names)
                || names
                    .split_first()
                    .is_some_and(|(first, below)| !first.starts_with('.') && names_match(pattern, below))
        }
        ([part, rest @ ..], [name, below @ ..]) => {
            (!name.starts_with('.') || part.starts_with('.'))
                && characters_match(&part.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
                && names_match(rest, below)
        }
        _ => false,
    }
}

fn characters_match(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            characters_match(rest, name) || name.split_first().is_some_and(|(_, name)| characters_match(pattern, name))
        }
        (['?', rest @ ..], [_, name @ ..]) => characters_match(rest, name),
        (['[', '!', only, ']', rest @ ..], [first, name @ ..]) => first != only && characters_match(rest, name),
        (['[', one, other, ']', rest @ ..], [first, name @ ..]) => {
            (first == one || first == other) && characters_match(rest, name)
        }
        ([literal, rest @ ..], [first, name @ ..]) => literal == first && characters_match(rest, name),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

    #[test]
    fn what_is_found_is_what_matches(
        paths in prop::collection::btree_set("(/d[.]?[aé]){0,3}/[.]?[abé]{1,2}", 1..12),
        texts in prop::collection::vec("(/(\\*\\*|[*?]{0,1}[.]?[dabé*?]|\\[(!a|ab|dé)\\][*aé]?|d[*?]|d\\.[aé])){1,4}", 1..12),
    ) {
        let paths: Vec<String> = paths.into_iter().collect();
        let (_root, store) = store(&paths);
        let mut everything = BTreeSet::new();
        for path in &paths {
            everything.extend(path.match_indices('/').skip(1).map(|(end, _)| &path[..end]).chain([&path[..]]));
        }
        for text in texts {
            let parts: Vec<&str> = text.split('/').skip(1).map(|part| if part == "***" { "**" } else { part }).collect();
            let whole: Vec<RemotePath> = everything
                .iter()
                .filter(|path| names_match(&parts, &path.split('/').skip(1).collect::<Vec<_>>()))
                .map(|path| path.parse().unwrap())
                .collect();
            let is_below_another = |path: &RemotePath| whole.iter().any(|other| path != other && path.is_within(other));
            let mut expected: Vec<_> = whole.iter().filter(|path| !is_below_another(path)).cloned().collect();
            expected.sort();
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            prop_assert_eq!(search(&store, &text), (expected, vec![]), "{} in {:?}", text, paths);
        }
    }

    #[test]
    fn nothing_panics(text in "/[]*?a/\\[!^.é-]{0,16}") {
        if let Ok(path) = text.parse() {
            let _ = Pattern::parse(&path);
        }
    }
}
