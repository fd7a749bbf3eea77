//! Completion in fish, which quotes candidates itself.

use super::variables::LINE;
use clap_complete::env;
use clap_complete::env::EnvCompleter;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Fish.
pub(super) struct Fish;

impl EnvCompleter for Fish {
    fn name(&self) -> &'static str {
        "fish"
    }

    fn is(&self, name: &str) -> bool {
        name == "fish"
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let line = "(commandline --current-process --cut-at-cursor | string collect)";
        let ask = format!("{variable}=fish {LINE}={line} {completer} -- 2>/dev/null");
        writeln!(out, "complete --keep-order --exclusive --command {bin} --arguments \"({ask})\"")
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        env::Fish.write_complete(command, words, directory, out)
    }
}
