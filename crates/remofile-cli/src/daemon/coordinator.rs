//! The coordinator of several servers: etcd, as the user and its own variables say.

use crate::failed::{Failed, Result};
use crate::files;
use remofile::server::Coordinated;
use remofile_etcd::{Credentials, Etcd, EtcdAddress, EtcdOptions};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of a file with certificates at most.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Checks an address.
///
/// # Errors
/// The reason for which it cannot be one.
pub(crate) fn address(text: &str) -> std::result::Result<String, String> {
    let address: EtcdAddress = text.parse().map_err(|error: remofile_etcd::InvalidAddress| error.to_string())?;
    if address.is_encrypted() && !cfg!(feature = "https") {
        return Err("this program was built without TLS".to_owned());
    }
    Ok(text.to_owned())
}

/// Makes the coordinator at an address, with the variables that etcd's own command has, too. `store` is the name of what is served,
/// if that is no directory: directories know which one they are. Nothing is connected yet.
///
/// # Errors
/// If a file cannot be read, or makes no sense.
pub(super) fn open(address: Option<&str>, store: Option<String>) -> Result<Option<Coordinated>> {
    let Some(address) = address else { return Ok(None) };
    let coordinated = open_with(address, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    Ok(Some(match store {
        Some(store) => coordinated.of_store(store),
        None => coordinated,
    }))
}

fn open_with(address: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Coordinated> {
    let wrong = |what: String| Failed::Configuration(format!("--coordinator: {what}"));
    let mut address: EtcdAddress = address.parse().map_err(|error| wrong(format!("{error}")))?;
    let authorities = variable("ETCDCTL_CACERT");
    let certificate = variable("ETCDCTL_CERT").zip(variable("ETCDCTL_KEY"));
    if authorities.is_some() || certificate.is_some() {
        address = address.encrypted();
    }
    let authorities = match authorities {
        Some(path) => read(Path::new(&path))?.to_vec(),
        None if address.is_encrypted() => system_authorities(),
        None => Vec::new(),
    };
    let certificate = certificate.map(|(certificate, key)| -> Result<_> {
        Ok((read(Path::new(&certificate))?.to_vec(), read(Path::new(&key))?))
    });
    let options =
        EtcdOptions { credentials: credentials(variable), authorities, certificate: certificate.transpose()? };
    Ok(Coordinated::new(Etcd::new(&address, options).map_err(wrong)?))
}

/// `ETCDCTL_USER` is `USER:PASSWORD`, or `USER` with the password in `ETCDCTL_PASSWORD`.
fn credentials(variable: &dyn Fn(&str) -> Option<String>) -> Option<Credentials> {
    let text = Zeroizing::new(variable("ETCDCTL_USER")?);
    let (user, password) = match variable("ETCDCTL_PASSWORD") {
        Some(password) => (text.as_str(), Zeroizing::new(password)),
        None => {
            let (user, password) = text.split_once(':').unwrap_or((text.as_str(), ""));
            (user, Zeroizing::new(password.to_owned()))
        }
    };
    Some(Credentials { user: user.to_owned(), password })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = files::open_to_read(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| Failed::file(path, error))
}

/// The certificates that the machine trusts.
#[cfg(not(feature = "https"))]
fn system_authorities() -> Vec<u8> {
    Vec::new()
}

/// The certificates that the machine trusts.
#[cfg(feature = "https")]
fn system_authorities() -> Vec<u8> {
    let bundles = super::hooks::BUNDLES.iter().map(Path::new);
    bundles.filter_map(|path| read(path).ok()).map(|bytes| bytes.to_vec()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_etcd_s_own_command_are_taken_and_a_file_that_is_not_there_is_told() {
        let with = |set: &'static [(&str, &str)]| {
            open_with("etcd://localhost:1", &|name| {
                set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]).unwrap().address(), "etcd://localhost:1/remofile");
        let told = with(&[("ETCDCTL_CACERT", "/nonexistent/ca")]).unwrap_err().message();
        assert!(told.contains("/nonexistent/ca"), "{told}");
        let of = |user: &str, password: Option<&str>| {
            let found = credentials(&|name| match name {
                "ETCDCTL_USER" => Some(user.to_owned()),
                _ => password.map(str::to_owned),
            });
            let found = found.unwrap();
            (found.user.clone(), found.password.to_string())
        };
        assert_eq!(of("root:a:b", None), ("root".to_owned(), "a:b".to_owned()));
        assert_eq!(of("root", Some("x")), ("root".to_owned(), "x".to_owned()));
    }
}
