//! Requests and answers of the double.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Key in the bucket; empty for the bucket itself.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that is told, if it is another one.
    pub(crate) length: Option<u64>,
}

impl Request {
    pub(crate) fn read(connection: &mut TcpStream) -> Option<Self> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut parsed = httparse::Request::new(&mut headers);
            if let httparse::Status::Complete(length) = parsed.parse(&bytes).ok()? {
                let of = |header: &httparse::Header<'_>| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                };
                let headers: BTreeMap<String, String> = parsed.headers.iter().map(of).collect();
                let (method, target) = (parsed.method?.to_owned(), parsed.path?.to_owned());
                let wanted = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
                let mut body = bytes.split_off(length);
                while body.len() < wanted {
                    let count = connection.read(&mut buffer).ok().filter(|count| *count > 0)?;
                    body.extend_from_slice(&buffer[..count]);
                }
                let (path, query) = target.split_once('?').unwrap_or((&target, ""));
                let key = path.strip_prefix("/bucket").unwrap_or(path).trim_start_matches('/');
                let key = if path.starts_with("/bucket//") { &path["/bucket/".len()..] } else { key };
                let pair = |pair: &str| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (plain(name), plain(value))
                };
                let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
                return Some(Self { method, key: plain(key), query, headers, body, target });
            }
            let count = connection.read(&mut buffer).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&buffer[..count]);
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The headers that are kept with an object.
    pub(crate) fn kept(&self) -> Vec<(String, String)> {
        let kept = self.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-") || *name == "content-type");
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl Answer {
    pub(crate) fn of(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), length: None }
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::of(status, format!("<Error><Code>{code}</Code><Message>words of the service</Message></Error>"))
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Returns false if nothing more is to be read from the connection.
    pub(crate) fn write(&self, connection: &mut TcpStream, is_head: bool, cut: bool) -> bool {
        let length = self.length.unwrap_or(self.body.len() as u64);
        let mut head = format!("HTTP/1.1 {} Status\r\ncontent-length: {length}\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let body = match (is_head, cut) {
            (true, _) => &[][..],
            (false, true) => &self.body[..self.body.len() / 2],
            (false, false) => &self.body[..],
        };
        let is_written = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body)).is_ok();
        is_written && !cut && (is_head || self.length.is_none())
    }
}

/// Undoes the encoding of addresses.
pub(crate) fn plain(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Encodes a key as services do in listings.
pub(crate) fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    key.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
