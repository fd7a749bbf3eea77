//! Uploads in parts: blocks that wait at the name of a blob, and the list that makes a blob of them.

use super::container::Azure;
use super::headers::{condition_of, headers_of, name, text, unmet};
use crate::asking::Ask;
use crate::conditions::Condition;
use crate::errors::wrong;
use crate::hex::hex;
use crate::metadata::Metadata;
use crate::part::Part;
use bytes::Bytes;
use remofile::protocol::digest::digest;
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;
use serde::Deserialize;
use std::collections::HashSet;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockList {
    #[serde(default)]
    uncommitted_blocks: Blocks,
}

#[derive(Default, Deserialize)]
struct Blocks {
    #[serde(default, rename = "Block")]
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Block {
    name: String,
    size: u64,
}

/// Returns the number of an upload, which no other one has. The service needs none: it is in the names of the blocks.
pub(crate) fn upload_number() -> String {
    hex(&digest(Token::generate().reveal().as_bytes()))
}

/// Returns the name of a block. All blocks of a blob have names of one length, in the digits of base 64.
fn block_name(upload: &str, index: usize) -> String {
    format!("{upload}{index:08}")
}

impl Azure<'_> {
    /// Sends a part, and returns the name that it has until it is in the blob.
    pub(crate) async fn put_block(self, key: &str, upload: &str, index: usize, content: Bytes) -> StoreResult<String> {
        let block = block_name(upload, index);
        let query = vec![("comp", "block".to_owned()), ("blockid", block.clone())];
        let ask = Ask { content, is_slow: true, ..Ask::new("PUT", Some(name(key)?), query) };
        self.0.make(ask).await?;
        Ok(block)
    }

    /// Makes a blob of blocks, and returns its tag. That may be done twice: the second time they are those that the blob has.
    pub(crate) async fn put_block_list(
        self,
        key: &str,
        blocks: &[String],
        metadata: &Metadata,
        condition: &Condition,
    ) -> StoreResult<String> {
        let latest: String = blocks.iter().map(|block| format!("<Latest>{block}</Latest>")).collect();
        let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{latest}</BlockList>");
        let mut ask = Ask::new("PUT", Some(name(key)?), vec![("comp", "blocklist".to_owned())]);
        ask.headers.extend(headers_of(metadata, key.ends_with('/')));
        ask.headers.extend(condition_of(condition));
        (ask.content, ask.is_slow) = (list.into(), true);
        let answered = self.0.make(ask).await.map_err(|failure| unmet(failure, condition))?;
        Ok(text(&answered.headers, "etag").unwrap_or_default().to_owned())
    }

    /// Returns the blocks that wait at the name of a blob.
    pub(crate) async fn waiting_blocks(self, key: &str) -> StoreResult<HashSet<Part>> {
        let query = vec![("comp", "blocklist".to_owned()), ("blocklisttype", "uncommitted".to_owned())];
        match self.0.make(Ask::new("GET", Some(name(key)?), query)).await {
            Err(failure) if failure.code == ErrorCode::NotFound => Ok(HashSet::new()),
            answered => blocks_of(&answered?.body),
        }
    }
}

fn blocks_of(answer: &[u8]) -> StoreResult<HashSet<Part>> {
    let list: BlockList = quick_xml::de::from_reader(answer).map_err(|_| wrong("a list of blocks that is none"))?;
    let blocks = list.uncommitted_blocks.blocks.into_iter();
    Ok(blocks.map(|block| Part { etag: block.name, bytes: block.size }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_names_of_one_length_that_no_other_upload_has() {
        let (one, other) = (upload_number(), upload_number());
        assert_ne!(one, other);
        assert_eq!(block_name(&one, 0).len() % 4, 0);
        assert_eq!(block_name(&one, 0).len(), block_name(&other, 49_999).len());
    }

    #[test]
    fn a_list_of_blocks_is_read() {
        let answer = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks/><UncommittedBlocks><Block><Name>QQ==</Name>\
                      <Size>5</Size></Block><Block><Name>Qg==</Name><Size>7</Size></Block></UncommittedBlocks></BlockList>";
        let part = |name: &str, bytes| Part { etag: name.to_owned(), bytes };
        assert_eq!(blocks_of(answer.as_bytes()).unwrap(), HashSet::from([part("QQ==", 5), part("Qg==", 7)]));
        assert!(blocks_of(b"<BlockList></BlockList>").unwrap().is_empty());
        assert!(blocks_of(b"<BlockList><UncommittedBlocks><Block/></UncommittedBlocks></BlockList>").is_err());
    }
}
