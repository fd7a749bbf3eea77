//! `remofile completions`

use crate::args::Completions;
use crate::completion::registration;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::Data;

pub(super) fn run(completions: &Completions) -> Result<Exit> {
    let script = registration(completions.shell)?;
    let mut data = Data::lock();
    data.bytes(script.as_bytes())?;
    data.flush()?;
    Ok(Exit::Success)
}
