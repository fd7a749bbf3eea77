//! `remofile run`

use super::Context;
use crate::args::Run;
use crate::exit::Exit;
use crate::failed::Result;
use crate::settings::{Environment, Reload, server_settings};
use crate::{daemon, logging};

pub(super) fn run(run: &Run, context: Context) -> Result<Exit> {
    logging::begin_as(context.verbose, run.operations.log_format)?;
    let settings = server_settings(run, context.token, &Environment::of_process())?;
    if run.operations.check_config {
        daemon::check(&settings, run.operations.log_file.as_deref())?;
        return Ok(Exit::Success);
    }
    daemon::serve_in_foreground(settings, Reload::of(run)?, run.operations.log_file.as_deref())?;
    Ok(Exit::Success)
}
