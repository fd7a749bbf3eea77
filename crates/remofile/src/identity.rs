//! The names that this side tells its peers.

/// Returns the name and version of this software, for peers.
pub(crate) fn agent() -> String {
    concat!("remofile/", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Returns user and host, which a server shows to others who have to wait.
pub(crate) fn own_name() -> String {
    let host = rustix::system::uname();
    format!("{}@{}", user_name(|name| std::env::var(name).ok()), host.nodename().to_string_lossy())
}

/// The name of the user: that of the environment, or else of the system's list of users, which a service and a container
/// have, too. One without an entry there is known by the number.
fn user_name(variable: impl Fn(&str) -> Option<String>) -> String {
    let of_environment =
        ["USER", "LOGNAME"].into_iter().find_map(|name| variable(name).filter(|user| !user.is_empty()));
    of_environment.unwrap_or_else(|| {
        let user = nix::unistd::geteuid();
        let entry = nix::unistd::User::from_uid(user).ok().flatten();
        entry.map_or_else(|| format!("uid{user}"), |entry| entry.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_variables_has_the_name_of_the_entry() {
        let named = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            user_name(move |asked| (asked == name).then(|| value.clone()))
        };
        assert_eq!((named("USER", "alice"), named("LOGNAME", "bob")), ("alice".to_owned(), "bob".to_owned()));
        let entry = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
        let expected = entry.map_or_else(|| format!("uid{}", nix::unistd::geteuid()), |entry| entry.name);
        assert_eq!(named("USER", ""), expected, "an empty variable is none");
        assert_eq!(named("HOME", "/"), expected);
    }
}
