//! Completion in zsh, which quotes candidates itself.

use super::variables::LINE;
use clap_complete::engine;
use clap_complete::env::EnvCompleter;
use std::ffi::OsString;
use std::io;
use std::path::Path;

const SCRIPT: &str = r#"#compdef BIN
_complete_NAME() {
    local -a lines open described
    local line value
    lines=("${(@f)$(VARIABLE=zsh LINE="${(j: :)words[1,CURRENT]}" COMPLETER -- 2>/dev/null)}")
    for line in "${lines[@]}"; do
        value="${line%%$'\t'*}"
        if [[ -z "$value" ]]; then
            continue
        elif [[ "$value" == *[=/:] ]]; then
            open+=("$value")
        elif [[ "$line" == *$'\t'* ]]; then
            described+=("${${value//\\/\\\\}//:/\\:}:${line#*$'\t'}")
        else
            described+=("${${value//\\/\\\\}//:/\\:}")
        fi
    done
    (( ${#open} )) && compadd -S '' -- "${open[@]}"
    (( ${#described} )) && _describe -V 'values' described
}
if [[ "$funcstack[1]" == "_NAME" ]]; then
    _complete_NAME "$@"
elif (( $+functions[compdef] )); then
    compdef _complete_NAME BIN
fi
"#;

/// Zsh.
pub(super) struct Zsh;

impl EnvCompleter for Zsh {
    fn name(&self) -> &'static str {
        "zsh"
    }

    fn is(&self, name: &str) -> bool {
        name == "zsh"
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
        out.write_all(script.replace("VARIABLE", variable).replace(" LINE=", &format!(" {LINE}=")).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let index = words.len().saturating_sub(1);
        for candidate in engine::complete(command, words, index, directory)? {
            write!(out, "{}", candidate.get_value().to_string_lossy())?;
            if let Some(help) = candidate.get_help().map(ToString::to_string) {
                write!(out, "\t{}", help.lines().next().unwrap_or_default())?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
