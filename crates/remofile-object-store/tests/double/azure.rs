//! A storage of blobs of Azure in this process, which has as much as single tests need: whole blobs, and what a test answers itself.

use super::http::{Answer, Request};
use remofile_object_store::{BucketOptions, BucketStore, OpenError};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The time of every blob.
const STORED: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

/// Answers a request in the place of the double, if it does.
type Answers = Box<dyn FnMut(&Request, &Blobs) -> Option<Option<Answer>> + Send>;

/// Blobs by name, each with its headers and its content.
pub(crate) type Blobs = BTreeMap<String, (Vec<(String, String)>, Vec<u8>)>;

pub(crate) struct AzureDouble {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    pub(crate) blobs: Blobs,
    /// Requests that were made: methods and addresses.
    pub(crate) requests: Vec<String>,
    answers: Answers,
}

impl AzureDouble {
    /// Starts one in which a test answers some requests: with nothing, to close the connection after the request was heeded.
    pub(crate) fn start(answers: impl FnMut(&Request, &Blobs) -> Option<Option<Answer>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = State { blobs: Blobs::new(), requests: Vec::new(), answers: Box::new(answers) };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    while let Some(request) = Request::read(&mut connection) {
                        let answered = state.lock().unwrap().answer(&request);
                        let Some(answer) = answered else { return };
                        if !answer.write(&mut connection, request.method == "HEAD", false) {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn options(&self) -> BucketOptions {
        BucketOptions {
            endpoint: Some(self.address.clone()),
            patience: Duration::from_secs(5),
            part_bytes: super::PART_BYTES,
            ..BucketOptions::default()
        }
    }

    pub(crate) fn open(&self) -> Result<BucketStore, OpenError> {
        self.open_with(self.options())
    }

    pub(crate) fn open_with(&self, options: BucketOptions) -> Result<BucketStore, OpenError> {
        BucketStore::open_with(&"az://bucket/p".parse().unwrap(), options, &|name| match name {
            "AZURE_STORAGE_ACCOUNT" => Some("account".to_owned()),
            "AZURE_STORAGE_SAS_TOKEN" => Some("sv=2019-12-12&sig=secret".to_owned()),
            _ => None,
        })
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Option<Answer> {
        self.requests.push(format!("{} {}", request.method, request.target));
        let own = (self.answers)(request, &self.blobs);
        let answer = match own {
            Some(Some(answer)) => return Some(answer.with("last-modified", STORED)),
            _ => self.heed(request),
        };
        match own {
            Some(None) => None,
            _ => Some(answer.with("last-modified", STORED)),
        }
    }

    fn heed(&mut self, request: &Request) -> Answer {
        let has = |name: &str| request.query.contains_key(name);
        match request.method.as_str() {
            "GET" if has("restype") => Answer::of(200, "<EnumerationResults><Blobs/></EnumerationResults>"),
            "PUT" if request.query.get("comp").is_some_and(|comp| comp == "block") => Answer::of(201, ""),
            "PUT" if request.header("if-none-match").is_some() && self.blobs.contains_key(&request.key) => {
                Answer::error(409, "BlobAlreadyExists")
            }
            "PUT" => {
                let kept = request.headers.iter().filter(|(name, _)| name.starts_with("x-ms-meta-"));
                let mut headers: Vec<(String, String)> =
                    kept.map(|(name, value)| (name.clone(), value.clone())).collect();
                let etag = format!("\"0x{}\"", self.requests.len());
                headers.push(("etag".to_owned(), etag.clone()));
                self.blobs.insert(request.key.clone(), (headers, request.body.clone()));
                Answer::of(201, "").with("etag", etag)
            }
            "DELETE" if self.blobs.remove(&request.key).is_some() => Answer::of(202, ""),
            _ => match self.blobs.get(&request.key) {
                None => Answer::of(404, "").with("x-ms-error-code", "BlobNotFound"),
                Some((headers, content)) => {
                    let answer = Answer { headers: headers.clone(), ..Answer::of(200, content.clone()) };
                    let part = format!("bytes 0-{}/{}", content.len().saturating_sub(1), content.len());
                    if content.is_empty() { answer } else { answer.with("content-range", part) }
                }
            },
        }
    }
}
