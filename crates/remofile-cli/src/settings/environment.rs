//! The environment variables that the command heeds.

use crate::args::{RemoteOperand, ServerAddress, ServerName};
use crate::failed::{Failed, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
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
    /// `REMOFILE_TOKEN_COMMAND`
    pub(crate) token_command: Option<Zeroizing<String>>,
    /// `REMOFILE_TOKENS`
    pub(crate) tokens: Option<PathBuf>,
    /// `REMOFILE_PUBLIC_KEY`
    pub(crate) public_key: Option<String>,
    /// `REMOFILE_PROTOCOL`
    pub(crate) protocol: Option<String>,
    /// `REMOFILE_PRIVATE_KEY`
    pub(crate) private_key: Option<Zeroizing<String>>,
    /// `REMOFILE_WAIT`
    pub(crate) wait: Option<String>,
    /// `REMOFILE_FSYNC`
    pub(crate) fsync: Option<String>,
    /// `REMOFILE_URL`
    pub(crate) url: Option<String>,
    /// `REMOFILE_PROFILE`
    pub(crate) profile: Option<String>,
    /// `REMOFILE_CONFIG`
    pub(crate) config: Option<PathBuf>,
    /// The directory of what is kept between runs: `XDG_STATE_HOME`, or `.local/state` in `HOME`.
    pub(crate) state_home: Option<PathBuf>,
    /// The directory of what is kept until the user logs out: `XDG_RUNTIME_DIR`.
    pub(crate) runtime_home: Option<PathBuf>,
    /// The directory of configuration files: `XDG_CONFIG_HOME`, or `.config` in `HOME`.
    pub(crate) config_home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let present = |name| variable(name).filter(|value| !value.is_empty());
        // What is kept makes the directories that are missing: not a home, which a user of a service often has not.
        let real_home = present("HOME").filter(|home| Path::new(home).is_dir());
        // A value that is no UTF-8 is kept as far as it can be: it will be refused as what it stands for.
        let text = |name| present(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            hostname: text("REMOFILE_HOSTNAME"),
            port: text("REMOFILE_PORT"),
            token: text("REMOFILE_TOKEN").map(Zeroizing::new),
            token_command: text("REMOFILE_TOKEN_COMMAND").map(Zeroizing::new),
            tokens: present("REMOFILE_TOKENS").map(PathBuf::from),
            public_key: text("REMOFILE_PUBLIC_KEY"),
            protocol: text("REMOFILE_PROTOCOL"),
            private_key: text("REMOFILE_PRIVATE_KEY").map(Zeroizing::new),
            wait: text("REMOFILE_WAIT"),
            fsync: text("REMOFILE_FSYNC"),
            url: text("REMOFILE_URL"),
            profile: text("REMOFILE_PROFILE"),
            config: present("REMOFILE_CONFIG").map(PathBuf::from),
            state_home: xdg_home(present("XDG_STATE_HOME"), real_home, ".local/state"),
            runtime_home: xdg_home(present("XDG_RUNTIME_DIR"), None, ""),
            config_home: xdg_home(present("XDG_CONFIG_HOME"), present("HOME"), ".config"),
        }
    }
}

impl Environment {
    /// Takes what `REMOFILE_URL` says for what no other variable says.
    ///
    /// # Errors
    /// [`Failed::Configuration`] if it is no URL of a server.
    pub(crate) fn with_url(mut self) -> Result<Self> {
        let Some(url) = &self.url else { return Ok(self) };
        let wrong = |why: &str| Failed::Configuration(format!("REMOFILE_URL: {why}"));
        let form = "it must be like remofile://HOST:PORT or remofile://NAME@HOST";
        let parsed = RemoteOperand::parse(url, &|_| false).map_err(|why| wrong(&why))?;
        let Some(RemoteOperand { server: ServerName::Address(address), path }) = parsed else {
            return Err(wrong(form));
        };
        if path != "/" {
            return Err(wrong(&format!("a path ({path}) belongs to the operands of a command: leave it out")));
        }
        let ServerAddress { profile, hostname, port } = address;
        self.profile = self.profile.or(profile);
        if self.hostname.is_none() {
            self.hostname = Some(hostname);
            self.port = port.map(|port| port.to_string()).or(self.port);
        }
        Ok(self)
    }

    /// The environment without what is about its server alone. The token stays: several servers may have it.
    pub(crate) fn without_server(&self) -> Self {
        Self {
            wait: self.wait.clone(),
            fsync: self.fsync.clone(),
            token: self.token.clone(),
            token_command: self.token_command.clone(),
            ..Self::default()
        }
    }
}

/// The XDG rule: a path that is not absolute is ignored.
fn xdg_home(xdg: Option<OsString>, home: Option<OsString>, below_home: &str) -> Option<PathBuf> {
    xdg.map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| PathBuf::from(home).join(below_home)))
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
    fn configuration_and_state_are_where_xdg_says() {
        let some = |text: &str| Some(OsString::from(text));
        let config_home = |xdg, home| xdg_home(xdg, home, ".config");
        assert_eq!(xdg_home(None, some("/home/a"), ".local/state"), Some("/home/a/.local/state".into()));
        assert_eq!(config_home(some("/x"), some("/home/a")), Some("/x".into()));
        assert_eq!(config_home(some("x"), some("/home/a")), Some("/home/a/.config".into()));
        assert_eq!(config_home(None, None), None);
    }
}
