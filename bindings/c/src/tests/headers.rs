//! The headers are made of the source, and compared with those that are checked in. `REMOFILE_UPDATE_HEADERS=1` writes them.

use crate::codes;
use cbindgen::{Builder, Config, ConstantConfig, ExportConfig, ItemType, Language, Style};
use std::path::{Path, PathBuf};

const WARNING: &str =
    "/* Made of bindings/c/src by a test: REMOFILE_UPDATE_HEADERS=1 cargo test -p remofile-c headers */";

/// Types in C, by their names here.
const NAMES: &[(&str, &str)] = &[
    ("Client", "remofile_client"),
    ("File", "remofile_file"),
    ("Server", "remofile_server"),
    ("ErrorDetails", "remofile_error"),
    ("Metadata", "remofile_metadata"),
    ("Entry", "remofile_entry"),
    ("Hashed", "remofile_hashed"),
    ("Holder", "remofile_holder"),
    ("Event", "remofile_event"),
    ("Chunk", "remofile_chunk"),
    ("Conflict", "remofile_conflict"),
    ("OnEntry", "remofile_on_entry"),
    ("OnHash", "remofile_on_hash"),
    ("OnHolder", "remofile_on_holder"),
    ("OnEvent", "remofile_on_event"),
    ("OnChunk", "remofile_on_chunk"),
    ("OnConflict", "remofile_on_conflict"),
    ("OnWaiting", "remofile_on_waiting"),
    ("Monitor", "remofile_monitor"),
    ("Report", "remofile_report"),
    ("ServerStatus", "remofile_server_status"),
    ("DiskSpace", "remofile_space"),
    ("ClientOptions", "remofile_client_options"),
    ("TransferOptions", "remofile_transfer_options"),
    ("ServerOptions", "remofile_server_options"),
];

const TYPES_BEGIN: &str = "\
#include \"flags.h\"
#include <stddef.h>
#include <stdint.h>

/* A function that C calls back must not throw: since C++17 its type says so, and others do not compile. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define REMOFILE_NOEXCEPT noexcept
#else
#define REMOFILE_NOEXCEPT
#endif

/* A struct with nothing chosen but its size: remofile_error error = REMOFILE_INIT(remofile_error); */
#ifdef __cplusplus
#define REMOFILE_INIT(type) ([] { type made = type(); made.struct_size = sizeof(type); return made; }())
#else
#define REMOFILE_INIT(type) { .struct_size = sizeof(type) }
#endif
";

const FUNCTIONS_BEGIN: &str = "\
#include \"remofile/codes.h\"
#include \"remofile/types.h\"

/* Remofile from C: see docs/c.md.
 *
 * Texts are UTF-8 and end with a NUL; only paths of this machine may have any bytes. What is passed stays the caller's and is used
 * during the call alone. What a callback gets is valid during the callback. Handles are closed by their functions; a closed or
 * foreign one is an error. All functions may be called from any thread, one at a time for each handle, and none from a signal
 * handler. A callback must return: no longjmp, no exception. */
";

#[test]
fn the_header_of_the_codes_is_made_of_the_table() {
    let mut text = format!("{WARNING}\n#ifndef REMOFILE_CODES_H\n#define REMOFILE_CODES_H\n\n");
    text.push_str(
        "/* The results of functions. The numbers are never given to anything else. */\nenum remofile_code {\n",
    );
    text.push_str("  /* The call did what it was to do. */\n  REMOFILE_OK = 0,\n");
    for (number, name, meaning) in codes::all() {
        // A refusal by the same name as a failure.
        let name = if number == 2008 { "refused-shutting-down" } else { name };
        let constant = name.replace('-', "_").to_uppercase();
        text.push_str(&format!("  /* {meaning} */\n  REMOFILE_{constant} = {number},\n"));
    }
    text.push_str("};\n\n#endif\n");
    compare("remofile/codes.h", &text);
}

#[test]
fn the_header_of_the_flags_is_made_of_the_source() {
    let config = config("REMOFILE_FLAGS_H", vec![ItemType::Constants], Vec::new(), "");
    compare("remofile/flags.h", &made(config, &["flags"]));
}

#[test]
fn the_header_of_the_types_is_made_of_the_source() {
    let items = vec![ItemType::Constants, ItemType::Structs, ItemType::Typedefs, ItemType::OpaqueItems];
    let include = NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let config = config("REMOFILE_TYPES_H", items, include, TYPES_BEGIN);
    compare("remofile/types.h", &callbacks_do_not_throw(&made(config, &["types", "options"])));
}

#[test]
fn the_header_of_the_functions_is_made_of_the_source() {
    let config = config("REMOFILE_H", vec![ItemType::Functions], Vec::new(), FUNCTIONS_BEGIN);
    let files = ["secrets", "client", "status", "requests", "listing", "hashes", "transfer", "sync", "file", "server"];
    compare("remofile.h", &made(config, &files));
}

fn config(guard: &str, item_types: Vec<ItemType>, include: Vec<String>, begin: &str) -> Config {
    let rename = NAMES.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    Config {
        language: Language::C,
        style: Style::Both,
        cpp_compat: true,
        no_includes: true,
        include_guard: Some(guard.to_owned()),
        autogen_warning: Some(WARNING.to_owned()),
        after_includes: Some(begin.to_owned()).filter(|begin| !begin.is_empty()),
        line_length: 120,
        documentation_style: cbindgen::DocumentationStyle::C99,
        usize_is_size_t: true,
        constant: ConstantConfig { allow_static_const: false, ..ConstantConfig::default() },
        export: ExportConfig { item_types, include, rename, ..ExportConfig::default() },
        ..Config::default()
    }
}

fn made(config: Config, files: &[&str]) -> String {
    let mut builder = Builder::new().with_config(config);
    for file in files {
        builder = builder.with_src(root().join(format!("src/{file}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().expect("the source can be read").write(&mut text);
    closer(&String::from_utf8(text).expect("headers are text"))
}

/// Puts constants directly one below the other.
fn closer(text: &str) -> String {
    let mut kept = Vec::new();
    for line in text.lines() {
        let is_after_one = kept.iter().rev().nth(1).is_some_and(|line: &&str| line.starts_with("#define REMOFILE_"));
        if line.starts_with("// ") && is_after_one && kept.last() == Some(&"") {
            kept.pop();
        }
        kept.push(line);
    }
    kept.join("\n") + "\n"
}

#[test]
fn no_constant_has_the_name_of_a_code() {
    let header =
        |name| std::fs::read_to_string(root().join("include/remofile").join(name)).expect("the header is there");
    let types = header("types.h") + &header("flags.h");
    for (_, name, _) in codes::all() {
        let constant = format!("#define REMOFILE_{} ", name.replace('-', "_").to_uppercase());
        assert!(!types.contains(&constant), "{constant}");
    }
}

/// Marks the types of callbacks, which cbindgen cannot.
fn callbacks_do_not_throw(text: &str) -> String {
    let mut parts = text.split("(*remofile_on_");
    let mut marked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        marked.push_str("(*remofile_on_");
        marked.push_str(&part.replacen(");", ") REMOFILE_NOEXCEPT;", 1));
    }
    marked
}

#[expect(clippy::disallowed_methods, reason = "a header is written when that is asked for")]
fn compare(header: &str, text: &str) {
    let path = root().join("include").join(header);
    if std::env::var_os("REMOFILE_UPDATE_HEADERS").is_some() {
        std::fs::write(&path, text).expect("the header can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{header} is not what the source says: run with REMOFILE_UPDATE_HEADERS=1");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
