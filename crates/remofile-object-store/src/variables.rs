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
    // No tables of Unicode are built in: see `idna_adapter` in Cargo.toml.
    if !endpoint.is_ascii() {
        return Err(OpenError::new(format!(
            "the address '{endpoint}' of the service is not ASCII: write the name with 'xn--' that its domain has, and in paths '%' and digits"
        )));
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn an_address_is_ascii_and_one_of_http() {
        assert_eq!(checked("https://xn--bcher-kva.example/").unwrap(), "https://xn--bcher-kva.example");
        for (endpoint, said) in
            [("https://bücher.example", "xn--"), ("store:3900", "http://"), ("http://a b", "http://")]
        {
            let error = checked(endpoint).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(endpoint), "{error}");
        }
    }
}
