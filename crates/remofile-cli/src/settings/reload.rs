//! The options of a server that runs, read again: those of its file, of variables, and the token in a file.

use super::server::options_with;
use super::server_config::complete_again;
use super::server_tokens::token_in_files;
use crate::args::{self, Command, Run};
use crate::failed::{Failed, Result};
use crate::files;
use remofile::ServerOptions;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use std::path::PathBuf;

/// Files in a directory at most that is taken for one of its own: tokens, keys and options.
const MOST_BESIDE: usize = 16;

/// The places that the options of a server are read from again. All paths are absolute: a server in the background leaves
/// its directory.
#[derive(Debug, Default)]
pub(crate) struct Reload {
    directory: PathBuf,
    config: Option<PathBuf>,
    token_file: Option<PathBuf>,
}

/// The settings that are read again.
pub(crate) struct Reloaded {
    pub(crate) options: ServerOptions,
    /// The token, if it is one that can be read again.
    pub(crate) token: Option<Token>,
}

impl Reload {
    /// The places of a server that is about to start.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        let directory = std::env::current_dir().map_err(Failed::system("cannot find the current directory"))?;
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(|path| directory.join(path));
        let (config, token_file) = (absolute(&run.operations.config), absolute(&run.token_file));
        Ok(Self { directory, config, token_file })
    }

    /// Returns what is read from while the server runs: directories that are for such files alone, so that a file that was
    /// replaced is found, and otherwise the files themselves, so that the server gets no right to read what is beside them.
    pub(crate) fn readable(&self) -> Vec<PathBuf> {
        let files = self.config.iter().chain(&self.token_file);
        let real = |path: &PathBuf| path.canonicalize().ok();
        let places = files.flat_map(|path| [Some(path.clone()), real(path)]).flatten();
        let mut readable: Vec<PathBuf> = places
            .map(|path| match path.parent().filter(|directory| files::are_few(directory, MOST_BESIDE)) {
                Some(directory) => directory.to_owned(),
                None => path,
            })
            .collect();
        readable.sort();
        readable.dedup();
        readable
    }

    /// Reads the options as they are now. The key, which nobody who listens may change, is the one that there was.
    ///
    /// # Errors
    /// If they are wrong. Those that there were stay in force then.
    pub(crate) fn read(&self, key: Option<PrivateKey>) -> Result<Reloaded> {
        let raw = args::in_order(std::env::args_os().collect(), &|_| false)?;
        let completed = complete_again(raw, self.config.as_deref())?;
        let arguments = args::parse(&completed.raw).map_err(|error| crate::usage::explain(&completed.raw, &error))?;
        let mut run = match arguments.command {
            Command::Run(run) => run,
            Command::Start(start) => start.run,
            _ => return Err(Failed::usage("the command line is none of a server")),
        };
        run.token_file = run.token_file.map(|path| self.directory.join(path));
        let token = completed.token.map(Ok).or_else(|| token_in_files(&run)).transpose()?;
        Ok(Reloaded { options: options_with(&run, key)?, token })
    }
}
