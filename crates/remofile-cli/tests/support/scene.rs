//! A user who types lines, and what is told: frozen in `snapshots`.

use super::{Pair, TOKEN, directory, mkdir, plant, remofile, rmf, say, write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A user in a directory of files, who types lines.
pub struct Scene {
    pub pair: Pair,
    pub home: tempfile::TempDir,
    /// Stand-ins in the snapshot for what differs from run to run.
    pub names: Vec<(String, &'static str)>,
    pub told: String,
}

impl Scene {
    pub fn new() -> Self {
        Self::serving(&[])
    }

    pub fn serving(options: &[&str]) -> Self {
        let (pair, home) = (Pair::serving(options), directory());
        plant(pair.local.path(), &["a.txt", "b.txt", "dir/x", "nas:"]);
        plant(pair.root.path(), &["a.txt", "full/x"]);
        let names = vec![
            (format!(":{}", pair.server.port), ":PORT"),
            (home.path().display().to_string(), "HOME"),
            (pair.local.path().display().to_string(), "HERE"),
        ];
        Self { pair, home, names, told: String::new() }
    }

    /// Writes a profile `nas` of the server.
    pub fn with_profile(self) -> Self {
        mkdir(self.home.path().join("remofile"));
        let port = self.pair.server.port;
        let text = format!("[profile.nas]\nhostname = '127.0.0.1'\nport = {port}\ntoken-file = 'token'\n");
        write(self.config(), text);
        std::fs::set_permissions(self.config(), PermissionsExt::from_mode(0o600)).unwrap();
        self
    }

    pub fn config(&self) -> PathBuf {
        self.home.path().join("remofile/config.toml")
    }

    /// Types a line, as a user of this server whose environment has these variables besides.
    pub fn types(&mut self, line: &str, variables: &[(&str, &str)]) {
        let is_short = line.starts_with("rmf ");
        let mut command = if is_short { rmf() } else { remofile() };
        let port = self.pair.server.port.to_string();
        command.current_dir(self.pair.local.path()).args(line.split(' ').skip(1));
        command.env("XDG_CONFIG_HOME", self.home.path()).env("REMOFILE_HOSTNAME", "127.0.0.1");
        command.env("REMOFILE_PORT", port).env("REMOFILE_TOKEN", TOKEN);
        for (name, value) in variables {
            command.env(name, value);
        }
        let said = say(&mut command);
        let mut shown = format!("$ {line}\n{}{}", said.stdout, said.stderr);
        for (from, to) in &self.names {
            shown = shown.replace(from, to);
        }
        let status = said.status.unwrap();
        self.told.push_str(&format!("{shown}[{status}]\n\n"));
    }

    pub fn type_all(&mut self, lines: &[&str]) {
        for line in lines {
            self.types(line, &[]);
        }
    }

    /// The same without any server in the environment.
    pub fn type_unconfigured(&mut self, lines: &[&str]) {
        for line in lines {
            self.types(line, &[("REMOFILE_HOSTNAME", ""), ("REMOFILE_PORT", ""), ("REMOFILE_TOKEN", "")]);
        }
    }

    #[track_caller]
    pub fn freezes(&self, name: &str) {
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
            insta::assert_snapshot!(name, self.told);
        });
    }
}
