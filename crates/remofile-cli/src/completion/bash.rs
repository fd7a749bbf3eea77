//! Completion in bash.
//!
//! Bash divides words at colons and equals signs and replaces only what is behind the last one, so that `nas:/ph` would be three
//! words. The script hands the line over as it is; it is divided here, and of each candidate only the end is given back that
//! bash replaces.

use super::variables::LINE;
use super::words::{Words, quoted, unquoted};
use clap_complete::engine;
use clap_complete::env::EnvCompleter;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The variable with the part of the last word that bash replaces.
const REPLACED: &str = "_REMOFILE_REPLACED";

const SCRIPT: &str = r#"_complete_NAME() {
    COMPREPLY=()
    local candidate
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(VARIABLE=bash LINE="${COMP_LINE:0:COMP_POINT}" REPLACED="$2" COMPLETER -- 2>/dev/null)
    if [[ "${COMPREPLY-}" == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -o bashdefault -F _complete_NAME BIN 2>/dev/null || complete -o bashdefault -F _complete_NAME BIN
"#;

/// Bash.
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let script = SCRIPT.replace("NAME", name).replace("BIN", bin).replace("COMPLETER", completer);
        let script = script.replace("VARIABLE", variable).replace(" LINE=", &format!(" {LINE}="));
        out.write_all(script.replace("REPLACED=", &format!("{REPLACED}=")).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let last = words.last().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let index = words.len().saturating_sub(1);
        let ending = Ending::of(&last);
        for candidate in engine::complete(command, words, index, directory)? {
            if let Some(shown) = ending.of_candidate(&candidate.get_value().to_string_lossy()) {
                writeln!(out, "{shown}")?;
            }
        }
        Ok(())
    }
}

/// The part of a candidate that bash takes.
struct Ending {
    /// The beginning of the word that bash leaves as it is.
    kept: String,
    is_quoted: bool,
}

impl Ending {
    fn of(last: &str) -> Self {
        let replaced = std::env::var(REPLACED).map(|word| unquoted(word.trim_start_matches(['\'', '"'])));
        let open_quote = std::env::var(LINE).ok().and_then(|line| Words::of(&line).open_quote);
        Self::between(last, replaced.as_deref().unwrap_or(last), open_quote)
    }

    fn between(last: &str, replaced: &str, open_quote: Option<char>) -> Self {
        let kept = last.strip_suffix(replaced).unwrap_or_default().to_owned();
        Self { kept, is_quoted: open_quote.is_some() }
    }

    fn of_candidate(&self, candidate: &str) -> Option<String> {
        let rest = candidate.strip_prefix(&self.kept)?;
        Some(if self.is_quoted { rest.to_owned() } else { quoted(rest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_candidate_bash_gets_what_it_replaces() {
        for (last, replaced, quote, candidate, shown) in [
            (":/ph", "/ph", None, ":/photos/", Some("/photos/")),
            ("nas:", "", None, "nas:/a b/", Some(r"/a\ b/")),
            ("na", "na", None, "nas:", Some("nas:")),
            ("--profile=na", "na", None, "--profile=nas", Some("nas")),
            ("/my ph", "/my ph", None, "/my photos/", Some(r"/my\ photos/")),
            ("/my ph", "/my ph", Some('"'), "/my photos/", Some("/my photos/")),
            (":/ph", "/ph", None, "/other", None),
        ] {
            let ending = Ending::between(last, replaced, quote);
            assert_eq!(ending.of_candidate(candidate).as_deref(), shown, "{last} {candidate}");
        }
    }
}
