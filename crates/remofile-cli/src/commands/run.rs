//! `remofile run`

use super::Context;
use crate::args::Run;
use crate::daemon;
use crate::exit::Exit;
use crate::failed::Result;
use crate::settings::{Environment, server_settings};
use crate::{logging, output};

pub(super) fn run(run: &Run, context: Context) -> Result<Exit> {
    logging::begin(context.verbose)?;
    let settings = server_settings(run, context.token, &Environment::of_process())?;
    daemon::serve(settings, None, output::data)?;
    Ok(Exit::Success)
}
