//! Requests to the service.

use super::answers::Answers;
use super::conditions::{Condition, Conditions};
use super::errors::{failure, wrong};
use super::keys::{Keys, object_path};
use super::metadata::Metadata;
use super::options::{BucketOptions, OpenError};
use super::own_fence::{FOR_EVER, OwnFence};
use super::settings::{Settings, bucket_url};
use super::watched::WatchedConnector;
use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpConnector};
use object_store::multipart::MultipartStore;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};
use remofile::protocol::wire::{ErrorCode, Failure, Timestamp};
use remofile::store::StoreResult;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Content that is on its way at once over any line, in bytes.
const LITTLE_BYTES: usize = 64 * 1024;

/// A service, as one store asks it.
pub(crate) struct Client {
    pub(crate) s3: AmazonS3,
    pub(crate) http: HttpClient,
    /// For requests that carry content: it is waited for longer until they are answered.
    pub(crate) content_s3: AmazonS3,
    /// For requests that have the service copy content.
    pub(crate) content_http: HttpClient,
    /// Address of the bucket, without a slash at its end.
    pub(crate) bucket_url: String,
    pub(crate) region: String,
    pub(crate) is_signed: bool,
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

/// The facts that a service tells of one object.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) stored: Timestamp,
    pub(crate) etag: String,
    pub(crate) metadata: Metadata,
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
        let Settings { builder, connection, content_connection, location } = settings;
        let (bucket_url, region, is_signed) = bucket_url(&builder, &location.bucket);
        let (answers, patience) = (Arc::<Answers>::default(), options.patience);
        let connector =
            WatchedConnector { answers: Arc::clone(&answers), address: bucket_url.as_str().into(), patience };
        let builder = builder.with_http_connector(connector.clone());
        let opened = |error: object_store::Error| OpenError::new(error.to_string());
        let entered = runtime.enter();
        let s3 = builder.clone().build().map_err(opened)?;
        let http = connector.connect(&connection).map_err(opened)?;
        let content_s3 = builder.with_client_options(content_connection.clone()).build().map_err(opened)?;
        let content_http = connector.connect(&content_connection).map_err(opened)?;
        drop(entered);
        Ok(Self {
            s3,
            http,
            content_s3,
            content_http,
            bucket_url,
            region,
            is_signed,
            bucket: location.bucket,
            keys: Keys::new(&location.prefix),
            options,
            conditions: OnceCell::new(),
            answers,
            takes_lists: AtomicBool::new(true),
            names: AtomicUsize::new(0),
            own_fence: OwnFence::default(),
            runtime: Background(Some(runtime)),
        })
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

    /// Tells what a key has; `None` if that is nothing.
    pub(crate) async fn head(&self, key: &str) -> StoreResult<Option<Head>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let answer = self.s3.get_opts(&object_path(key)?, options).await;
        absent_is_none(answer.map(|result| Head::of(&result)).map_err(|error| failure(&error)))
    }

    /// Begins to read a part of an object, which has to have a tag if one is given.
    pub(crate) async fn get(&self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> StoreResult<GetResult> {
        let options = GetOptions {
            if_match: etag.map(str::to_owned),
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        self.s3.get_opts(&object_path(key)?, options).await.map_err(|error| failure(&error))
    }

    /// Reads a small object whole; `None` if there is none.
    pub(crate) async fn read(&self, key: &str) -> StoreResult<Option<(Bytes, Head)>> {
        let Some(result) = absent_is_none(self.get(key, None, None).await)? else { return Ok(None) };
        let head = Head::of(&result);
        let bytes = result.bytes().await.map_err(|error| failure(&error))?;
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
        let mode = match condition {
            Condition::None => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Etag(etag) => PutMode::Update(UpdateVersion { e_tag: Some(etag), version: None }),
        };
        let attributes = metadata.attributes(key.ends_with('/'));
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let s3 = if content.content_length() > LITTLE_BYTES { &self.content_s3 } else { &self.s3 };
        let stored = s3.put_opts(&object_path(key)?, content, options).await;
        Ok(stored.map_err(|error| failure(&error))?.e_tag.unwrap_or_default())
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
        let options = PutMultipartOptions { attributes: metadata.attributes(false), ..PutMultipartOptions::default() };
        self.s3.create_multipart_opts(&object_path(key)?, options).await.map_err(|error| failure(&error))
    }

    /// Uploads a part, and returns its tag.
    pub(crate) async fn put_part(
        &self,
        key: &str,
        upload: &str,
        index: usize,
        content: PutPayload,
    ) -> StoreResult<String> {
        let part = self.content_s3.put_part(&object_path(key)?, &upload.to_owned(), index, content).await;
        Ok(part.map_err(|error| failure(&error))?.content_id)
    }

    /// Gives up an upload. One that is not there is given up.
    pub(crate) async fn abort_upload(&self, key: &str, upload: &str) -> StoreResult<()> {
        let aborted = self.s3.abort_multipart(&object_path(key)?, &upload.to_owned()).await;
        match aborted.map_err(|error| failure(&error)) {
            Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::PartialChanged) => Ok(()),
            aborted => aborted,
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

impl Head {
    /// Reports whether it is still the same object.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.size, self.stored, &self.etag, &self.metadata) == (other.size, other.stored, &other.etag, &other.metadata)
    }

    pub(crate) fn of(result: &GetResult) -> Self {
        let stored = result.meta.last_modified;
        Self {
            size: result.meta.size,
            stored: Timestamp::new(stored.timestamp(), 0),
            etag: result.meta.e_tag.clone().unwrap_or_default(),
            metadata: Metadata::of(&result.attributes),
        }
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
