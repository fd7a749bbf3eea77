//! The trial of the conditions that a service heeds.

use super::client::Client;
use super::conditions::{Condition, Conditions, Tags};
use super::hex::hex;
use object_store::PutPayload;
use remofile::protocol::digest::digest;
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;
use std::time::SystemTime;

/// A tag that no object has which this server stores.
const OTHER_TAG: &str = "\"00000000000000000000000000000000\"";

impl Client {
    /// Returns the conditions that the service heeds. Some forget them without a word, so they are tried once, before the first
    /// change that needs to know.
    pub(crate) async fn conditions(&self) -> StoreResult<Conditions> {
        let tried = self.conditions.get_or_try_init(|| async {
            let mark = digest(format!("{} {:?}", std::process::id(), SystemTime::now()).as_bytes());
            let key = self.keys.own(&format!("condition-{}", hex(&mark)));
            let conditions = self.try_conditions(&key).await?;
            if !conditions.has_absent {
                tracing::info!(
                    "the object store heeds no conditions of requests: see to it that only servers of Remofile write to the bucket"
                );
            }
            Ok(conditions)
        });
        tried.await.copied()
    }

    async fn try_conditions(&self, key: &str) -> StoreResult<Conditions> {
        let has_absent = match self.is_met(key, Condition::Absent).await? {
            true => !self.is_met(key, Condition::Absent).await?,
            // The answer to an attempt before was lost, or the service takes no conditions.
            false => self.head(key).await?.is_some(),
        };
        let mut conditions = Conditions { has_absent, tags: Tags::Unheeded };
        for tags in [Tags::Quoted, Tags::Bare] {
            let Some(head) = self.head(key).await? else { break };
            let ways = Conditions { tags, ..conditions };
            if self.is_met(key, ways.heeded(Condition::Etag(head.etag))).await? {
                let forgets = self.is_met(key, ways.heeded(Condition::Etag(OTHER_TAG.to_owned()))).await?;
                conditions = if forgets { conditions } else { ways };
                break;
            }
        }
        self.delete_unfenced(key).await?;
        Ok(conditions)
    }

    /// Reports whether the service stores an empty object on a condition.
    async fn is_met(&self, key: &str, condition: Condition) -> StoreResult<bool> {
        match self.put_unfenced(key, PutPayload::new(), condition).await {
            Ok(_) => Ok(true),
            Err(failure) => match failure.code {
                ErrorCode::AlreadyExists | ErrorCode::SourceChanged | ErrorCode::NotFound | ErrorCode::Unsupported => {
                    Ok(false)
                }
                _ => Err(failure),
            },
        }
    }
}
