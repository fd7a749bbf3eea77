//! No coordinator: this program was built without.

use crate::failed::Result;
use remofile::server::Coordinated;

/// Refuses every address.
pub(crate) fn address(_text: &str) -> std::result::Result<String, String> {
    Err("this program was built without a coordinator".to_owned())
}

pub(super) fn open(_address: Option<&str>, _store: Option<String>) -> Result<Option<Coordinated>> {
    Ok(None)
}
