//! The actions of the double.

use super::http::{Answer, Request, encoded, plain};
use super::{State, Stored, Unfinished};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) fn answer(state: &mut State, request: &Request) -> Answer {
    let has = |name: &str| request.query.contains_key(name);
    if !request.target.starts_with("/bucket") {
        return Answer::error(404, "NoSuchBucket");
    }
    if request.header("authorization").is_none_or(|header| !header.starts_with("AWS4-HMAC-SHA256")) {
        return Answer::error(403, "AccessDenied");
    }
    match (request.method.as_str(), request.key.is_empty()) {
        ("GET", true) if has("list-type") => list(state, request),
        ("GET", true) if has("uploads") => list_uploads(state),
        ("POST", true) if has("delete") => delete_many(state, request),
        ("POST", false) if has("uploads") => begin_upload(state, request),
        ("POST", false) if has("uploadId") => end_upload(state, request),
        ("PUT", false) if has("uploadId") => put_part(state, request),
        ("GET", false) if has("uploadId") => list_parts(state, request),
        ("DELETE", false) if has("uploadId") => match state.uploads.remove(&request.query["uploadId"]) {
            Some(_) => Answer::of(204, ""),
            None => Answer::error(404, "NoSuchUpload"),
        },
        ("GET" | "HEAD", false) => get(state, request),
        ("PUT", false) if request.header("x-amz-copy-source").is_some() => copy(state, request),
        ("PUT", false) => put(state, request),
        ("DELETE", false) => {
            state.remove(&request.key);
            Answer::of(204, "")
        }
        _ => Answer::error(400, "NotImplemented"),
    }
}

/// The answer of a service that has little.
pub(super) fn lacking(state: &State, request: &Request) -> Option<Answer> {
    if !state.faults.has_little {
        return None;
    }
    let asks = |name: &str| request.header(name).is_some() || request.query.contains_key(name);
    let is_list = request.method == "GET" && (asks("uploads") || asks("uploadId")) || asks("delete");
    if is_list || asks("if-none-match") || (request.method == "PUT" && asks("if-match")) {
        return Some(Answer::error(501, "NotImplemented"));
    }
    let is_empty = state.objects.get(&request.key).is_some_and(|stored| stored.content.is_empty());
    (is_empty && asks("range")).then(|| Answer::of(206, "").with("content-range", "bytes 0-0/0"))
}

fn list(state: &State, request: &Request) -> Answer {
    let value = |name: &str| request.query.get(name).map_or("", String::as_str);
    let (prefix, is_flat) = (value("prefix"), value("delimiter") == "/");
    let after = [value("continuation-token"), value("start-after")].into_iter().find(|after| !after.is_empty());
    let most = value("max-keys").parse().unwrap_or(1000).min(state.faults.page.unwrap_or(1000));
    // As services do, for those who ask for it.
    let written = |key: &str| if value("encoding-type") == "url" { encoded(key) } else { key.replace('&', "&amp;") };
    let (mut contents, mut directories, mut last) = (String::new(), BTreeSet::new(), None);
    let (mut count, mut is_cut) = (0, false);
    let mut shown: BTreeMap<_, _> = state.objects.iter().collect();
    if state.faults.shows_removed {
        for (key, stored) in &state.removed {
            shown.entry(key).or_insert(stored);
        }
    }
    for (key, stored) in shown.into_iter().filter(|(key, _)| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let top = match rest.find('/').filter(|_| is_flat) {
            Some(at) => &key[..prefix.len() + at + 1],
            None => key,
        };
        if after.is_some_and(|after| top <= after) || directories.contains(top) {
            continue;
        }
        if count == most {
            is_cut = true;
            break;
        }
        count += 1;
        last = Some(top.to_owned());
        if top != key || (is_flat && rest.ends_with('/')) {
            directories.insert(top.to_owned());
            continue;
        }
        contents.push_str(&format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            written(key),
            iso(stored.stored),
            stored.etag.replace('"', "&quot;"),
            stored.content.len() as u64 + state.faults.exaggerates,
        ));
    }
    let directories: String = directories
        .iter()
        .map(|key| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", written(key)))
        .collect();
    let next = last.filter(|_| is_cut).map_or(String::new(), |last| {
        format!("<NextContinuationToken>{}</NextContinuationToken>", last.replace('&', "&amp;").replace('<', "&lt;"))
    });
    Answer::of(
        200,
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{is_cut}</IsTruncated>{next}\
             {contents}{directories}</ListBucketResult>"
        ),
    )
}

fn list_uploads(state: &State) -> Answer {
    let upload = |(id, upload): (&String, &Unfinished)| {
        let (key, begun) = (&upload.key, iso(upload.begun));
        format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated></Upload>")
    };
    let uploads: String = state.uploads.iter().map(upload).collect();
    Answer::of(200, format!("<ListMultipartUploadsResult>{uploads}</ListMultipartUploadsResult>"))
}

fn list_parts(state: &State, request: &Request) -> Answer {
    let Some(upload) = state.uploads.get(&request.query["uploadId"]) else { return Answer::error(404, "NoSuchUpload") };
    let part = |(number, part): (&u32, &Stored)| {
        let (etag, size) = (part.etag.replace('"', "&quot;"), part.content.len());
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><Size>{size}</Size></Part>")
    };
    let parts: String = upload.parts.iter().map(part).collect();
    Answer::of(200, format!("<ListPartsResult><IsTruncated>false</IsTruncated>{parts}</ListPartsResult>"))
}

fn delete_many(state: &mut State, request: &Request) -> Answer {
    let body = String::from_utf8(request.body.clone()).unwrap();
    if body.contains(['\u{fffe}', '\u{ffff}']) {
        return Answer::error(400, "MalformedXML");
    }
    let mut answer = "<DeleteResult>".to_owned();
    for key in body.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap()) {
        let key = key
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&");
        state.remove(&key);
        answer.push_str(&format!("<Deleted><Key>{}</Key></Deleted>", key.replace('&', "&amp;").replace('<', "&lt;")));
    }
    Answer::of(200, answer + "</DeleteResult>")
}

fn begin_upload(state: &mut State, request: &Request) -> Answer {
    let id = format!("upload-{}", state.next());
    let upload = Unfinished {
        key: request.key.clone(),
        headers: request.kept(),
        parts: BTreeMap::new(),
        begun: SystemTime::now(),
    };
    state.uploads.insert(id.clone(), upload);
    Answer::of(200, format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
}

fn put_part(state: &mut State, request: &Request) -> Answer {
    let number = request.query["partNumber"].parse().unwrap();
    let source = request.header("x-amz-copy-source").map(|source| source_of(state, source));
    let content = match source {
        None => request.body.clone(),
        Some(None) => return Answer::error(404, "NoSuchKey"),
        Some(Some(source)) => {
            let range = range_of(request.header("x-amz-copy-source-range").unwrap(), source.content.len());
            source.content[range.unwrap()].to_vec()
        }
    };
    let stored = state.stored(content, Vec::new());
    let etag = stored.etag.clone();
    match state.uploads.get_mut(&request.query["uploadId"]) {
        None => Answer::error(404, "NoSuchUpload"),
        Some(upload) => {
            upload.parts.insert(number, stored);
            Answer::of(200, format!("<CopyPartResult><ETag>{}</ETag></CopyPartResult>", etag.replace('"', "&quot;")))
                .with("etag", etag)
        }
    }
}

fn end_upload(state: &mut State, request: &Request) -> Answer {
    let Some(upload) = state.uploads.remove(&request.query["uploadId"]) else {
        return Answer::error(404, "NoSuchUpload");
    };
    let body = String::from_utf8(request.body.clone()).unwrap().replace("&quot;", "\"").replace("&#34;", "\"");
    let named = body.matches("<PartNumber>").count();
    let is_named = |part: &Stored| body.contains(&part.etag);
    let parts: Vec<&Stored> = upload.parts.values().take(named).collect();
    let least = state.least_part;
    let is_small = |part: &&Stored| part.content.len() < least;
    if parts.len() != named || !parts.iter().all(|part| is_named(part)) {
        return Answer::error(400, "InvalidPart");
    }
    if parts[..named - 1].iter().any(is_small) {
        return Answer::error(400, "EntityTooSmall");
    }
    let content = parts.iter().flat_map(|part| part.content.iter().copied()).collect();
    let stored = state.stored(content, upload.headers);
    let etag = stored.etag.replace('"', "&quot;");
    state.objects.insert(upload.key, stored);
    Answer::of(200, format!("<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"))
}

fn get(state: &State, request: &Request) -> Answer {
    let Some(stored) = state.objects.get(&request.key) else { return Answer::error(404, "NoSuchKey") };
    if request.header("if-match").is_some_and(|etag| etag != stored.etag) {
        return Answer::error(412, "PreconditionFailed");
    }
    let size = stored.content.len();
    let lie = state.faults.exaggerates;
    let mut answer = match request.header("range").map(|range| range_of(range, size)) {
        None => Answer::of(200, stored.content.to_vec()),
        Some(None) => return Answer::error(416, "InvalidRange"),
        Some(Some(range)) => {
            let (first, last, all) = (range.start, range.end - 1, size as u64 + lie);
            Answer::of(206, stored.content[range].to_vec()).with("content-range", format!("bytes {first}-{last}/{all}"))
        }
    };
    if lie > 0 {
        answer.length = Some(answer.body.len() as u64 + lie);
    }
    if request.method == "HEAD" {
        answer.length = Some(size as u64 + lie);
    }
    for (name, value) in &stored.headers {
        answer = answer.with(name, value);
    }
    answer.with("etag", &stored.etag).with("last-modified", http_date(stored.stored))
}

fn put(state: &mut State, request: &Request) -> Answer {
    if let Some(refused) = refused_by_condition(state, request) {
        return refused;
    }
    let stored = state.stored(request.body.clone(), request.kept());
    let etag = stored.etag.clone();
    state.objects.insert(request.key.clone(), stored);
    Answer::of(200, "").with("etag", etag)
}

fn refused_by_condition(state: &State, request: &Request) -> Option<Answer> {
    if state.faults.has_no_conditions {
        return None;
    }
    let there = state.objects.get(&request.key);
    let is_refused = match (request.header("if-none-match"), request.header("if-match")) {
        (Some(_), _) => there.is_some(),
        (None, Some(etag)) => there.is_none_or(|there| match state.faults.compares_bare_tags {
            true => there.etag.trim_matches('"') != etag,
            false => there.etag != etag,
        }),
        (None, None) => false,
    };
    is_refused.then(|| Answer::error(412, "PreconditionFailed"))
}

fn copy(state: &mut State, request: &Request) -> Answer {
    let Some(source) = source_of(state, &request.headers["x-amz-copy-source"]) else {
        return Answer::error(404, "NoSuchKey");
    };
    if request.header("x-amz-copy-source-if-match").is_some_and(|etag| etag != source.etag) {
        return Answer::error(412, "PreconditionFailed");
    }
    let replaces = request.header("x-amz-metadata-directive") == Some("REPLACE");
    let headers = if replaces { request.kept() } else { source.headers.clone() };
    let stored = state.stored(source.content.to_vec(), headers);
    let etag = stored.etag.replace('"', "&quot;");
    state.objects.insert(request.key.clone(), stored);
    if let Some((key, content)) = state.written_beside.pop_front() {
        let written = state.stored(content, Vec::new());
        state.objects.insert(format!("pre/fix/{key}"), written);
    }
    Answer::of(200, format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>"))
}

fn source_of(state: &State, source: &str) -> Option<Stored> {
    state
        .objects
        .get(plain(source).trim_start_matches('/').strip_prefix("bucket/")?)
        .cloned()
        .map(|stored| Stored { content: Arc::clone(&stored.content), ..stored })
}

fn range_of(text: &str, size: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let end = last.parse::<usize>().map_or(size, |last| (last + 1).min(size));
    (first < size).then_some(first..end)
}

fn seconds(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn iso(time: SystemTime) -> String {
    jiff::Timestamp::from_second(seconds(time)).unwrap().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

pub(super) fn http_date(time: SystemTime) -> String {
    jiff::Timestamp::from_second(seconds(time)).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
