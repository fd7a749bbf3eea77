//! Listings of a bucket, as the service gives them.
//!
//! They are asked for here and not by the crate of object stores, which gives up at the first key that is no path (`a//b`,
//! `../x`) and takes the marker `a/` of a directory for an object `a`.

use super::asking::Query;
use super::client::Client;
use super::errors::wrong;
use super::listing::{Item, ListRequest, Object, Page, decoded, time_of};
use remofile::store::StoreResult;
use serde::Deserialize;

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
        if let Some(azure) = self.service.azure(&self.requests) {
            return azure.list(request, token).await;
        }
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
        Ok(Item { key: plain(contents.key), object: Some(object), told: None })
    };
    let mut items = answer.contents.into_iter().map(object).collect::<StoreResult<Vec<_>>>()?;
    let directory = |directory: CommonPrefix| Item { key: plain(directory.prefix), object: None, told: None };
    items.extend(answer.common_prefixes.into_iter().map(directory));
    items.sort_by(|one, other| one.key.as_bytes().cmp(other.key.as_bytes()));
    let next = answer.next_continuation_token.filter(|_| answer.is_truncated);
    if answer.is_truncated && (next.is_none() || items.is_empty()) {
        // Taken for an end, it would hide files.
        return Err(wrong("a listing that is cut and cannot be gone on with"));
    }
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;

    #[test]
    fn a_listing_is_read_with_all_its_keys() {
        let answer = "<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>abc</NextContinuationToken><Contents><Key>p/b%0A+%2B</Key><Size>5</Size>\
             <LastModified>2023-11-14T22:13:20.250Z</LastModified><ETag>&quot;e&quot;</ETag></Contents>\
             <CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes></ListBucketResult>";
        let page = page(answer.as_bytes()).unwrap();
        assert_eq!(page.next.as_deref(), Some("abc"));
        assert_eq!(page.items[0], Item { key: "p/a/".to_owned(), object: None, told: None });
        let object = Object { size: 5, stored: Timestamp::new(1_700_000_000, 0), etag: "\"e\"".to_owned() };
        assert_eq!(page.items[1], Item { key: "p/b\n +".to_owned(), object: Some(object), told: None });
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
