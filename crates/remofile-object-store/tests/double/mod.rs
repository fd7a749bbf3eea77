//! An S3 service in this process, as far as a store asks for it, which can be told to fail.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests use what they need, and fail by panicking")]

mod answer;
pub(crate) mod azure;
pub(crate) mod http;

use http::{Answer, Request};
use remofile_object_store::{BucketOptions, BucketStore, OpenError};
use std::collections::{BTreeMap, VecDeque};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// Bytes of a part: much fewer than real services take, so that tests need no large files.
pub(crate) const PART_BYTES: usize = 512 * 1024;

/// A service. It ends with the process.
pub(crate) struct Double {
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Stored>,
    /// The keys that were removed.
    pub(crate) removed: BTreeMap<String, Stored>,
    pub(crate) uploads: BTreeMap<String, Unfinished>,
    pub(crate) faults: Faults,
    /// Requests that were made: methods and addresses.
    pub(crate) requests: Vec<String>,
    /// The fewest bytes that it takes of a part which is not the last.
    pub(crate) least_part: usize,
    /// Requests of each kind that have come since [`Double::awaits_together`] was called for it, and those that have to come before one is
    /// answered.
    together: BTreeMap<Sort, (usize, usize)>,
    /// Requests for the mute key that were given up.
    pub(crate) given_up: u32,
    /// True once a copy was refused.
    pub(crate) has_refused_copy: bool,
    /// Seconds that its clock is ahead.
    pub(crate) ahead: u64,
    /// Objects that another tool writes: keys and contents, one behind each copy that is made.
    pub(crate) written_beside: VecDeque<(String, Vec<u8>)>,
    count: u64,
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) content: Arc<Vec<u8>>,
    pub(crate) etag: String,
    pub(crate) stored: SystemTime,
    /// Headers that come back with it.
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) struct Unfinished {
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) parts: BTreeMap<u32, Stored>,
    pub(crate) begun: SystemTime,
}

#[derive(Default)]
pub(crate) struct Faults {
    /// Answers so many requests with 503.
    pub(crate) busy: u32,
    /// Answers all requests with this status and code.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// As `refuses`, for requests that change something.
    pub(crate) refuses_changes: Option<(u16, &'static str)>,
    /// As `refuses`, for requests that make an object of parts.
    pub(crate) refuses_ends: Option<(u16, &'static str)>,
    /// Refuses to copy this key, and begins no other copy before.
    pub(crate) refuses_copy: Option<&'static str>,
    /// Ends so many bodies in their middle.
    pub(crate) cuts: u32,
    /// Says that objects are longer by so many bytes than they are, in listings and answers alike.
    pub(crate) exaggerates: u64,
    /// Forgets the conditions of requests.
    pub(crate) has_no_conditions: bool,
    /// Compares the tag of a condition of a PUT without its quotes, as Ceph does.
    pub(crate) compares_bare_tags: bool,
    /// Has neither conditions nor lists of uploads and parts, nor takes lists of keys to be removed, and says so; sends an empty object as a range of one byte.
    pub(crate) has_little: bool,
    /// Closes so many connections without an answer, after it has done what was asked.
    pub(crate) loses_answers: u32,
    /// As `loses_answers`, of requests that make an object of parts.
    pub(crate) loses_ends: u32,
    /// Keys in a page of a listing at most.
    pub(crate) page: Option<usize>,
    /// Lists what was removed as well.
    pub(crate) shows_removed: bool,
    /// Refuses to store this key.
    pub(crate) refuses_put: Option<&'static str>,
    /// Says nothing to those who read this key, and nothing to parts until three of them have given up.
    pub(crate) mute_key: Option<&'static str>,
}

/// The sorts of requests that can be told to come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// The marker of a directory is stored.
    Marker,
    /// Content is read.
    Read,
    /// An object is looked at.
    Look,
    /// An object is copied.
    Copy,
    /// An object is removed.
    Removal,
}

impl Sort {
    fn of(request: &Request) -> Option<Self> {
        match &*request.method {
            "PUT" if request.header("x-amz-copy-source").is_some() => Some(Self::Copy),
            "PUT" if request.key.ends_with('/') => Some(Self::Marker),
            "GET" if request.header("range").is_some() => Some(Self::Read),
            "HEAD" => Some(Self::Look),
            "DELETE" => Some(Self::Removal),
            _ => None,
        }
    }
}

impl Double {
    /// Answers no request of a sort from now on before so many have come.
    pub(crate) fn awaits_together(&self, sort: Sort, count: usize) {
        self.lock().together.insert(sort, (0, count));
    }

    /// Returns the number of requests of a sort that have come since then.
    pub(crate) fn came(&self, sort: Sort) -> usize {
        self.lock().together.get(&sort).map_or(0, |(came, _)| *came)
    }

    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { least_part: PART_BYTES, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(connection, &state));
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
            part_bytes: PART_BYTES,
            ..BucketOptions::default()
        }
    }

    pub(crate) fn open(&self) -> BucketStore {
        self.open_with(self.options()).unwrap()
    }

    pub(crate) fn open_with(&self, options: BucketOptions) -> Result<BucketStore, OpenError> {
        BucketStore::open_with(&"s3://bucket/pre/fix".parse().unwrap(), options, &|name| {
            let value = match name {
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    /// Puts an object there as another tool would.
    pub(crate) fn put(&self, key: &str, content: &[u8], headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut state = self.lock();
        let stored = state.stored(content.to_vec(), headers);
        state.objects.insert(format!("pre/fix/{key}"), stored);
    }

    /// Has all objects be stored an hour before they were.
    pub(crate) fn age(&self) {
        self.lock().objects.values_mut().for_each(|stored| stored.stored -= Duration::from_secs(3600));
    }

    /// The keys below the prefix that are not the store's own.
    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.lock();
        let below = state.objects.keys().filter_map(|key| key.strip_prefix("pre/fix/"));
        below.filter(|key| !key.starts_with(".remofile/")).map(str::to_owned).collect()
    }

    pub(crate) fn content(&self, key: &str) -> Vec<u8> {
        self.lock().objects[&format!("pre/fix/{key}")].content.to_vec()
    }

    pub(crate) fn headers(&self, key: &str) -> Vec<(String, String)> {
        self.lock().objects[&format!("pre/fix/{key}")].headers.clone()
    }
}

impl State {
    pub(crate) fn stored(&mut self, content: Vec<u8>, headers: Vec<(String, String)>) -> Stored {
        self.count += 1;
        let etag = format!("\"{:016x}-{}\"", content.len(), self.count);
        let stored = SystemTime::now() + Duration::from_secs(self.ahead);
        Stored { content: Arc::new(content), etag, stored, headers }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.removed.extend(self.objects.remove_entry(key));
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

fn serve(mut connection: TcpStream, state: &Mutex<State>) {
    connection.set_nodelay(true).unwrap();
    while let Some(request) = Request::read(&mut connection) {
        if !wait(&mut connection, state, &request) {
            return;
        }
        let answered = {
            let mut state = state.lock().unwrap();
            state.requests.push(format!("{} {}", request.method, request.target));
            answer_with_faults(&mut state, &request)
        };
        let Some((answer, cut)) = answered else { return };
        let now = SystemTime::now() + Duration::from_secs(state.lock().unwrap().ahead);
        let answer = answer.with("date", answer::http_date(now));
        if !answer.write(&mut connection, request.method == "HEAD", cut) {
            return;
        }
    }
}

/// Waits as the faults have it, and returns false for who has given up.
fn wait(connection: &mut TcpStream, state: &Mutex<State>, request: &Request) -> bool {
    let waits = |state: &State| {
        let is_other_copy = |key| request.header("x-amz-copy-source").is_some_and(|source| !source.ends_with(key));
        !state.has_refused_copy && state.faults.refuses_copy.is_some_and(is_other_copy)
    };
    while waits(&state.lock().unwrap()) {
        std::thread::yield_now();
    }
    if let Some(sort) = Sort::of(request) {
        state.lock().unwrap().together.entry(sort).or_default().0 += 1;
        while state.lock().unwrap().together.get(&sort).is_some_and(|(came, awaited)| came < awaited) {
            std::thread::yield_now();
        }
    }
    let Some(mute_key) = state.lock().unwrap().faults.mute_key else { return true };
    if request.method != "PUT" && request.target.contains(mute_key) {
        let _closed = std::io::Read::read(connection, &mut [0]);
        state.lock().unwrap().given_up += 1;
        return false;
    }
    while request.query.contains_key("partNumber") && state.lock().unwrap().given_up < 3 {
        std::thread::yield_now();
    }
    true
}

/// Answers as the faults have it; `None` closes the connection.
fn answer_with_faults(state: &mut State, request: &Request) -> Option<(Answer, bool)> {
    let is_change = request.method != "GET" && request.method != "HEAD";
    let is_end = request.method == "POST" && request.query.contains_key("uploadId");
    let refuses = state.faults.refuses.or(state.faults.refuses_changes.filter(|_| is_change));
    let refuses = refuses.or(state.faults.refuses_ends.filter(|_| is_end));
    if state.faults.busy > 0 {
        state.faults.busy -= 1;
        return Some((Answer::error(503, "SlowDown"), false));
    }
    if let Some((status, code)) = refuses {
        return Some((Answer::error(status, code), false));
    }
    if state.faults.refuses_put.is_some_and(|key| request.method == "PUT" && request.key.ends_with(key)) {
        return Some((Answer::error(403, "AccessDenied"), false));
    }
    let is_refused = |key| request.header("x-amz-copy-source").is_some_and(|source| source.ends_with(key));
    if state.faults.refuses_copy.is_some_and(is_refused) {
        state.has_refused_copy = true;
        return Some((Answer::error(403, "AccessDenied"), false));
    }
    let answer = answer::lacking(state, request).unwrap_or_else(|| answer::answer(state, request));
    if is_change && state.faults.loses_answers > 0 {
        state.faults.loses_answers -= 1;
        return None;
    }
    if is_end && state.faults.loses_ends > 0 {
        state.faults.loses_ends -= 1;
        return None;
    }
    let cuts = state.faults.cuts > 0 && request.method == "GET" && answer.body.len() > 100;
    if cuts {
        state.faults.cuts -= 1;
    }
    Some((answer, cuts))
}
