use super::*;
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::wire::{AttributeSet, OnConflict, Selection, StagedFileId};
use std::collections::BTreeSet;

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

/// One of each kind of request at least, and the fields that its line has.
fn requests() -> Vec<(Request, &'static str)> {
    let sign = |file: &str| ToSign { path: path(file), block_bytes: 0, seed: 0, parts: Vec::new(), undigested: false };
    let names = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    let many = (0..20).map(|number| path(&format!("/{number}"))).collect::<Vec<_>>();
    let find = |sources| Request::Find {
        sources,
        recursive: true,
        selection: None,
        digests: true,
        attributes: AttributeSet::NONE,
    };
    let upload = |names| Request::Upload {
        destination: path("/d"),
        on_conflict: OnConflict::Replace,
        names,
        group: Some(7),
        claims: None,
    };
    vec![
        (
            Request::List {
                path: path("/a"),
                recursive: true,
                rules: vec!["x".into()],
                targets: true,
                unflushed: true,
                extras: false,
            },
            r#""what":"list","path":"/s/a""#,
        ),
        (Request::Stat { path: path("/") }, r#""what":"stat","path":"/s""#),
        (Request::CreateFile { path: path("/a"), update: true }, r#""what":"create-file","path":"/s/a""#),
        (
            Request::MakeDirectory { path: path("/a"), update: true, parents: true },
            r#""what":"make-directory","path":"/s/a""#,
        ),
        (upload(None), r#""what":"upload","path":"/s/d""#),
        (upload(Some(names(2))), r#""what":"upload","path":"/s/d","paths":["/s/d/0","/s/d/1"]"#),
        (
            Request::Download {
                sources: vec![path("/a"), path("/b*")],
                recursive: true,
                total: true,
                credit: 9,
                selection: Some(Selection::default()),
                send_options: None,
            },
            r#""what":"download","path":"/s/a","paths":["/s/a","/s/b*"]"#,
        ),
        (Request::Remove { path: path("/a"), recursive: true }, r#""what":"remove","path":"/s/a""#),
        (
            Request::Move { source: path("/a"), destination: path("/b"), replace: true },
            r#""what":"move","path":"/s/a","to":"/s/b""#,
        ),
        (Request::Status, r#""what":"status""#),
        (find(Vec::new()), r#""what":"find""#),
        (
            find(many),
            concat!(
                r#""what":"find","path":"/s/0","paths":["/s/0","/s/1","/s/2","/s/3","/s/4","/s/5","/s/6","/s/7","#,
                r#""/s/8","/s/9","/s/10","/s/11","/s/12","/s/13","/s/14","/s/15"],"more_paths":4"#
            ),
        ),
        (
            Request::Survey { destination: path("/"), names: names(1), unflushed: true },
            r#""what":"survey","path":"/s","paths":["/s/0"]"#,
        ),
        (Request::Partials, r#""what":"list-partials","path":"/s""#),
        (Request::ClearPartials { paths: Vec::new() }, r#""what":"clear-partials","path":"/s""#),
        (Request::ClearPartials { paths: vec![path("/a")] }, r#""what":"clear-partials","path":"/s/a""#),
        (Request::Hold { write: true, paths: Vec::new() }, r#""what":"sync","path":"/s""#),
        (Request::Hold { write: true, paths: vec![path("/a")] }, r#""what":"sync","path":"/s/a""#),
        (Request::Sign { files: vec![sign("/a")] }, r#""what":"sign","path":"/s/a""#),
        (
            Request::Read { path: path("/a"), offset: 1, length: 2, version: None, credit: 3, growing: None },
            r#""what":"read","path":"/s/a""#,
        ),
        (
            Request::Write { path: path("/a"), version: None, length: None, append: true, create: true },
            r#""what":"write","path":"/s/a""#,
        ),
        (
            Request::Stage {
                path: path("/a"),
                file: StagedFileId([1; 16]),
                begin: true,
                replace: true,
                create: true,
                length: None,
                commit: Some(2),
                version: None,
                discard: false,
            },
            r#""what":"write","path":"/s/a""#,
        ),
        (
            Request::ReadStaged { path: path("/a"), file: StagedFileId([1; 16]), offset: 1, length: 2, credit: 3 },
            r#""what":"read","path":"/s/a""#,
        ),
        (
            Request::Copy {
                source: path("/a"),
                destination: path("/b"),
                recursive: true,
                on_conflict: OnConflict::Replace,
                parents: true,
                attributes: AttributeSet::ALL,
                as_they_are: true,
                devices: true,
            },
            r#""what":"copy","path":"/s/a","to":"/s/b""#,
        ),
        (
            Request::MakeLink { path: path("/a"), target: "b".to_owned(), replace: true },
            r#""what":"make-link","path":"/s/a""#,
        ),
        (
            Request::SetAttributes { path: path("/a"), mode: Some(0o600), modified: None },
            r#""what":"set-attributes","path":"/s/a""#,
        ),
        (Request::Look { path: path("/a") }, r#""what":"look","path":"/s/a""#),
        (
            Request::Hash {
                sources: vec![path("/a")],
                recursive: true,
                selection: None,
                algorithm: HashAlgorithm::Blake3,
            },
            r#""what":"hash","path":"/s/a""#,
        ),
        (Request::Space { path: path("/a") }, r#""what":"space","path":"/s/a""#),
    ]
}

#[test]
fn the_line_of_every_request_says_what_is_done_to_which_paths_of_the_server() {
    let mut kinds = BTreeSet::new();
    for (request, expected) in requests() {
        kinds.insert(number(&request));
        let told = of_request(&request, &path("/s")).fields.finish();
        assert_eq!(told, format!(",{expected}}}\n"), "{request:?}");
        let of_root = of_request(&request, &RemotePath::root()).fields.finish();
        let as_root = expected.replace("/s/", "/").replace("/s\"", "/\"");
        assert_eq!(of_root, format!(",{as_root}}}\n"), "{request:?}");
    }
    assert_eq!(kinds.len(), 25, "a request has no row above");
}

/// A number for each request, so that a new one does not compile before it has a row above.
fn number(request: &Request) -> u32 {
    match request {
        Request::List { .. } => 0,
        Request::Stat { .. } => 1,
        Request::CreateFile { .. } => 2,
        Request::MakeDirectory { .. } => 3,
        Request::Upload { .. } => 4,
        Request::Download { .. } => 5,
        Request::Remove { .. } => 6,
        Request::Move { .. } => 7,
        Request::Status => 8,
        Request::Find { .. } => 9,
        Request::Survey { .. } => 10,
        Request::Partials => 11,
        Request::ClearPartials { .. } => 12,
        Request::Hold { .. } => 13,
        Request::Sign { .. } => 14,
        Request::Read { .. } => 15,
        Request::Write { .. } => 16,
        Request::Stage { .. } => 17,
        Request::ReadStaged { .. } => 18,
        Request::Copy { .. } => 19,
        Request::MakeLink { .. } => 20,
        Request::SetAttributes { .. } => 21,
        Request::Look { .. } => 22,
        Request::Hash { .. } => 23,
        Request::Space { .. } => 24,
    }
}
