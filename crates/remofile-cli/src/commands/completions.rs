//! `remofile completions`

use crate::args::{Arguments, Completions};
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::Data;
use clap::CommandFactory;
use std::path::PathBuf;

pub(super) fn run(completions: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), own_name(), &mut script);
    let mut data = Data::lock();
    data.bytes(&script)?;
    data.flush()?;
    Ok(Exit::Success)
}

/// The name the command was called by, so that `rmf completions` completes `rmf`.
fn own_name() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(|path| path.file_name()?.to_str()).filter(|&name| name == "rmf");
    name.unwrap_or("remofile").to_owned()
}
