//! Calls of https addresses: the certificates that the machine trusts, and the cryptography that is ours already.

use crate::files;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// The places where systems have the certificates that they trust: Debian, Fedora, SUSE, Alpine and others.
pub(in crate::daemon) const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Bytes of a bundle at most.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Returns how https addresses are called: the certificates in the file of `SSL_CERT_FILE` are trusted, or else those of the
/// system.
pub(super) fn config() -> TlsConfig {
    // It fails only if there is one already, which is this one.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let named = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let trusted = match named {
        Some(path) => read(&path),
        None => BUNDLES.iter().map(|path| read(Path::new(path))).find(|found| !found.is_empty()).unwrap_or_default(),
    };
    TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(trusted))).build()
}

/// The certificates in a file; none if it cannot be read, so that no address is trusted.
fn read(path: &Path) -> Vec<Certificate<'static>> {
    let mut pem = Vec::new();
    let read = files::open_to_read(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut pem));
    let items = parse_pem(if read.is_ok() { &pem } else { &[] });
    items
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}
