//! Requests to the service.

use super::answers::Answers;
use super::asking::{Ask, Query, Requests};
use super::conditions::{Condition, Conditions};
use super::errors::wrong;
use super::head::{Got, Head};
use super::keys::{Keys, object_path};
use super::metadata::Metadata;
use super::options::{BucketOptions, OpenError};
use super::own_fence::{FOR_EVER, OwnFence};
use super::service::Service;
use super::service::azure::blocks::upload_number;
use super::service::azure::container::Azure;
use super::service::azure::errors::hierarchical;
use super::service::s3::S3;
use super::settings::{Account, Settings};
use super::watched::WatchedConnector;
use bytes::Bytes;
use object_store::PutPayload;
use object_store::client::HttpConnector;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// A service, as one store asks it.
pub(crate) struct Client {
    pub(crate) service: Service,
    pub(crate) requests: Requests,
    pub(crate) bucket: String,
    pub(crate) keys: Keys,
    pub(crate) options: BucketOptions,
    /// The conditions that the service heeds, once they are known.
    pub(crate) conditions: OnceCell<Conditions>,
    pub(crate) answers: Arc<Answers>,
    /// True until the service has refused a list of keys that are to be removed.
    pub(crate) takes_lists: AtomicBool,
    /// The names of directories that are remembered.
    pub(crate) names: AtomicUsize,
    /// The fence of a server that owns the bucket.
    pub(crate) own_fence: OwnFence,
    runtime: Background,
}

/// The threads on which requests go on. It may be dropped anywhere, also on one of them.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    pub(crate) fn new(settings: Settings, options: BucketOptions) -> Result<Self, OpenError> {
        // Another provider that the process has already is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads)
            .thread_name("object-store")
            .enable_all()
            .build()
            .map_err(|error| OpenError::new(format!("no thread for the object store: {error}")))?;
        let Settings { account, connection, content_connection, location } = settings;
        let (answers, patience) = (Arc::<Answers>::default(), options.patience);
        let address = account.address(&location.bucket);
        let connector = WatchedConnector { answers: Arc::clone(&answers), address: address.as_str().into(), patience };
        let opened = |error: object_store::Error| OpenError::new(error.to_string());
        let entered = runtime.enter();
        let signer = account.signer(&connector, &connection)?;
        let service = match account {
            Account::S3(builder) => {
                let builder = builder.with_http_connector(connector.clone());
                let store = builder.clone().with_client_options(connection.clone()).build().map_err(opened)?;
                let content_store = builder.with_client_options(content_connection.clone()).build().map_err(opened)?;
                Service::S3(S3 { store, content_store })
            }
            Account::Azure(_) => Service::Azure,
        };
        let requests = Requests {
            http: connector.connect(&connection).map_err(opened)?,
            content_http: connector.connect(&content_connection).map_err(opened)?,
            address,
            signer,
            answers: Arc::clone(&answers),
            patience,
            first_patience: options.first_patience,
        };
        drop(entered);
        // Azure takes lists of other requests, each signed by itself, which spares little.
        let takes_lists = AtomicBool::new(matches!(service, Service::S3(_)));
        Ok(Self {
            service,
            requests,
            bucket: location.bucket,
            keys: Keys::new(&location.prefix),
            options,
            conditions: OnceCell::new(),
            answers,
            takes_lists,
            names: AtomicUsize::new(0),
            own_fence: OwnFence::default(),
            runtime: Background(Some(runtime)),
        })
    }

    /// Refuses a bucket whose keys are not what they are elsewhere.
    pub(crate) async fn refuse_hierarchy(&self) -> StoreResult<()> {
        match self.service.azure(&self.requests) {
            Some(azure) if azure.is_hierarchical().await => Err(hierarchical()),
            _ => Ok(()),
        }
    }

    /// Waits for requests on the caller's thread.
    pub(crate) fn wait<T>(&self, requests: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        match &self.runtime.0 {
            Some(runtime) => runtime.block_on(requests),
            None => Err(ErrorCode::ShuttingDown.into()),
        }
    }

    /// Begins requests that go on by themselves.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        requests: impl Future<Output = StoreResult<T>> + Send + 'static,
    ) -> Option<Task<T>> {
        self.runtime.0.as_ref().map(|runtime| Task(runtime.spawn(requests)))
    }

    /// Makes a request that the crate of object stores does not have, as often as it takes within the patience of the
    /// store. It has to be one that may be made twice.
    pub(crate) async fn ask(
        &self,
        method: &'static str,
        key: Option<&str>,
        query: Query,
        headers: &[(String, String)],
    ) -> StoreResult<Bytes> {
        let is_slow = headers.iter().any(|(name, _)| name == "x-amz-copy-source");
        let ask = Ask { headers: headers.to_owned(), is_slow, ..Ask::new(method, key, query) };
        Ok(self.requests.make(ask).await?.body)
    }

    /// Tells what a key has; `None` if that is nothing.
    pub(crate) async fn head(&self, key: &str) -> StoreResult<Option<Head>> {
        absent_is_none(match &self.service {
            Service::S3(s3) => s3.head(key).await,
            Service::Azure => Azure(&self.requests).head(key).await,
        })
    }

    /// Reads an object, or a part of it as far as there is one. It has to have a tag if one is given.
    pub(crate) async fn get(&self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> StoreResult<Got> {
        match &self.service {
            Service::S3(s3) => s3.get(key, range, etag).await,
            Service::Azure => Azure(&self.requests).get(key, range, etag).await,
        }
    }

    /// Reads a small object whole; `None` if there is none.
    pub(crate) async fn read(&self, key: &str) -> StoreResult<Option<(Bytes, Head)>> {
        let Some(Got { head, bytes }) = absent_is_none(self.get(key, None, None).await)? else { return Ok(None) };
        if bytes.len() as u64 != head.size {
            return Err(wrong("an object of another length than it was said to have"));
        }
        Ok(Some((bytes, head)))
    }

    /// Stores an object whole, and returns its tag.
    pub(crate) async fn put(
        &self,
        key: &str,
        content: PutPayload,
        metadata: &Metadata,
        condition: Condition,
    ) -> StoreResult<String> {
        self.fenced(self.put_at_once(key, content, metadata, condition)).await
    }

    /// Stores an object of the store's own, whatever the server may change.
    pub(crate) async fn put_unfenced(
        &self,
        key: &str,
        content: PutPayload,
        condition: Condition,
    ) -> StoreResult<String> {
        self.put_at_once(key, content, &Metadata::default(), condition).await
    }

    async fn put_at_once(
        &self,
        key: &str,
        content: PutPayload,
        metadata: &Metadata,
        condition: Condition,
    ) -> StoreResult<String> {
        match &self.service {
            Service::S3(s3) => s3.put(key, content, metadata, condition).await,
            Service::Azure => Azure(&self.requests).put(key, content.into(), metadata, &condition).await,
        }
    }

    /// Removes an object. One that is not there is removed.
    pub(crate) async fn delete(&self, key: &str) -> StoreResult<()> {
        self.fenced(self.delete_unfenced(key)).await
    }

    /// Removes an object of the store's own, whatever the server may change.
    pub(crate) async fn delete_unfenced(&self, key: &str) -> StoreResult<()> {
        object_path(key)?;
        absent_is_none(self.ask("DELETE", Some(key), Vec::new(), &[]).await).map(drop)
    }

    /// Makes a change if the server may make it still, and waits for it for as long as that is so.
    pub(crate) async fn fenced<T>(&self, change: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let lost = || {
            Failure::new(ErrorCode::OutOfResources).because(
                "the server may not change the bucket now, since it has lost what says that no other does: try again",
            )
        };
        let mut change = std::pin::pin!(change);
        loop {
            let given = self.options.fence.as_ref().map_or(Some(FOR_EVER), |fence| fence.remaining());
            let remaining = given.zip(self.own_fence.remaining()).map(|(given, own)| given.min(own));
            // It may have been put off meanwhile.
            if let Ok(outcome) = tokio::time::timeout(remaining.ok_or_else(lost)?, &mut change).await {
                return outcome;
            }
        }
    }

    pub(crate) async fn begin_upload(&self, key: &str, metadata: &Metadata) -> StoreResult<String> {
        match &self.service {
            Service::S3(s3) => s3.begin_upload(key, metadata).await,
            Service::Azure => Ok(upload_number()),
        }
    }

    /// Uploads a part, and returns its tag.
    pub(crate) async fn put_part(
        &self,
        key: &str,
        upload: &str,
        index: usize,
        content: PutPayload,
    ) -> StoreResult<String> {
        match &self.service {
            Service::S3(s3) => s3.put_part(key, upload, index, content).await,
            Service::Azure => Azure(&self.requests).put_block(key, upload, index, content.into()).await,
        }
    }

    /// Gives up an upload. One that is not there is given up.
    pub(crate) async fn abort_upload(&self, key: &str, upload: &str) -> StoreResult<()> {
        match &self.service {
            Service::S3(s3) => s3.abort_upload(key, upload).await,
            // The service forgets by itself what waits at the name of a blob.
            Service::Azure => Ok(()),
        }
    }
}

/// Requests that go on by themselves, and end when this is dropped.
pub(crate) struct Task<T>(tokio::task::JoinHandle<StoreResult<T>>);

impl<T> Task<T> {
    /// Waits for the outcome.
    pub(crate) async fn outcome(&mut self) -> StoreResult<T> {
        match (&mut self.0).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(ErrorCode::ShuttingDown).because("the object store is not asked any more")),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reports whether a key can be in a list of keys to be removed: such lists are XML, which cannot hold these two characters.
pub(crate) fn can_be_named(key: &str) -> bool {
    !key.contains(['\u{fffe}', '\u{ffff}'])
}

fn absent_is_none<T>(outcome: StoreResult<T>) -> StoreResult<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.code == ErrorCode::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
