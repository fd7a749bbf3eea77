//! Tokens, keys and names.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::protocol::key::{PrivateKey, PublicKey};
use remofile::protocol::path::{FileName, NameRule};
use remofile::protocol::token::Token;

#[pyfunction]
pub(crate) fn generate_token() -> String {
    Token::generate().reveal().to_owned()
}

/// A public key and its private key.
#[pyfunction]
pub(crate) fn generate_keys(py: Python<'_>) -> (Bound<'_, PyBytes>, Bound<'_, PyBytes>) {
    let private = PrivateKey::generate();
    let public = private.public().to_string();
    (PyBytes::new(py, public.as_bytes()), PyBytes::new(py, private.reveal().as_bytes()))
}

/// Raises `ValueError` if a text is no token.
#[pyfunction]
pub(crate) fn check_token(text: &str) -> PyResult<()> {
    token(text).map(drop)
}

/// Returns the reason a text is no file name that every server admits, or that some server does; `None` if it is one.
#[pyfunction]
pub(crate) fn check_file_name(name: &str, every: bool) -> Option<String> {
    let rule = if every { NameRule::Portable } else { NameRule::Posix };
    FileName::check(name, rule).err().map(|error| error.to_string())
}

pub(crate) fn token(text: &str) -> PyResult<Token> {
    Token::parse(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn public_key(text: &str) -> PyResult<PublicKey> {
    PublicKey::parse(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn private_key(text: &str) -> PyResult<PrivateKey> {
    PrivateKey::parse(text).map_err(|error| PyValueError::new_err(error.to_string()))
}
