//! The service that answers in place of a server, by the first bytes that it says.

/// The beginnings of what services of other kinds say, and what these are.
const GREETINGS: [(&[u8], &str); 10] = [
    (b"SSH-", "it is an SSH server"),
    (b"HTTP/", "it is a web server"),
    (b"@RSYNCD:", "it is an rsync server"),
    (b"220 ", "it is an FTP or mail server"),
    (b"220-", "it is an FTP or mail server"),
    (b"* OK", "it is a mail server"),
    (b"+OK", "it is a mail server"),
    (b"RFB ", "it is a VNC server"),
    (b"-ERR", "it is a Redis or mail server"),
    // A TLS alert about what was no TLS.
    (b"\x15\x03", "it is a server of HTTPS or another service over TLS"),
];

/// Returns what says these bytes, if that is known.
pub(super) fn recognise(bytes: &[u8]) -> Option<&'static str> {
    GREETINGS.iter().find(|(greeting, _)| bytes.starts_with(greeting)).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_what_they_say_first() {
        assert_eq!(recognise(b"SSH-2.0-OpenSSH_9.9\r\n"), Some("it is an SSH server"));
        assert_eq!(recognise(b"HTTP/1.1 400 Bad Request\r\n"), Some("it is a web server"));
        assert_eq!(recognise(b"\x89RMF\r\n\x1a\n"), None);
        assert_eq!(recognise(b""), None);
    }
}
