//! The environment variables that the command heeds.

use std::ffi::OsString;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The variables of the environment. An empty variable counts as none.
#[derive(Default)]
pub(crate) struct Environment {
    /// `REMOFILE_HOSTNAME`
    pub(crate) hostname: Option<String>,
    /// `REMOFILE_PORT`
    pub(crate) port: Option<String>,
    /// `REMOFILE_TOKEN`
    pub(crate) token: Option<Zeroizing<String>>,
    /// `REMOFILE_PUBLIC_KEY`
    pub(crate) public_key: Option<String>,
    /// `REMOFILE_PROTOCOL`
    pub(crate) protocol: Option<String>,
    /// `REMOFILE_PRIVATE_KEY`
    pub(crate) private_key: Option<Zeroizing<String>>,
    /// The directory of configuration files: `XDG_CONFIG_HOME`, or `.config` in `HOME`.
    pub(crate) config_home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let present = |name| variable(name).filter(|value| !value.is_empty());
        // A value that is no UTF-8 is kept as far as it can be: it will be refused as what it stands for.
        let text = |name| present(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            hostname: text("REMOFILE_HOSTNAME"),
            port: text("REMOFILE_PORT"),
            token: text("REMOFILE_TOKEN").map(Zeroizing::new),
            public_key: text("REMOFILE_PUBLIC_KEY"),
            protocol: text("REMOFILE_PROTOCOL"),
            private_key: text("REMOFILE_PRIVATE_KEY").map(Zeroizing::new),
            config_home: config_home(present("XDG_CONFIG_HOME"), present("HOME")),
        }
    }
}

/// The XDG rule: a path that is not absolute is ignored.
fn config_home(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    xdg.map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| PathBuf::from(home).join(".config")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_count_as_none() {
        let environment = Environment::of(|name| (name == "REMOFILE_HOSTNAME").then(OsString::new));
        assert!(environment.hostname.is_none());
    }

    #[test]
    fn configuration_is_where_xdg_says() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(config_home(some("/x"), some("/home/a")), Some("/x".into()));
        assert_eq!(config_home(some("x"), some("/home/a")), Some("/home/a/.config".into()));
        assert_eq!(config_home(None, None), None);
    }
}
