//! The variables of OpenTelemetry that say whether spans are sent, and where. Its own crates read the others: headers, the size
//! of the queue, the share of operations that have a span.

use crate::daemon::webhook_address;
use crate::failed::{Failed, Result};
use std::time::Duration;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// The `service.name` of the server, if no variable says.
pub(super) const SERVICE_NAME: &str = "remofile";

/// Time for one call of the collector, if no variable says.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A variable of this process. An empty one counts as none.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Reports whether spans are to be sent.
///
/// # Errors
/// If it is said in a way that this program cannot do.
pub(super) fn is_wanted(variable: &dyn Fn(&str) -> Option<String>) -> Result<bool> {
    let is = |name, value| variable(name).is_some_and(|set| set.trim().eq_ignore_ascii_case(value));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return Ok(false);
    }
    let Some((name, address)) = endpoint(variable) else { return Ok(false) };
    webhook_address(&address).map_err(|why| Failed::Configuration(format!("{name}: {why}")))?;
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        if let Some(protocol) = variable(name) {
            if protocol.trim() != "http/protobuf" {
                return Err(Failed::Configuration(format!(
                    "{name}: spans are sent by http/protobuf alone, mostly to port 4318 of a collector"
                )));
            }
            break;
        }
    }
    Ok(true)
}

/// Reports whether the collector is called by https.
pub(super) fn is_encrypted(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    endpoint(variable).is_some_and(|(_, address)| address.starts_with("https:"))
}

/// The time for one call.
pub(super) fn timeout(variable: &dyn Fn(&str) -> Option<String>) -> Duration {
    let set = variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT").or_else(|| variable("OTEL_EXPORTER_OTLP_TIMEOUT"));
    set.and_then(|milliseconds| milliseconds.trim().parse().ok()).map_or(TIMEOUT, Duration::from_millis)
}

/// Reports whether a variable names the service.
pub(super) fn names_service(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut names = attributes.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.trim());
    variable("OTEL_SERVICE_NAME").is_some() || names.any(|name| name == "service.name")
}

fn endpoint(variable: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let named = |name| variable(name).map(|address| (name, address.trim().to_owned()));
    named(TRACES_ENDPOINT).or_else(|| named(ENDPOINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(set: &[(&str, &str)]) -> Result<bool> {
        is_wanted(&|name| set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn spans_are_sent_where_a_variable_names_a_collector_and_none_forbids_it() {
        let there = (ENDPOINT, "http://127.0.0.1:4318");
        assert!(!wanted(&[]).unwrap());
        assert!(wanted(&[there]).unwrap() && wanted(&[(TRACES_ENDPOINT, "http://[::1]:4318/v1/traces")]).unwrap());
        assert!(!wanted(&[there, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap());
        assert!(!wanted(&[there, ("OTEL_TRACES_EXPORTER", "none")]).unwrap());
        let told = |set: &[(&str, &str)]| wanted(set).unwrap_err().message();
        assert!(told(&[(ENDPOINT, "localhost:4318")]).starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: "));
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert!(told(&[there, grpc]).contains("http/protobuf alone"));
        assert!(wanted(&[there, grpc, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")]).unwrap());
    }

    #[test]
    fn the_service_has_the_name_that_a_variable_gives_it() {
        let names =
            |name: &'static str, value: &'static str| names_service(&move |of| (of == name).then(|| value.to_owned()));
        assert!(names("OTEL_SERVICE_NAME", "files") && names("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=files"));
        assert!(!names("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=x"));
    }
}
