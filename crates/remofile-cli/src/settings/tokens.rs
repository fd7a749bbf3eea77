//! The place of the tokens file.

use super::Environment;
use crate::failed::{Failed, Result};
use remofile::TokensFile;
use std::path::{Path, PathBuf};

/// The place of the tokens file below the directory of configuration files, unless another one is said.
const PLACE: &str = "remofile/tokens.toml";

/// The place of the tokens file.
#[derive(Debug)]
pub(crate) struct TokensPlace {
    /// The file.
    pub(crate) file: TokensFile,
    /// True if nobody said where: then its directory is made with it.
    pub(crate) is_default: bool,
}

/// Settles which file is meant: that of `--tokens`, of `REMOFILE_TOKENS`, or the default one.
pub(crate) fn tokens_place(given: Option<&Path>, environment: &Environment) -> Result<TokensPlace> {
    let named = given.map(Path::to_owned).or_else(|| environment.tokens.clone());
    let is_default = named.is_none();
    let path: Option<PathBuf> = named.or_else(|| environment.config_home.as_ref().map(|home| home.join(PLACE)));
    let Some(path) = path else {
        return Err(Failed::Configuration(
            "there is no home directory to have a tokens file in: say where it is with '--tokens FILE'".to_owned(),
        ));
    };
    Ok(TokensPlace { file: TokensFile::open(path)?, is_default })
}

/// Returns the names of the tokens in the file that an option names, or else the usual one; none if it cannot be read.
pub(crate) fn token_names(given: Option<&Path>) -> Vec<String> {
    let place = tokens_place(given, &Environment::of_process()).ok();
    let read = place.and_then(|place| place.file.read().ok());
    read.map(|read| read.tokens.iter().map(|entry| entry.name.to_string()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_before_the_variable_and_that_before_the_default() {
        let environment = Environment {
            tokens: Some("/e".into()),
            config_home: Some("/home/a/.config".into()),
            ..Environment::default()
        };
        let path = |given: Option<&str>, environment: &Environment| {
            let place = tokens_place(given.map(Path::new), environment).unwrap();
            (place.file.path().to_owned(), place.is_default)
        };
        assert_eq!(path(Some("/f"), &environment), ("/f".into(), false));
        assert_eq!(path(None, &environment), ("/e".into(), false));
        let nothing_said = Environment { tokens: None, ..environment };
        assert_eq!(path(None, &nothing_said), ("/home/a/.config/remofile/tokens.toml".into(), true));
        assert!(tokens_place(None, &Environment::default()).unwrap_err().message().contains("--tokens"));
    }
}
