//! `remofile stop`

use crate::args::Stop;
use crate::daemon;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output;
use std::time::Duration;

pub(super) fn run(stop: &Stop) -> Result<Exit> {
    let process = daemon::stop(&stop.pidfile, Duration::from_secs(stop.timeout))?;
    output::data(&format!("Stopped the server (process {process}).\n"))?;
    Ok(Exit::Success)
}
