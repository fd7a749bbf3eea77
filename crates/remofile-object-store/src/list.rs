//! Listings of a bucket, as the service gives them.
//!
//! They are asked for here and not by the crate of object stores, which gives up at the first key that is no path (`a//b`,
//! `../x`) and takes the marker `a/` of a directory for an object `a`.

use super::asking::Query;
use super::client::Client;
use super::errors::wrong;
use jiff::Timestamp as Instant;
use remofile::protocol::wire::Timestamp;
use remofile::store::StoreResult;
use serde::Deserialize;

/// The part of a bucket that is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListRequest {
    /// The prefix of all keys.
    pub(crate) prefix: String,
    /// True if what is in directories is left out, and only their names are told.
    pub(crate) is_flat: bool,
    /// The key behind which it begins.
    pub(crate) after: Option<String>,
    /// Keys at most; `None` for as many as the service likes to give.
    pub(crate) most: Option<usize>,
}

/// Some keys, in the order of the service: that of their bytes.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The place at which the next page begins; `None` at the end.
    pub(crate) next: Option<String>,
}

/// A key in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: String,
    /// The object; `None` for a directory in a listing that leaves its contents out.
    pub(crate) object: Option<Object>,
}

/// The facts that a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub(crate) size: u64,
    pub(crate) stored: Timestamp,
    pub(crate) etag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_continuation_token: Option<String>,
    #[serde(default)]
    encoding_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    last_modified: String,
    #[serde(default, rename = "ETag")]
    e_tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

impl Client {
    /// Lists one page.
    pub(crate) async fn list(&self, request: &ListRequest, token: Option<&str>) -> StoreResult<Page> {
        let mut query: Query = vec![("list-type", "2".to_owned()), ("encoding-type", "url".to_owned())];
        query.push(("prefix", request.prefix.clone()));
        if request.is_flat {
            query.push(("delimiter", "/".to_owned()));
        }
        query.extend(request.most.map(|most| ("max-keys", most.to_string())));
        match (token, &request.after) {
            (Some(token), _) => query.push(("continuation-token", token.to_owned())),
            (None, Some(after)) => query.push(("start-after", after.clone())),
            (None, None) => {}
        }
        let answer = self.ask("GET", None, query, &[]).await?;
        page(&answer)
    }

    /// Reports whether there is any key that begins so.
    pub(crate) async fn has_below(&self, prefix: &str) -> StoreResult<bool> {
        let request = ListRequest { prefix: prefix.to_owned(), most: Some(1), ..ListRequest::default() };
        Ok(!self.list(&request, None).await?.items.is_empty())
    }
}

fn page(answer: &[u8]) -> StoreResult<Page> {
    let answer: Answer = quick_xml::de::from_reader(answer).map_err(|_| wrong("a listing that is none"))?;
    let is_encoded = answer.encoding_type.is_some_and(|encoding| encoding == "url");
    let plain = |key: String| if is_encoded { decoded(&key) } else { key };
    let object = |contents: Contents| {
        let object = Object {
            size: contents.size,
            stored: time_of(&contents.last_modified).ok_or_else(|| wrong("a time that is none"))?,
            etag: contents.e_tag.unwrap_or_default(),
        };
        Ok(Item { key: plain(contents.key), object: Some(object) })
    };
    let mut items = answer.contents.into_iter().map(object).collect::<StoreResult<Vec<_>>>()?;
    let directory = |directory: CommonPrefix| Item { key: plain(directory.prefix), object: None };
    items.extend(answer.common_prefixes.into_iter().map(directory));
    items.sort_by(|one, other| one.key.as_bytes().cmp(other.key.as_bytes()));
    let next = answer.next_continuation_token.filter(|_| answer.is_truncated);
    if answer.is_truncated && (next.is_none() || items.is_empty()) {
        // Taken for an end, it would hide files.
        return Err(wrong("a listing that is cut and cannot be gone on with"));
    }
    Ok(Page { items, next })
}

/// Reads the time of an object, in whole seconds: other answers have no more.
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    let instant: Instant = text.parse().ok()?;
    Some(Timestamp::new(instant.as_second(), 0))
}

/// Undoes the encoding that services use for keys in listings: that of forms, so a plus is a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                bytes.extend(digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low));
                after
            }
            (b'+', after) => {
                bytes.push(b' ');
                after
            }
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_with_all_its_keys() {
        let answer = "<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>abc</NextContinuationToken><Contents><Key>p/b%0A+%2B</Key><Size>5</Size>\
             <LastModified>2023-11-14T22:13:20.250Z</LastModified><ETag>&quot;e&quot;</ETag></Contents>\
             <CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes></ListBucketResult>";
        let page = page(answer.as_bytes()).unwrap();
        assert_eq!(page.next.as_deref(), Some("abc"));
        assert_eq!(page.items[0], Item { key: "p/a/".to_owned(), object: None });
        let object = Object { size: 5, stored: Timestamp::new(1_700_000_000, 0), etag: "\"e\"".to_owned() };
        assert_eq!(page.items[1], Item { key: "p/b\n +".to_owned(), object: Some(object) });
    }

    #[test]
    fn a_listing_that_is_none_or_cut_is_no_end() {
        for answer in [
            "",
            "<html>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size><LastModified>x</LastModified></Contents></ListBucketResult>",
        ] {
            assert!(page(answer.as_bytes()).is_err(), "{answer}");
        }
        assert!(page(b"<ListBucketResult></ListBucketResult>").unwrap().items.is_empty());
    }
}
