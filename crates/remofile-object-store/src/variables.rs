//! Variables of the environment, and addresses that they or options have.

use super::options::OpenError;

/// Returns a variable of the environment that is not empty.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns an address of a service without the slash at its end.
pub(crate) fn checked(endpoint: &str) -> Result<String, OpenError> {
    let is_address = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if !is_address || endpoint.chars().any(|character| character.is_control() || character == ' ') {
        return Err(OpenError::new(format!(
            "the address '{endpoint}' of the service begins with neither http:// nor https://: correct '--endpoint'"
        )));
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}
