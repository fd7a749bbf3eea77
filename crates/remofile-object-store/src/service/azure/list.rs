//! Listings of a container. They tell the metadata of each blob, so that none has to be looked at for it.

use super::container::Azure;
use super::errors::hierarchical;
use crate::asking::{Ask, Query};
use crate::errors::wrong;
use crate::listing::{Item, ListRequest, Object, Page, decoded, time_of_http};
use crate::metadata::{Metadata, Remembered, Times};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use remofile::store::StoreResult;

impl Azure<'_> {
    /// Lists one page, which has keys unless it is the last.
    pub(crate) async fn list(self, request: &ListRequest, token: Option<&str>) -> StoreResult<Page> {
        let mut marker = token.map(str::to_owned);
        loop {
            let mut page = self.page(request, marker.as_deref()).await?;
            // The service begins where it likes: at the first key, or behind a page of its own.
            if let Some(after) = &request.after {
                page.items.retain(|item| item.key > *after);
            }
            if !page.items.is_empty() || page.next.is_none() {
                return Ok(page);
            }
            marker = page.next;
        }
    }

    async fn page(self, request: &ListRequest, marker: Option<&str>) -> StoreResult<Page> {
        let of = |name, value: &str| (name, value.to_owned());
        let mut query: Query = vec![of("restype", "container"), of("comp", "list"), of("include", "metadata")];
        query.extend(Some(&request.prefix).filter(|prefix| !prefix.is_empty()).map(|prefix| of("prefix", prefix)));
        query.extend(request.is_flat.then(|| of("delimiter", "/")));
        query.extend(request.most.map(|most| ("maxresults", most.to_string())));
        query.extend(marker.map(|marker| of("marker", marker)));
        let answered = self.0.make(Ask::new("GET", None, query)).await?;
        page_of(&answered.body)
    }
}

/// A listing as far as it was read.
#[derive(Default)]
struct Listing {
    /// The elements that are open, from the outermost on.
    open: Vec<String>,
    text: String,
    is_encoded: bool,
    blob: Blob,
    items: Vec<Item>,
    next: Option<String>,
    is_whole: bool,
}

/// A blob, as far as it was told of.
#[derive(Default)]
struct Blob {
    key: String,
    size: Option<u64>,
    stored: Option<String>,
    etag: String,
    metadata: Metadata,
}

fn page_of(answer: &[u8]) -> StoreResult<Page> {
    let none = || wrong("a listing that is none");
    let (mut reader, mut listing) = (Reader::from_reader(answer), Listing::default());
    loop {
        match reader.read_event().map_err(|_| none())? {
            Event::Start(start) => listing.begin(&start),
            Event::End(_) => listing.end()?,
            Event::Text(text) => listing.text.push_str(&text.decode().map_err(|_| none())?),
            Event::CData(text) => listing.text.push_str(&text.decode().map_err(|_| none())?),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(|_| none())? {
                Some(character) => listing.text.push(character),
                None => {
                    let name = entity.decode().map_err(|_| none())?;
                    listing.text.push_str(resolve_predefined_entity(&name).ok_or_else(none)?);
                }
            },
            Event::Eof => break,
            // An empty element says nothing: what is not there is not told either.
            _ => {}
        }
    }
    if !listing.is_whole {
        return Err(none());
    }
    let mut items = listing.items;
    items.sort_by(|one, other| one.key.as_bytes().cmp(other.key.as_bytes()));
    // Folders that are told as blobs and as what keys begin with, the latter being all that is asked for.
    items.dedup_by(|one, other| one.key == other.key);
    Ok(Page { items, next: listing.next })
}

impl Listing {
    fn begin(&mut self, start: &BytesStart<'_>) {
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        if matches!(name.as_str(), "Blob" | "BlobPrefix") {
            self.blob = Blob::default();
        }
        // Names that XML cannot hold.
        let encoded = start.try_get_attribute("Encoded").ok().flatten();
        self.is_encoded = encoded.is_some_and(|encoded| &*encoded.value == b"true");
        self.text.clear();
        self.open.push(name);
    }

    fn end(&mut self) -> StoreResult<()> {
        let name = self.open.pop().unwrap_or_default();
        let text = std::mem::take(&mut self.text);
        match (self.open.last().map(String::as_str), name.as_str()) {
            (Some("Blob" | "BlobPrefix"), "Name") => {
                // A plus is none of a form here.
                self.blob.key = if self.is_encoded { decoded(&text.replace('+', "%2B")) } else { text };
            }
            (Some("Properties"), "Content-Length") => self.blob.size = text.parse().ok(),
            (Some("Properties"), "Last-Modified") => self.blob.stored = Some(text),
            (Some("Properties"), "ResourceType") if text == "directory" => return Err(hierarchical()),
            (Some("Properties"), "Etag") => self.blob.etag = quoted(&text),
            (Some("Metadata"), name) => self.blob.metadata.add(&name.to_ascii_lowercase(), &text, Times::Rfc3339),
            (Some("Blobs"), "Blob") => {
                let blob = std::mem::take(&mut self.blob);
                self.items.push(blob.item()?);
            }
            (Some("Blobs"), "BlobPrefix") => {
                let key = std::mem::take(&mut self.blob).key;
                self.items.push(Item { key, object: None, told: None });
            }
            (Some("EnumerationResults"), "NextMarker") => self.next = Some(text).filter(|marker| !marker.is_empty()),
            (None, "EnumerationResults") => self.is_whole = true,
            _ => {}
        }
        Ok(())
    }
}

impl Blob {
    fn item(self) -> StoreResult<Item> {
        let size = self.size.ok_or_else(|| wrong("a blob without a length"))?;
        let stored = self.stored.as_deref().and_then(time_of_http).ok_or_else(|| wrong("a time that is none"))?;
        let told = Some(Remembered::from(&self.metadata));
        Ok(Item { key: self.key, object: Some(Object { size, stored, etag: self.etag }), told })
    }
}

/// Returns a tag as all other answers have it.
fn quoted(tag: &str) -> String {
    if tag.is_empty() || tag.ends_with('"') { tag.to_owned() } else { format!("\"{tag}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::{ErrorCode, Timestamp};

    #[test]
    fn a_listing_is_read_with_all_its_names_and_their_metadata() {
        let answer = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\"><Prefix>p/</Prefix><Blobs>\
             <BlobPrefix><Name>p/d/</Name></BlobPrefix>\
             <Blob><Name> p/a &amp; b&#10; </Name><Properties><Last-Modified>Tue, 14 Nov 2023 22:13:20 GMT</Last-Modified>\
             <Etag>0x1</Etag><Content-Length>5</Content-Length><Content-MD5 /></Properties>\
             <Metadata><Mtime>2023-11-14T22:13:21.5Z</Mtime><mode>100640</mode><Name>no name</Name></Metadata><OrMetadata /></Blob>\
             <Blob><Name Encoded=\"true\">p/%EF%BF%BE+</Name><Properties><Last-Modified>Tue, 14 Nov 2023 22:13:20 GMT</Last-Modified>\
             <Etag>\"0x2\"</Etag><Content-Length>0</Content-Length></Properties></Blob>\
             </Blobs><NextMarker>m</NextMarker></EnumerationResults>";
        let page = page_of(answer.as_bytes()).unwrap();
        let keys: Vec<&str> = page.items.iter().map(|item| item.key.as_str()).collect();
        assert_eq!((keys, page.next.as_deref()), (vec![" p/a & b\n ", "p/d/", "p/\u{fffe}+"], Some("m")));
        let stored = Timestamp::new(1_700_000_000, 0);
        assert_eq!(page.items[0].object, Some(Object { size: 5, stored, etag: "\"0x1\"".to_owned() }));
        let modified = Some(Timestamp::new(1_700_000_001, 500_000_000));
        assert_eq!(page.items[0].told, Some(Remembered { modified, mode: Some(0o640) }));
        assert_eq!((&page.items[1].object, page.items[1].told), (&None, None));
        assert_eq!(page.items[2].object.as_ref().unwrap().etag, "\"0x2\"");
    }

    #[test]
    fn a_listing_that_is_none_or_cut_is_no_end() {
        for answer in [
            "",
            "<html>",
            "<EnumerationResults><Blobs>",
            "<EnumerationResults><Blobs></EnumerationResults>",
            "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
            "<EnumerationResults><Blobs><BlobPrefix><Name>&none;</Name></BlobPrefix></Blobs></EnumerationResults>",
        ] {
            assert!(page_of(answer.as_bytes()).is_err(), "{answer}");
        }
        let directory = "<EnumerationResults><Blobs><Blob><Properties><ResourceType>directory</ResourceType>";
        assert_eq!(page_of(directory.as_bytes()).unwrap_err().code, ErrorCode::Unsupported);
        let empty = page_of(b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>").unwrap();
        assert!(empty.items.is_empty() && empty.next.is_none());
    }
}
