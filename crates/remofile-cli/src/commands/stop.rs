//! `remofile stop`

use crate::args::Stop;
use crate::daemon;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output;

pub(super) fn run(stop: &Stop) -> Result<Exit> {
    if stop.dry_run {
        let process = daemon::running(&stop.pidfile)?;
        output::data(&format!("Would stop the server (process {process}).\n"))?;
        return Ok(Exit::Success);
    }
    let process = daemon::stop(&stop.pidfile, stop.timeout)?;
    output::data(&format!("Stopped the server (process {process}).\n"))?;
    Ok(Exit::Success)
}
