//! A little of HTTP: one short request a connection, from few connections, within a few seconds.

use httparse::{EMPTY_HEADER, Request, Status};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Connections at once. Another one takes the place of the oldest.
const MOST_CONNECTIONS: usize = 32;

/// Threads that answer at most, those of connections that lost their place among them.
const MOST_THREADS: usize = 256;

/// Time for a whole conversation.
const WITHIN: Duration = Duration::from_secs(5);

/// Bytes and lines of a request at most.
const MOST_BYTES: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;

/// The stack of a thread that answers, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// Time to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The answer to a path.
pub(super) struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Answer {
    pub(super) fn text(status: &'static str, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
    }

    /// Metrics in the text format of Prometheus.
    pub(super) fn metrics(body: String) -> Self {
        Self { status: "200 OK", content_type: "text/plain; version=0.0.4; charset=utf-8", body }
    }
}

/// The connections that are being answered, the oldest first.
#[derive(Default)]
struct Connections(Mutex<VecDeque<(u64, TcpStream)>>);

/// Begins to answer on a thread of its own, for as long as the process lives.
pub(super) fn begin(listener: TcpListener, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> io::Result<()> {
    let answer = Arc::new(answer);
    thread::Builder::new().name("status".to_owned()).spawn(move || {
        let connections = Arc::new(Connections::default());
        for number in 0.. {
            match listener.accept() {
                Ok((stream, _)) => spawn(number, stream, &connections, &answer),
                // None of the descriptors is free, among others.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    })?;
    Ok(())
}

fn spawn(
    number: u64,
    stream: TcpStream,
    connections: &Arc<Connections>,
    answer: &Arc<impl Fn(&str) -> Answer + Send + Sync + 'static>,
) {
    // Each thread has one of these. One whose connection lost its place may still be looking things up.
    if Arc::strong_count(connections) > MOST_THREADS || connections.add(number, &stream).is_err() {
        return;
    }
    let (own, answer) = (Arc::clone(connections), Arc::clone(answer));
    let spawned = thread::Builder::new().name("status answer".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        // Who goes away or is too slow gets no answer, and need not.
        let _told = converse(&stream, &*answer);
        own.remove(number);
    });
    if spawned.is_err() {
        connections.remove(number);
    }
}

impl Connections {
    fn add(&self, number: u64, stream: &TcpStream) -> io::Result<()> {
        let stream = stream.try_clone()?;
        let mut connections = self.lock();
        if connections.len() >= MOST_CONNECTIONS
            && let Some((_, oldest)) = connections.pop_front()
        {
            let _gone_already = oldest.shutdown(Shutdown::Both);
        }
        connections.push_back((number, stream));
        Ok(())
    }

    fn remove(&self, number: u64) {
        self.lock().retain(|(other, _)| *other != number);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, TcpStream)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn converse(stream: &TcpStream, answer: &impl Fn(&str) -> Answer) -> io::Result<()> {
    let deadline = Instant::now() + WITHIN;
    let request = read(stream, deadline)?;
    let (answer, has_body) = match &request {
        HttpRequest::For { path, has_body } => (answer(path), *has_body),
        HttpRequest::ToChange => (Answer::text("405 Method Not Allowed", "only GET and HEAD\n"), true),
        HttpRequest::Nonsense => (Answer::text("400 Bad Request", "no request of HTTP/1\n"), true),
    };
    let Answer { status, content_type, body } = answer;
    let mut said = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: \
         close\r\n\r\n",
        body.len()
    );
    if has_body {
        said.push_str(&body);
    }
    write(stream, said.as_bytes(), deadline)?;
    stream.shutdown(Shutdown::Write)
}

enum HttpRequest {
    For { path: String, has_body: bool },
    ToChange,
    Nonsense,
}

fn read(mut stream: &TcpStream, deadline: Instant) -> io::Result<HttpRequest> {
    let mut head = Vec::with_capacity(1024);
    let mut chunk = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        head.extend_from_slice(&chunk[..count]);
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = Request::new(&mut headers);
        match request.parse(&head) {
            Ok(Status::Complete(_)) => {
                let path = request.path.unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default().to_owned();
                return Ok(match request.method {
                    Some("GET") => HttpRequest::For { path, has_body: true },
                    Some("HEAD") => HttpRequest::For { path, has_body: false },
                    _ => HttpRequest::ToChange,
                });
            }
            Ok(Status::Partial) if head.len() < MOST_BYTES => {}
            Ok(Status::Partial) | Err(_) => return Ok(HttpRequest::Nonsense),
        }
    }
}

fn write(mut stream: &TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The time that is left. None at all would mean that there is no limit.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(port: u16, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    fn answering() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        begin(listener, |path| Answer::text("200 OK", path)).unwrap();
        port
    }

    #[test]
    fn a_path_is_answered_and_all_else_is_refused() {
        let port = answering();
        for (request, status, end) in [
            (&b"GET /health?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"[..], "200", "\r\n\r\n/health"),
            (b"HEAD /health HTTP/1.0\r\n\r\n", "200", "\r\n\r\n"),
            (b"POST /health HTTP/1.1\r\n\r\n", "405", "HEAD\n"),
            (b"\x00\x01\x02\r\n\r\n", "400", "HTTP/1\n"),
            (&[b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; MOST_BYTES]].concat(), "400", "HTTP/1\n"),
        ] {
            let said = asking(port, request);
            assert!(said.starts_with(&format!("HTTP/1.1 {status} ")) && said.ends_with(end), "{said:?}");
        }
    }

    #[test]
    fn whoever_says_nothing_keeps_nobody_out() {
        let port = answering();
        let silent: Vec<TcpStream> =
            (0..MOST_CONNECTIONS * 2).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        assert!(asking(port, b"GET /metrics HTTP/1.1\r\n\r\n").ends_with("/metrics"));
        drop(silent);
    }
}
