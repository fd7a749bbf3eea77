//! The time and the permissions of an object, where rclone has them.
//!
//! `mtime` is the time of modification: in seconds since 1970, with nine digits behind the point, or in Azure's storage as RFC 3339 has it.
//! `mode` is the mode of the file in octal digits, as `rclone --metadata` copies it.

use jiff::Timestamp as Instant;
use object_store::{Attribute, AttributeValue, Attributes};
use remofile::protocol::wire::Timestamp;

/// The names of the attributes, which S3 has behind `x-amz-meta-`.
pub(crate) const MTIME: &str = "mtime";
pub(crate) const MODE: &str = "mode";

/// The mark of a directory in Azure's storage, which only has names that are identifiers.
const IS_FOLDER: &str = "hdi_isfolder";

/// The headers that say what content is.
pub(crate) const HEADERS: [&str; 5] =
    ["content-type", "content-encoding", "content-language", "content-disposition", "cache-control"];

/// The way in which times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Seconds,
    Rfc3339,
}

/// The bits of a mode that say what something is, by its kind.
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

/// The attributes of an object that are ours to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) modified: Option<Timestamp>,
    pub(crate) mode: Option<u32>,
    /// The others, which stay as they are: names and values.
    pub(crate) others: Vec<(String, String)>,
    /// Headers of the object that say what its content is, which stay as well.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The time and the permissions that an object has in its metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) modified: Option<Timestamp>,
    pub(crate) mode: Option<u32>,
}

impl From<&Metadata> for Remembered {
    fn from(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified, mode: metadata.mode }
    }
}

impl Metadata {
    /// Takes the attributes of an object apart.
    pub(crate) fn of(attributes: &Attributes) -> Self {
        let mut metadata = Self::default();
        for (attribute, value) in attributes {
            let value: &str = value.as_ref();
            let Attribute::Metadata(name) = attribute else {
                metadata.headers.extend(header_of(attribute).map(|name| (name, value.to_owned())));
                continue;
            };
            metadata.add(name, value, Times::Seconds);
        }
        metadata
    }

    /// Adds an attribute.
    pub(crate) fn add(&mut self, name: &str, value: &str, times: Times) {
        let is_known = match name {
            MTIME => {
                self.modified = match times {
                    Times::Seconds => time_of(value),
                    // What RFC 3339 has no year for is in seconds.
                    Times::Rfc3339 => time_of_rfc3339(value).or_else(|| time_of(value)),
                };
                self.modified.is_some()
            }
            MODE => {
                self.mode = u32::from_str_radix(value, 8).ok().map(|mode| mode & 0o777);
                self.mode.is_some()
            }
            _ => false,
        };
        if !is_known {
            self.others.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns the names and values to write.
    pub(crate) fn pairs(&self, is_directory: bool) -> Vec<(String, String)> {
        self.pairs_with(Times::Seconds, is_directory)
    }

    /// As [`Metadata::pairs`], with times as they are written in a service.
    pub(crate) fn pairs_with(&self, times: Times, is_directory: bool) -> Vec<(String, String)> {
        let kind = if is_directory { DIRECTORY } else { REGULAR };
        let text_of = |time: Timestamp| match times {
            Times::Seconds => text_of(time),
            Times::Rfc3339 => rfc3339_of(time).unwrap_or_else(|| text_of(time)),
        };
        let mut pairs = Vec::new();
        pairs.extend(self.modified.map(|modified| (MTIME.to_owned(), text_of(modified))));
        if is_directory && times == Times::Rfc3339 {
            pairs.push((IS_FOLDER.to_owned(), "true".to_owned()));
        }
        pairs.extend(self.mode.map(|mode| (MODE.to_owned(), format!("{:o}", kind | (mode & 0o777)))));
        pairs.extend(
            self.others
                .iter()
                .filter(|(name, _)| pairs.iter().all(|(ours, _)| ours != name))
                .cloned()
                .collect::<Vec<_>>(),
        );
        pairs
    }

    /// Returns them as the crate of object stores takes them.
    pub(crate) fn attributes(&self, is_directory: bool) -> Attributes {
        let of = |(name, value): (String, String)| (Attribute::Metadata(name.into()), AttributeValue::from(value));
        let of_header =
            |(name, value): &(&'static str, String)| Some((attribute_of(name)?, AttributeValue::from(value.clone())));
        self.pairs(is_directory).into_iter().map(of).chain(self.headers.iter().filter_map(of_header)).collect()
    }
}

fn header_of(attribute: &Attribute) -> Option<&'static str> {
    Some(match attribute {
        Attribute::ContentType => "content-type",
        Attribute::ContentEncoding => "content-encoding",
        Attribute::ContentLanguage => "content-language",
        Attribute::ContentDisposition => "content-disposition",
        Attribute::CacheControl => "cache-control",
        _ => return None,
    })
}

fn attribute_of(header: &str) -> Option<Attribute> {
    Some(match header {
        "content-type" => Attribute::ContentType,
        "content-encoding" => Attribute::ContentEncoding,
        "content-language" => Attribute::ContentLanguage,
        "content-disposition" => Attribute::ContentDisposition,
        "cache-control" => Attribute::CacheControl,
        _ => return None,
    })
}

/// Reads a time as rclone writes it: seconds, perhaps with a fraction.
fn time_of(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_negative = whole.starts_with('-');
    let seconds: i64 = whole.parse().ok()?;
    if fraction.len() > 18 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = nine.parse().ok()?;
    match (is_negative, nanoseconds) {
        (true, 1..) => Some(Timestamp::new(seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds)),
        _ => Some(Timestamp::new(seconds, nanoseconds)),
    }
}

/// Writes a time as rclone does.
fn text_of(time: Timestamp) -> String {
    let (seconds, nanoseconds) = (time.seconds(), time.nanoseconds());
    match (seconds.checked_add(1), nanoseconds) {
        // Before 1970 the fraction counts towards 1970.
        (Some(next), 1..) if seconds < 0 => {
            let sign = if next == 0 { "-" } else { "" };
            format!("{sign}{next}.{:09}", 1_000_000_000 - nanoseconds)
        }
        _ => format!("{seconds}.{nanoseconds:09}"),
    }
}

/// Reads a time as rclone writes it in Azure's storage.
fn time_of_rfc3339(text: &str) -> Option<Timestamp> {
    let instant: Instant = text.parse().ok()?;
    let (seconds, nanoseconds) = (instant.as_second(), instant.subsec_nanosecond());
    // Before 1970 the fraction counts towards 1970.
    match u32::try_from(nanoseconds) {
        Ok(nanoseconds) => Some(Timestamp::new(seconds, nanoseconds)),
        Err(_) => Some(Timestamp::new(seconds.checked_sub(1)?, u32::try_from(nanoseconds + 1_000_000_000).ok()?)),
    }
}

/// Writes a time as rclone does there; `None` for one of a year that has more than four digits.
fn rfc3339_of(time: Timestamp) -> Option<String> {
    let instant = Instant::new(time.seconds(), time.nanoseconds().try_into().ok()?).ok()?;
    Some(format!("{instant:.9}")).filter(|text| text.len() == "2023-11-14T22:13:20.000000000Z".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rclone_does() {
        for (seconds, nanoseconds, text) in [
            (1_700_000_000, 0, "1700000000.000000000"),
            (1_700_000_000, 123_456_789, "1700000000.123456789"),
            (0, 5, "0.000000005"),
            (-1, 500_000_000, "-0.500000000"),
            (-2, 750_000_000, "-1.250000000"),
            (-2, 0, "-2.000000000"),
        ] {
            let time = Timestamp::new(seconds, nanoseconds);
            assert_eq!(text_of(time), text);
            assert_eq!(time_of(text), Some(time), "{text}");
        }
    }

    #[test]
    fn times_in_azure_are_written_as_rclone_does() {
        for (seconds, nanoseconds, text) in [
            (1_700_000_000, 5, "2023-11-14T22:13:20.000000005Z"),
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.500000000Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00.000000000Z"),
        ] {
            let time = Timestamp::new(seconds, nanoseconds);
            assert_eq!(rfc3339_of(time).unwrap(), text);
            assert_eq!(time_of_rfc3339(text), Some(time), "{text}");
        }
        assert_eq!(time_of_rfc3339("2023-11-15T00:13:20.5+02:00"), Some(Timestamp::new(1_700_000_000, 500_000_000)));
        for seconds in [i64::MIN, i64::MAX, 1 << 40, -(1 << 40)] {
            let metadata = Metadata { modified: Some(Timestamp::new(seconds, 1)), ..Metadata::default() };
            let mut read = Metadata::default();
            for (name, value) in metadata.pairs_with(Times::Rfc3339, false) {
                read.add(&name, &value, Times::Rfc3339);
            }
            assert_eq!(read, metadata, "{seconds}");
        }
        let marker = Metadata::default().pairs_with(Times::Rfc3339, true);
        assert_eq!(marker, [("hdi_isfolder".to_owned(), "true".to_owned())]);
    }

    #[test]
    fn times_of_others_are_read() {
        assert_eq!(time_of("1700000000"), Some(Timestamp::new(1_700_000_000, 0)));
        assert_eq!(time_of("1700000000.5"), Some(Timestamp::new(1_700_000_000, 500_000_000)));
        for text in ["", "x", "1.x", "1e9", "2023-11-14T22:13:20Z", "1.-5"] {
            assert_eq!(time_of(text), None, "{text}");
        }
    }

    #[test]
    fn what_others_wrote_stays_and_modes_are_those_of_the_kind() {
        let modified = Some(Timestamp::new(5, 0));
        let others = vec![("btime".to_owned(), "2020-01-01T00:00:00Z".to_owned())];
        let headers = vec![("content-type", "text/plain".to_owned())];
        let metadata = Metadata { modified, mode: Some(0o640), others, headers };
        let golden = [("mtime", "5.000000000"), ("mode", "100640"), ("btime", "2020-01-01T00:00:00Z")];
        let golden: Vec<_> = golden.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(metadata.pairs(false), golden);
        assert_eq!(metadata.pairs(true)[1].1, "40640");
        assert_eq!(Metadata::of(&metadata.attributes(false)), metadata);
    }
}
