//! Spans of OpenTelemetry: one for each operation of a client, sent to a collector by OTLP over HTTP.
//!
//! Participants: [`Spans`] observes the server and makes spans of the lines of the audit log; the queue, the batches and the
//! thread that sends them are those of `opentelemetry_sdk`; [`CollectorClient`] is how it calls the collector. Goals: what is
//! told is what the audit log tells, so never a secret; nothing that serves waits for the collector, and what the queue has no
//! room for is lost. Non-goals: spans of clients, metrics and logs, which have ways of their own.

mod collector_client;
mod options;

use crate::failed::{Failed, Result};
use collector_client::CollectorClient;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use options::{SERVICE_NAME, environment, is_wanted};
use remofile::server::{ServerEvent, ServerObserver};
use serde_json::Value as Json;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// Time for which the server, when it ends, waits for the collector.
const ENDING: Duration = Duration::from_secs(5);

/// Letters of a text at most: clients choose paths, and a collector that is away has many spans wait.
const MOST_LETTERS: usize = 1024;

/// Fields of a line that the span itself has: its times and its kind.
const OF_THE_SPAN: [&str; 3] = ["time", "event", "seconds"];

/// The spans of a server.
pub(super) struct Spans {
    /// Until the server begins.
    exporter: Mutex<Option<SpanExporter>>,
    begun: OnceLock<Begun>,
}

struct Begun {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Spans {
    /// Reads the variables of OpenTelemetry; `None` if they name no collector. Nothing is connected, and no thread begun.
    ///
    /// # Errors
    /// If a variable makes no sense.
    pub(super) fn open() -> Result<Option<Self>> {
        if !is_wanted(&environment)? {
            return Ok(None);
        }
        let client = CollectorClient::new(options::timeout(&environment), options::is_encrypted(&environment));
        let built =
            SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(client).build();
        let what = "cannot send spans as the variables of OpenTelemetry say";
        let exporter = built.map_err(|error| Failed::System { what, source: io::Error::other(error) })?;
        Ok(Some(Self { exporter: Mutex::new(Some(exporter)), begun: OnceLock::new() }))
    }

    /// Begins to send, with a thread of its own.
    pub(super) fn begin(&self) {
        // What is there is taken or not; nothing can be half done.
        let taken = self.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exporter) = taken {
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
            let tracer = provider.tracer("remofile");
            let _once = self.begun.set(Begun { provider, tracer });
            tracing::info!("a span of each operation is sent to the collector of OpenTelemetry");
        }
    }

    /// Sends what waits, for a while.
    pub(super) fn finish(&self) {
        if let Some(Begun { provider, .. }) = self.begun.get()
            && let Err(error) = provider.shutdown_with_timeout(ENDING)
        {
            tracing::warn!("the last spans were not sent to the collector: {error}");
        }
    }
}

impl ServerObserver for Spans {
    fn observe(&self, event: &ServerEvent<'_>) {
        let ServerEvent::OperationEnded { what, outcome, duration, record, .. } = event else { return };
        let Some(Begun { tracer, .. }) = self.begun.get() else { return };
        let end = SystemTime::now();
        let builder = tracer
            .span_builder(*what)
            .with_kind(SpanKind::Server)
            .with_start_time(end.checked_sub(*duration).unwrap_or(end))
            .with_attributes(attributes(&record.to_string()));
        let mut span = tracer.build_with_context(builder, &Context::new());
        if *outcome != "ok" {
            span.set_status(Status::error(*outcome));
        }
        span.end_with_timestamp(end);
    }
}

/// The server as the collector shows it: as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, or `remofile`.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let own = Resource::builder().with_attribute(version);
    if options::names_service(&environment) { own.build() } else { own.with_service_name(SERVICE_NAME).build() }
}

/// The attributes of a span: the fields of a line of the audit log.
fn attributes(line: &str) -> Vec<KeyValue> {
    let Ok(Json::Object(fields)) = serde_json::from_str(line) else { return Vec::new() };
    let fields = fields.into_iter().filter(|(name, _)| !OF_THE_SPAN.contains(&name.as_str()));
    fields.filter_map(|(name, value)| Some(KeyValue::new(format!("remofile.{name}"), attribute(&value)?))).collect()
}

fn attribute(value: &Json) -> Option<Value> {
    Some(match value {
        Json::String(text) => Value::String(shortened(text)),
        Json::Number(number) => Value::I64(number.as_i64().unwrap_or(i64::MAX)),
        Json::Array(texts) => {
            Value::Array(Array::String(texts.iter().filter_map(Json::as_str).map(shortened).collect()))
        }
        _ => return None,
    })
}

fn shortened(text: &str) -> StringValue {
    match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.to_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_the_fields_of_its_line_and_no_text_that_fills_the_queue() {
        let long = "é".repeat(MOST_LETTERS + 1);
        let line = format!(
            "{{\"time\":\"t\",\"event\":\"operation\",\"session\":7,\"path\":\"/a\\u000ab\",\"paths\":[\"/x\",\"{long}\"],\
             \"bytes\":18446744073709551615,\"seconds\":0.5}}"
        );
        let told = attributes(&line);
        let of = |name: &str| told.iter().find(|told| told.key.as_str() == name).map(|told| told.value.clone());
        assert_eq!(of("remofile.session"), Some(Value::I64(7)));
        assert_eq!(of("remofile.path"), Some(Value::String("/a\nb".into())));
        assert_eq!(of("remofile.bytes"), Some(Value::I64(i64::MAX)));
        let short = format!("{}…", "é".repeat(MOST_LETTERS));
        assert_eq!(of("remofile.paths"), Some(Value::Array(Array::String(vec!["/x".into(), short.into()]))));
        assert_eq!(told.len(), 4, "{told:?}");
    }
}
