//! The place of a store: a service, a bucket and a prefix in it.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// One that has Amazon's interface: `s3://`.
    S3,
    /// Google's, by its interface for S3 clients: `gs://`.
    Google,
    /// Azure's storage of blobs, whose buckets are called containers: `az://`.
    Azure,
}

/// A bucket of a service, and the part of it that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The service that has the bucket.
    pub service: ServiceKind,
    /// Name of the bucket.
    pub bucket: String,
    /// The prefix of all keys: empty, or ends with a slash.
    pub prefix: String,
}

/// A text that is no place of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidLocation(String);

impl Location {
    /// Reports whether a text is meant as the place of a store, and not as that of a directory.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|character| character.is_ascii_alphanumeric() || character == '+')
        })
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let invalid = |why: &str| Err(InvalidLocation(format!("'{text}' {why}")));
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("is no place of a bucket: write s3://BUCKET/PREFIX");
        };
        let service = match scheme {
            "s3" => ServiceKind::S3,
            "gs" | "gcs" => ServiceKind::Google,
            "az" | "azure" | "azureblob" => ServiceKind::Azure,
            "abfs" | "abfss" | "wasb" | "wasbs" => {
                return invalid("is no place that can be served: write az://CONTAINER/PREFIX");
            }
            _ => {
                return invalid(
                    "is no place that can be served: name a directory, or s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX",
                );
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return invalid("names no bucket: write s3://BUCKET/PREFIX");
        }
        if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
            return invalid("has a bucket whose name is not valid: it has letters, digits, dots and hyphens");
        }
        let prefix = prefix.trim_end_matches('/');
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
        if !prefix.is_empty() && !prefix.split('/').all(is_name) {
            return invalid("has a prefix that is no path: leave out empty names, '.', '..' and control characters");
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { service, bucket: bucket.to_owned(), prefix })
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scheme = match self.service {
            ServiceKind::S3 => "s3",
            ServiceKind::Google => "gs",
            ServiceKind::Azure => "az",
        };
        write!(f, "{scheme}://{}/{}", self.bucket, self.prefix)
    }
}

impl Display for InvalidLocation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidLocation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_what_its_keys_begin_with() {
        let place = |text: &str| text.parse::<Location>().map(|place| (place.bucket, place.prefix));
        let of = |bucket: &str, prefix: &str| Ok((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(place("s3://bucket"), of("bucket", ""));
        assert_eq!(place("s3://bucket/"), of("bucket", ""));
        assert_eq!(place("s3://my-bucket.1/a/b"), of("my-bucket.1", "a/b/"));
        assert_eq!(place("s3://bucket/a/b//"), of("bucket", "a/b/"));
        for (text, service) in [("s3", ServiceKind::S3), ("gs", ServiceKind::Google), ("az", ServiceKind::Azure)] {
            let place: Location = format!("{text}://bucket/a").parse().unwrap();
            assert_eq!((place.service, place.to_string()), (service, format!("{text}://bucket/a/")));
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        for (text, why) in [
            ("s3://", "names no bucket"),
            ("s3:///a", "names no bucket"),
            ("s3://a b/", "not valid"),
            ("s3://b/a//c", "no path"),
            ("s3://b/../c", "no path"),
            ("az://", "names no bucket"),
            ("abfss://b/c", "write az://CONTAINER/PREFIX"),
            ("http://b/c", "no place that can be served"),
            ("/srv", "no place of a bucket"),
        ] {
            let told = text.parse::<Location>().unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
        assert!(Location::is_meant_by("s3://x") && !Location::is_meant_by("./s3://x") && !Location::is_meant_by("a/b"));
    }
}
