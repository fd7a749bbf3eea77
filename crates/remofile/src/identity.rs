//! The names that this side tells its peers.

/// Returns the name and version of this software, for peers.
pub(crate) fn agent() -> String {
    concat!("remofile/", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Returns user and host, which a server shows to others who have to wait.
pub(crate) fn own_name() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned());
    let host = rustix::system::uname();
    format!("{user}@{}", host.nodename().to_string_lossy())
}
