//! Requests to the service.

use super::errors::{failure, refused, silent, wrong};
use super::hex::hex;
use super::keys::{Keys, object_path};
use super::metadata::Metadata;
use super::options::{BucketOptions, FIRST_PAUSE, LONGEST_PAUSE, OpenError};
use super::own_fence::{FOR_EVER, OwnFence};
use super::settings::{Settings, bucket_url};
use bytes::Bytes;
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::multipart::{MultipartStore, PartId};
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};
use remofile::protocol::digest::digest;
use remofile::protocol::wire::{ErrorCode, Failure, Timestamp};
use remofile::store::StoreResult;
use std::future::Future;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// The names and values behind the question mark of an address.
pub(crate) type Query = Vec<(&'static str, String)>;

/// A service, as one store asks it.
pub(crate) struct Client {
    pub(crate) s3: AmazonS3,
    http: HttpClient,
    /// Address of the bucket, without a slash at its end.
    bucket_url: String,
    region: String,
    is_signed: bool,
    pub(crate) bucket: String,
    pub(crate) keys: Keys,
    pub(crate) options: BucketOptions,
    /// True if the service heeds the condition of a PUT, once that is known.
    has_conditions: OnceCell<bool>,
    /// The time by the clock of the service in its last answer, and the moment at which that came.
    clock: Mutex<Option<(i64, Instant)>>,
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

/// The condition of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    /// Nothing has the key.
    Absent,
    /// An object with this tag has the key.
    Etag(String),
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
        let Settings { builder, connection, location } = settings;
        let (bucket_url, region, is_signed) = bucket_url(&builder, &location.bucket);
        let opened = |error: object_store::Error| OpenError::new(error.to_string());
        let entered = runtime.enter();
        let s3 = builder.build().map_err(opened)?;
        let http = ReqwestConnector::default().connect(&connection).map_err(opened)?;
        drop(entered);
        Ok(Self {
            s3,
            http,
            bucket_url,
            region,
            is_signed,
            bucket: location.bucket,
            keys: Keys::new(&location.prefix),
            options,
            has_conditions: OnceCell::new(),
            clock: Mutex::default(),
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

    /// Reports whether the service heeds the condition of a PUT. Some forget it without a word, so it is tried once, before
    /// the first change that needs to know.
    pub(crate) async fn has_conditions(&self) -> StoreResult<bool> {
        let tried = self.has_conditions.get_or_try_init(|| async {
            let mark = digest(format!("{} {:?}", std::process::id(), SystemTime::now()).as_bytes());
            let key = self.keys.own(&format!("condition-{}", hex(&mark)));
            let put = || self.put_unfenced(&key, PutPayload::new(), Condition::Absent);
            put().await?;
            let outcome = put().await;
            self.delete_unfenced(&key).await?;
            match outcome {
                Ok(_) => {
                    tracing::info!(
                        "the object store forgets conditions of requests: see to it that only servers of Remofile write to the bucket"
                    );
                    Ok(false)
                }
                Err(failure) if failure.code == ErrorCode::AlreadyExists => Ok(true),
                Err(failure) => Err(failure),
            }
        });
        tried.await.copied()
    }

    /// Returns a time that the clock of the service has passed; `None` if it never told one.
    pub(crate) fn service_seconds(&self) -> Option<i64> {
        let (told, at) = (*self.clock.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(told.saturating_add(i64::try_from(at.elapsed().as_secs()).unwrap_or(i64::MAX)))
    }

    fn note_clock(&self, date: Option<&str>) {
        let told = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        if let Some(told) = told {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((told.as_second(), Instant::now()));
        }
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
        let stored = self.s3.put_opts(&object_path(key)?, content, options).await;
        Ok(stored.map_err(|error| failure(&error))?.e_tag.unwrap_or_default())
    }

    /// Removes an object. One that is not there is removed.
    pub(crate) async fn delete(&self, key: &str) -> StoreResult<()> {
        self.fenced(self.delete_unfenced(key)).await
    }

    /// Removes an object of the store's own, whatever the server may change.
    pub(crate) async fn delete_unfenced(&self, key: &str) -> StoreResult<()> {
        let path = object_path(key)?;
        let mut removed = self.s3.delete_stream(Box::pin(futures_util::stream::once(async { Ok(path) })));
        let removed = futures_util::StreamExt::next(&mut removed).await;
        let outcome = removed.map_or(Ok(()), |removed| removed.map(drop).map_err(|error| failure(&error)));
        absent_is_none(outcome).map(drop)
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
        let part = self.s3.put_part(&object_path(key)?, &upload.to_owned(), index, content).await;
        Ok(part.map_err(|error| failure(&error))?.content_id)
    }

    /// Makes an object of the parts of an upload.
    pub(crate) async fn end_upload(&self, key: &str, upload: &str, parts: Vec<String>) -> StoreResult<()> {
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        let (path, upload) = (object_path(key)?, upload.to_owned());
        let ended = self.s3.complete_multipart(&path, &upload, parts);
        self.fenced(async { ended.await.map(drop).map_err(|error| failure(&error)) }).await
    }

    /// Gives up an upload. One that is not there is given up.
    pub(crate) async fn abort_upload(&self, key: &str, upload: &str) -> StoreResult<()> {
        let aborted = self.s3.abort_multipart(&object_path(key)?, &upload.to_owned()).await;
        match aborted.map_err(|error| failure(&error)) {
            Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::PartialChanged) => Ok(()),
            aborted => aborted,
        }
    }

    /// Makes a request that the crate of object stores does not have, as often as it takes within the patience of the
    /// store. It has to be one that may be made twice.
    pub(crate) async fn ask(
        &self,
        method: &str,
        key: Option<&str>,
        query: Query,
        headers: &[(String, String)],
    ) -> StoreResult<Bytes> {
        let mut address = self.bucket_url.clone();
        if let Some(key) = key {
            address.push('/');
            encode(key, true, &mut address);
        }
        for (number, (name, value)) in query.iter().enumerate() {
            address.push(if number == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            encode(value, false, &mut address);
        }
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let outcome = self.ask_once(method, &address, headers).await;
            let (Err(Unanswered::Passing(failure)), true) = (&outcome, begun.elapsed() + pause < self.options.patience)
            else {
                return outcome.map_err(Unanswered::into_failure);
            };
            tracing::debug!(%failure, "the object store is asked again");
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn ask_once(&self, method: &str, address: &str, headers: &[(String, String)]) -> Result<Bytes, Unanswered> {
        let request = self.request(method, address, headers).await.map_err(Unanswered::Final)?;
        let answer = self.http.execute(request).await.map_err(|error| {
            tracing::warn!(%error, "the object store did not answer");
            Unanswered::Passing(silent())
        })?;
        self.note_clock(answer.headers().get("date").and_then(|date| date.to_str().ok()));
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await.map_err(|error| {
            tracing::warn!(%error, "an answer of the object store broke off");
            Unanswered::Passing(silent())
        })?;
        // A copy may fail behind the status that it began with.
        let is_error = body.windows(6).take(512).any(|bytes| bytes == b"<Error");
        match status {
            200..=299 if is_error => Err(Unanswered::Passing(refused(500, &body))),
            200..=299 => Ok(body),
            429 | 500..=599 => Err(Unanswered::Passing(refused(status, &body))),
            _ => Err(Unanswered::Final(refused(status, &body))),
        }
    }

    async fn request(&self, method: &str, address: &str, headers: &[(String, String)]) -> StoreResult<HttpRequest> {
        let malformed = || Failure::new(ErrorCode::BadRequest).because("the object store cannot be asked for that");
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.parse().map_err(|_| malformed())?;
        *request.uri_mut() = address.parse().map_err(|_| malformed())?;
        for (name, value) in headers {
            let (name, value) = (name.parse::<HeaderName>(), value.parse());
            let (Ok(name), Ok(value)) = (name, value) else { return Err(malformed()) };
            request.headers_mut().insert(name, value);
        }
        if method == "PUT" {
            request.headers_mut().insert("content-length", 0.into());
        }
        if self.is_signed {
            let credential = self.s3.credentials().get_credential().await.map_err(|error| failure(&error))?;
            let authorizer = AwsAuthorizer::new(&credential, "s3", &self.region);
            authorizer.try_authorize(&mut request, None).map_err(|error| failure(&error))?;
        }
        Ok(request)
    }
}

type HeaderName = reqwest::header::HeaderName;

/// The failure of a request that was made once.
enum Unanswered {
    /// Another attempt may be answered.
    Passing(Failure),
    Final(Failure),
}

impl Unanswered {
    fn into_failure(self) -> Failure {
        match self {
            Self::Passing(failure) | Self::Final(failure) => failure,
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

fn absent_is_none<T>(outcome: StoreResult<T>) -> StoreResult<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.code == ErrorCode::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Writes a text as it is in addresses that are signed.
pub(crate) fn encode(text: &str, keeps_slashes: bool, address: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => address.push(byte.into()),
            b'/' if keeps_slashes => address.push('/'),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
}
