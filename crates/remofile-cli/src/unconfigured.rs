//! The text for a user who has not said which server is meant, or how to authenticate.

/// The settings that are there, if not all that are needed are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unconfigured {
    /// The server that would be asked.
    pub(crate) hostname: Option<String>,
    /// True if there is a token.
    pub(crate) has_token: bool,
    /// The names of the profiles that there are.
    pub(crate) profiles: Vec<String>,
    /// An operand that may be meant as a server.
    pub(crate) server: Option<String>,
}

const VARIABLES: &str = "\
The environment must tell where the server is and how to authenticate; these variables are used.

REMOFILE_HOSTNAME   - The name or address of the server ('localhost', an IP address or a domain name)
REMOFILE_PORT       - The port of the server (optional, 6768 by default)
REMOFILE_TOKEN      - The token the server was started with
REMOFILE_PUBLIC_KEY - The public key of the server (only if it was started with a private key)
";

const LAST: &str = "Configure your environment and try again.";

impl Unconfigured {
    /// Returns what is missing, and each way to provide it.
    pub(crate) fn message(&self) -> String {
        let missing = match (&self.hostname, self.has_token) {
            (Some(hostname), false) => format!("There is no token for {hostname}.\n\n"),
            (None, true) => "There is a token, but nothing says for which server.\n\n".to_owned(),
            _ => String::new(),
        };
        format!("{missing}{VARIABLES}\n{}\n\n{LAST}", self.profiles())
    }

    fn profiles(&self) -> String {
        let host = self.server.as_deref().or(self.hostname.as_deref()).unwrap_or("HOST");
        let login = format!("'remofile login NAME {host}'");
        match &self.profiles[..] {
            [] => format!("A profile tells the same: {login} asks for the token and makes one."),
            [name] => format!(
                "A profile tells the same. There is {name} ('remofile list {name}:/' asks its server), and {login} makes another one."
            ),
            [name, ..] => format!(
                "A profile tells the same. There are {} ('remofile list {name}:/' asks the server of the first), and {login} \
                 makes another one.",
                self.profiles.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_the_profiles_and_login_are_named_and_the_end_is_the_documented_one() {
        let nothing = Unconfigured::default().message();
        for name in ["REMOFILE_HOSTNAME", "REMOFILE_PORT", "REMOFILE_TOKEN", "REMOFILE_PUBLIC_KEY"] {
            assert!(nothing.contains(name), "{name}");
        }
        assert!(nothing.contains("'remofile login NAME HOST'") && nothing.ends_with(LAST), "{nothing}");
        let profiles = vec!["nas".to_owned(), "work".to_owned()];
        let told = Unconfigured { profiles, ..Unconfigured::default() }.message();
        assert!(told.contains("There are nas, work") && told.contains("'remofile list nas:/'"), "{told}");
    }

    #[test]
    fn what_is_missing_comes_first() {
        let no_token = Unconfigured { hostname: Some("h".to_owned()), ..Unconfigured::default() }.message();
        assert!(no_token.starts_with("There is no token for h.\n") && no_token.contains("login NAME h'"), "{no_token}");
        let no_host = Unconfigured { has_token: true, ..Unconfigured::default() }.message();
        assert!(no_host.starts_with("There is a token, but"), "{no_host}");
    }
}
