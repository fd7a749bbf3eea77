//! Spans: one for each operation, sent to a collector of OpenTelemetry. Run by `make test-opentelemetry`, with the feature.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use support::{Server, TOKEN, directory, read, remofile, say, write};

/// The password for the collector.
const SECRET: &str = "of-the-collector-alone";

/// A message in the notation of Protocol Buffers: its fields by their numbers.
struct Message(Vec<(u64, Field)>);

enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn decode(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Number(u64::from_le_bytes(taken(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = varint(&mut bytes);
                    Field::Bytes(taken(&mut bytes, usize::try_from(length).unwrap()).to_vec())
                }
                5 => Field::Number(u32::from_le_bytes(taken(&mut bytes, 4).try_into().unwrap()).into()),
                kind => panic!("there is no kind of field {kind}"),
            };
            fields.push((tag >> 3, field));
        }
        Self(fields)
    }

    fn number(&self, number: u64) -> u64 {
        let found = self.0.iter().find_map(|(of, field)| match field {
            Field::Number(value) if *of == number => Some(*value),
            _ => None,
        });
        found.unwrap_or_default()
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(move |(of, field)| match field {
            Field::Bytes(bytes) if *of == number => Some(bytes.as_slice()),
            _ => None,
        })
    }

    fn text(&self, number: u64) -> String {
        String::from_utf8(self.all(number).next().unwrap_or_default().to_vec()).unwrap()
    }

    fn parts(&self, number: u64) -> impl Iterator<Item = Self> {
        self.all(number).map(Self::decode)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = taken(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = bytes.split_at(count);
    *bytes = left;
    taken
}

/// A span as opentelemetry/proto/trace/v1/trace.proto has it.
#[derive(Debug)]
struct Span {
    service: BTreeMap<String, String>,
    trace: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    kind: u64,
    nanoseconds: (u64, u64),
    attributes: BTreeMap<String, String>,
    /// The message and the code of its status.
    status: (String, u64),
}

/// The pairs of a field that is a list of `KeyValue`; values are told as texts.
fn pairs(message: &Message, number: u64) -> BTreeMap<String, String> {
    message.parts(number).map(|pair| (pair.text(1), any(&pair.parts(2).next().unwrap()))).collect()
}

fn any(value: &Message) -> String {
    if let Some(texts) = value.parts(5).next() {
        return texts.parts(1).map(|text| any(&text)).collect::<Vec<_>>().join(" ");
    }
    if value.all(1).next().is_some() { value.text(1) } else { value.number(3).to_string() }
}

/// The spans of an `ExportTraceServiceRequest`.
fn spans(body: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for of_service in Message::decode(body).parts(1) {
        let service = pairs(&of_service.parts(1).next().unwrap(), 1);
        for span in of_service.parts(2).flat_map(|scope| scope.parts(2).collect::<Vec<_>>()) {
            let status = span.parts(15).next().map_or((String::new(), 0), |status| (status.text(2), status.number(3)));
            found.push(Span {
                service: service.clone(),
                trace: span.all(1).next().unwrap().to_vec(),
                parent: span.all(4).next().unwrap_or_default().to_vec(),
                name: span.text(5),
                kind: span.number(6),
                nanoseconds: (span.number(7), span.number(8)),
                attributes: pairs(&span, 9),
                status,
            });
        }
    }
    found
}

/// A collector: what it was asked, head and body.
fn collector(answer: &'static str) -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, heard) = channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _test_is_over = asked.send(request(&stream));
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    (address, heard)
}

fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

struct Scene {
    directory: tempfile::TempDir,
    server: Option<Server>,
}

impl Scene {
    fn with(variables: &[(&str, &str)], options: &[&str]) -> Self {
        let directory = directory();
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1"]).args(options);
        command.envs(variables.iter().copied());
        let server = Some(Server::logging(command, directory.path()));
        Self { directory, server }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn upload(&self, name: &str) {
        write(self.at(name), "content");
        say(self.server.as_ref().unwrap().client().args(["upload", "--"]).arg(self.at(name)).arg("/")).ok();
    }

    fn fails(&self, line: &[&str]) {
        assert_ne!(say(self.server.as_ref().unwrap().client().args(line)).status, Some(0));
    }

    /// Ends the server, and returns what it has logged.
    fn stop(&mut self) -> String {
        let mut server = self.server.take().unwrap();
        server.signal("TERM");
        assert!(server.wait().success());
        String::from_utf8(read(self.at("log"))).unwrap()
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}/prefix/")
}

#[test]
fn each_operation_has_a_span_with_what_the_audit_log_tells_when_the_server_has_ended() {
    let (address, heard) = collector("200 OK");
    let audit = directory();
    let log = audit.path().join("audit.jsonl");
    let headers = format!("authorization=Bearer%20{SECRET}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint(address)),
        ("OTEL_EXPORTER_OTLP_HEADERS", &headers),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
        // Nothing is sent but what the end brings.
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ];
    let mut scene = Scene::with(&variables, &["-v", "--audit-log", log.to_str().unwrap()]);
    scene.upload("a");
    scene.fails(&["remove", "/none"]);
    let told = scene.stop();
    let (head, body) = heard.try_recv().unwrap();
    assert!(head.starts_with("POST /prefix/v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("application/x-protobuf") && head.contains(&format!("Bearer {SECRET}")), "{head}");
    let spans = spans(&body);
    let logged = String::from_utf8(read(&log)).unwrap();
    let lines: Vec<serde_json::Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = lines.iter().filter(|line| line["event"] == "operation").collect();
    assert_eq!(spans.len(), lines.len(), "{spans:?} {logged}");
    for line in lines {
        let fields = line.as_object().unwrap();
        let is_its = |span: &&Span| {
            let of = |name: &str| span.attributes.get(&format!("remofile.{name}")).map(String::as_str);
            of("session") == Some(&*line["session"].to_string())
                && of("operation") == Some(&*line["operation"].to_string())
        };
        let span = spans.iter().find(is_its).unwrap();
        for (name, value) in fields.iter().filter(|(name, _)| !["time", "event", "seconds"].contains(&name.as_str())) {
            let expected = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(texts) => {
                    texts.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join(" ")
                }
                other => other.to_string(),
            };
            assert_eq!(span.attributes.get(&format!("remofile.{name}")), Some(&expected), "{line} {span:?}");
        }
        assert_eq!((span.name.as_str(), span.kind), (line["what"].as_str().unwrap(), 2));
        assert!(
            span.trace.len() == 16 && span.parent.is_empty() && span.nanoseconds.0 <= span.nanoseconds.1,
            "{span:?}"
        );
        let outcome = line["outcome"].as_str().unwrap();
        let status = if outcome == "ok" { (String::new(), 0) } else { (outcome.to_owned(), 2) };
        assert_eq!(span.status, status);
        assert_eq!(span.service["service.name"], "remofile");
        assert_eq!(span.service["deployment.environment"], "test");
    }
    let sent = String::from_utf8_lossy(&body);
    assert!(!sent.contains(TOKEN) && !sent.contains(SECRET) && !told.contains(SECRET), "{told}");
}

#[test]
fn a_collector_that_is_away_or_refuses_is_told_once_and_is_in_nobody_s_way() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, _heard) = collector("401 Unauthorized");
    for (address, why) in [(nobody, "efused"), (refusing, "401 Unauthorized")] {
        let endpoint = endpoint(address);
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "1")];
        let mut scene = Scene::with(&variables, &[]);
        for name in ["a", "b", "c"] {
            scene.upload(name);
        }
        assert_eq!(read(scene.at("root/c")), b"content");
        let told = scene.stop();
        assert_eq!(told.matches("spans are lost").count(), 1, "{told}");
        assert!(told.contains(why) && !told.contains("prefix"), "{told}");
    }
}

#[test]
fn a_server_ends_although_its_collector_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(silent.local_addr().unwrap());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")];
    let mut scene = Scene::with(&variables, &[]);
    scene.upload("a");
    assert!(scene.stop().contains("the last spans were not sent"));
}

#[test]
fn variables_that_make_no_sense_are_refused_at_the_start_and_before_it() {
    let root = directory();
    for options in [&["--check-config"][..], &[]] {
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1"]).args(options).arg(root.path()).args(["0", TOKEN]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let told = say(&mut command).stderr;
        assert!(told.contains("OTEL_EXPORTER_OTLP_PROTOCOL: spans are sent by http/protobuf alone"), "{told}");
    }
}

#[test]
fn no_hook_learns_of_the_password_for_the_collector() {
    let (address, _heard) = collector("200 OK");
    let endpoint = endpoint(address);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_HEADERS", SECRET)];
    let told = directory();
    let hook = format!("env > {}", told.path().join("told").display());
    let mut scene = Scene::with(&variables, &["--on-upload", &hook]);
    scene.upload("a");
    scene.stop();
    let told = String::from_utf8(read(told.path().join("told"))).unwrap();
    assert!(told.contains("REMOFILE_PATH=/a") && !told.contains("OTEL_EXPORTER_"), "{told}");
}
