//! The texts of etcd's HTTP interface: JSON, with bytes in base64 and numbers of 64 bits as texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use remofile::server::coordination::{Change, Condition, CoordinatorError, Event, SharedValue, Term};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// A number of 64 bits, which etcd writes as a text; older ones write some as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Number<T>(pub(crate) T);

impl<'de, T: std::str::FromStr> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"a number"))
    }
}

/// Bytes in base64, which may be secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(&*text).map(Zeroizing::new).map(Self).map_err(|_| D::Error::custom("no base64"))
    }
}

/// The beginning of an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct AnswerHeader {
    #[serde(default)]
    pub(crate) revision: Number<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LeaseAnswer {
    #[serde(rename = "ID")]
    pub(crate) id: Option<Number<i64>>,
    #[serde(rename = "TTL")]
    pub(crate) ttl: Option<Number<i64>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RangeAnswer {
    pub(crate) header: Option<AnswerHeader>,
    #[serde(default)]
    pub(crate) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(crate) more: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TxnAnswer {
    pub(crate) header: Option<AnswerHeader>,
    #[serde(default)]
    pub(crate) succeeded: bool,
}

#[derive(Deserialize)]
pub(crate) struct AuthAnswer {
    token: String,
}

impl AuthAnswer {
    pub(crate) fn token(self) -> Zeroizing<String> {
        Zeroizing::new(self.token)
    }
}

/// One answer of many.
#[derive(Debug, Deserialize)]
pub(crate) struct Streamed<T> {
    pub(crate) result: Option<T>,
    pub(crate) error: Option<StreamError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamError {
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WatchAnswer {
    #[serde(default)]
    pub(crate) events: Vec<WatchEvent>,
    #[serde(default)]
    pub(crate) canceled: bool,
    #[serde(default)]
    pub(crate) compact_revision: Number<u64>,
    #[serde(default)]
    pub(crate) cancel_reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WatchEvent {
    /// None is a value that is there.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    kv: KeyValue,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeyValue {
    pub(crate) key: Bytes,
    #[serde(default)]
    value: Bytes,
    #[serde(default)]
    create_revision: Number<u64>,
    #[serde(default)]
    mod_revision: Number<u64>,
}

/// The answer to what is not done.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) code: i32,
}

impl KeyValue {
    /// The value without the prefix of its key; `None` if that is no text of ours.
    pub(crate) fn shared(self, prefix: &str) -> Option<SharedValue> {
        let key = std::str::from_utf8(&self.key.0).ok()?.strip_prefix(prefix)?.to_owned();
        Some(SharedValue { key, value: self.value.0, created: self.create_revision.0, modified: self.mod_revision.0 })
    }
}

impl WatchEvent {
    pub(crate) fn event(self, prefix: &str) -> Option<Event> {
        let is_deletion = self.kind.as_deref() == Some("DELETE");
        let value = self.kv.shared(prefix)?;
        Some(match is_deletion {
            true => Event::Delete { key: value.key, revision: value.modified },
            false => Event::Put(value),
        })
    }
}

/// The failure of what answers as etcd would not.
pub(crate) fn nonsense() -> CoordinatorError {
    CoordinatorError::Unreachable("what answers is not etcd".to_owned())
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The end of the range of all keys with a prefix, which ends with a slash or any other letter of ASCII.
pub(crate) fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// A request. Its texts may be secrets, and are wiped when it is dropped.
pub(crate) struct Request(Value);

impl Request {
    /// Returns its text.
    pub(crate) fn text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = WipedBytes::default();
        // All of it can be written, and that takes whatever is written.
        let _written = serde_json::to_writer(&mut text, &self.0);
        text.0
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(values) => values.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Bytes that leave nothing behind as they grow.
#[derive(Default)]
pub(crate) struct WipedBytes(pub(crate) Zeroizing<Vec<u8>>);

impl Write for WipedBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.0.len() + bytes.len();
        if length > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * self.0.capacity()).max(512)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn grant(time: Duration) -> Request {
    Request(json!({ "TTL": time.as_millis().div_ceil(1000).max(1).to_string() }))
}

pub(crate) fn lease(term: Term) -> Request {
    Request(json!({ "ID": term.0.to_string() }))
}

pub(crate) fn range(first: &[u8], end: &[u8], limit: u64, revision: u64) -> Request {
    Request(json!({
        "key": base64(first),
        "range_end": base64(end),
        "limit": limit.to_string(),
        "revision": revision.to_string(),
    }))
}

pub(crate) fn watch(prefix: &str, from: u64) -> Request {
    let (key, range_end) = (base64(prefix), base64(end_of(prefix)));
    Request(json!({ "create_request": { "key": key, "range_end": range_end, "start_revision": from.to_string() } }))
}

pub(crate) fn authenticate(name: &str, password: &str) -> Request {
    Request(json!({ "name": name, "password": password }))
}

pub(crate) fn txn(prefix: &str, conditions: &[Condition], changes: &[Change]) -> Request {
    let key = |key: &str| base64(format!("{prefix}{key}"));
    let compare = conditions.iter().map(|condition| {
        json!({
            "key": key(&condition.key),
            "target": "MOD",
            "result": "EQUAL",
            "mod_revision": condition.revision.to_string(),
        })
    });
    let success = changes.iter().map(|change| match change {
        Change::Put { key: name, value, term: Some(term) } => {
            json!({ "request_put": { "key": key(name), "value": base64(value), "lease": term.0.to_string() } })
        }
        Change::Put { key: name, value, term: None } => {
            json!({ "request_put": { "key": key(name), "value": base64(value) } })
        }
        Change::Delete { key: name } => json!({ "request_delete_range": { "key": key(name) } }),
    });
    Request(json!({ "compare": compare.collect::<Vec<_>>(), "success": success.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_these_bytes() {
        let put = Change::Put { key: "claims/1".to_owned(), value: vec![0, 255].into(), term: Some(Term(77)) };
        let delete = Change::Delete { key: "claims/2".to_owned() };
        let condition = Condition { key: "cluster".to_owned(), revision: 0 };
        for (request, bytes) in [
            (grant(Duration::from_secs(9)), r#"{"TTL":"9"}"#),
            (lease(Term(77)), r#"{"ID":"77"}"#),
            (
                range(b"remofile/", &end_of("remofile/"), 500, 0),
                r#"{"key":"cmVtb2ZpbGUv","limit":"500","range_end":"cmVtb2ZpbGUw","revision":"0"}"#,
            ),
            (
                watch("remofile/", 8),
                r#"{"create_request":{"key":"cmVtb2ZpbGUv","range_end":"cmVtb2ZpbGUw","start_revision":"8"}}"#,
            ),
            (
                txn("r/", &[condition], &[put, delete]),
                r#"{"compare":[{"key":"ci9jbHVzdGVy","mod_revision":"0","result":"EQUAL","target":"MOD"}],"success":[{"request_put":{"key":"ci9jbGFpbXMvMQ==","lease":"77","value":"AP8="}},{"request_delete_range":{"key":"ci9jbGFpbXMvMg=="}}]}"#,
            ),
        ] {
            assert_eq!(std::str::from_utf8(&request.text()), Ok(bytes));
        }
    }

    #[test]
    fn the_texts_of_a_request_are_wiped() {
        let mut request = txn("r/", &[], &[Change::Put { key: "k".to_owned(), value: vec![7; 9].into(), term: None }]);
        assert!(request.0.to_string().contains(&base64(vec![7; 9])));
        wipe(&mut request.0);
        assert!(!request.0.to_string().contains(&base64(vec![7; 9])));
        let mut bytes = WipedBytes::default();
        (0..2000_u32).for_each(|number| bytes.write_all(&number.to_be_bytes()).unwrap());
        assert_eq!(*bytes.0, (0..2000_u32).flat_map(u32::to_be_bytes).collect::<Vec<u8>>());
    }

    #[test]
    fn answers_of_a_real_etcd_are_read() {
        let header = r#""header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","revision":"3","raft_term":"2"}"#;
        let text = format!(
            r#"{{{header},"kvs":[{{"key":"YS8x","create_revision":"2","mod_revision":"3","version":"1","value":"eA=="}}],"count":"1"}}"#
        );
        let answer: RangeAnswer = serde_json::from_str(&text).unwrap();
        assert_eq!(answer.header.unwrap().revision, Number(3));
        let value = answer.kvs.into_iter().next().unwrap().shared("a/").unwrap();
        assert_eq!(value, SharedValue { key: "1".to_owned(), value: b"x".to_vec().into(), created: 2, modified: 3 });
        let text = format!(
            r#"{{"result":{{{header},"events":[{{"kv":{{"key":"YS8x","create_revision":"2","mod_revision":"2","version":"1","value":"eA=="}}}},{{"type":"DELETE","kv":{{"key":"YS8y","mod_revision":"4"}}}}]}}}}"#
        );
        let answer: Streamed<WatchAnswer> = serde_json::from_str(&text).unwrap();
        let events: Vec<Event> =
            answer.result.unwrap().events.into_iter().filter_map(|event| event.event("a/")).collect();
        assert!(matches!(&events[0], Event::Put(value) if value.key == "1" && value.modified == 2));
        assert_eq!(events[1], Event::Delete { key: "2".to_owned(), revision: 4 });
        let text = r#"{"result":{"header":{},"canceled":true,"compact_revision":"3"}}"#;
        let answer: Streamed<WatchAnswer> = serde_json::from_str(text).unwrap();
        assert_eq!(answer.result.unwrap().compact_revision, Number(3));
        let granted: LeaseAnswer = serde_json::from_str(r#"{"ID":"7587899241568555525","TTL":"10"}"#).unwrap();
        assert_eq!(granted.id, Some(Number(7_587_899_241_568_555_525)));
        let refused: Refusal = serde_json::from_str(
            r#"{"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5}"#,
        )
        .unwrap();
        assert_eq!((refused.code, refused.error.as_str()), (5, "etcdserver: requested lease not found"));
    }
}
