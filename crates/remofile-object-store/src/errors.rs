//! The errors of a service in our words. Its own are in the log.

use super::service::azure::errors as azure;
use object_store::Error;
use remofile::protocol::wire::{ErrorCode, Failure};

/// Returns the failure that an error of the service is.
pub(crate) fn failure(error: &Error) -> Failure {
    let failure = told(error);
    if !is_ordinary(&failure) {
        tracing::warn!(error = said(&words(error)), "the object store refused a request");
    }
    failure
}

/// Reports whether it is an ordinary answer, which callers ask for.
pub(crate) fn is_ordinary(failure: &Failure) -> bool {
    matches!(
        failure.code,
        ErrorCode::NotFound | ErrorCode::AlreadyExists | ErrorCode::SourceChanged | ErrorCode::BadRequest
    )
}

/// Reports whether another attempt at a request with this status may be answered otherwise.
pub(crate) fn is_passing(status: u16) -> bool {
    // What a service does not have, it has the next time neither.
    matches!(status, 429 | 500..=599) && status != 501
}

/// Reports whether that is so for an error with this code, whatever its status: blocks of one blob that are sent at once may be refused.
pub(crate) fn is_passing_code(code: &str) -> bool {
    matches!(code, "InvalidBlobOrBlock" | "OperationTimedOut")
}

/// Returns the failure of a service that did what no service does.
pub(crate) fn wrong(what: &str) -> Failure {
    tracing::warn!(what, "the object store gave an answer that makes no sense");
    Failure::new(ErrorCode::DiskFailure).because(format!("the object store gave an answer that makes no sense: {what}"))
}

/// Returns the failure of a service that does not answer in time.
pub(crate) fn silent() -> Failure {
    Failure::new(ErrorCode::OutOfResources)
        .because("the object store does not answer: see whether it runs and can be reached, then try again")
}

/// Returns the failure of a server that has nothing to sign its requests with.
pub(crate) fn no_credentials(is_azure: bool) -> Failure {
    let why = if is_azure { azure::NO_CREDENTIALS } else { NO_CREDENTIALS };
    Failure::new(ErrorCode::PermissionDenied).because(why)
}

/// Returns the failure of a request that cannot be made.
pub(crate) fn malformed() -> Failure {
    Failure::new(ErrorCode::BadRequest).because("the object store cannot be asked for that")
}

pub(crate) const NO_CREDENTIALS: &str = "there are no credentials for the object store: set AWS_ACCESS_KEY_ID and \
     AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile of ~/.aws/credentials that has them";

/// Returns the failure of an answer with a status that is no success, and the words to be logged. The code may be in a header.
pub(crate) fn refused(status: u16, body: &str, code: Option<&str>) -> (Failure, String) {
    let words = format!("{status} : {body}");
    let by_status = match status {
        404 => ErrorCode::NotFound.into(),
        409 | 412 => ErrorCode::SourceChanged.into(),
        401 | 403 => denied(),
        405 | 501 => unsupported(),
        507 => Failure::new(ErrorCode::NoSpace).because("the object store has no room left"),
        _ => by_words(&words),
    };
    let said = if body.is_empty() { format!("{status} : {}", code.unwrap_or("no words")) } else { said(&words) };
    (by_code(code, &words).unwrap_or(by_status), said)
}

fn told(error: &Error) -> Failure {
    let words = words(error);
    // Which condition was not met, only the request itself tells.
    match error {
        Error::AlreadyExists { .. } => return ErrorCode::AlreadyExists.into(),
        Error::Precondition { .. } | Error::NotModified { .. } => return ErrorCode::SourceChanged.into(),
        _ => {}
    }
    if let Some(failure) = by_code(service_code(&words), &words) {
        return failure;
    }
    match error {
        Error::NotFound { .. } => ErrorCode::NotFound.into(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => denied(),
        Error::InvalidPath { .. } => {
            Failure::new(ErrorCode::InvalidName).because("its key is one that cannot be asked for")
        }
        Error::NotSupported { .. } | Error::NotImplemented { .. } => unsupported(),
        _ => by_words(&words),
    }
}

/// Tells a failure by the code in the answer of the service.
fn by_code(code: Option<&str>, words: &str) -> Option<Failure> {
    let failure = |code: ErrorCode, why: &str| Some(Failure::new(code).because(why));
    match code? {
        "NoSuchBucket" => failure(
            ErrorCode::PermissionDenied,
            "the bucket does not exist: create it, or correct its name in the address of the server's root",
        ),
        // Garage says no more of a signature that is wrong.
        "AccessDenied" if words.contains("Invalid signature") || words.contains("No such key") => Some(unknown()),
        // Nor of a quota.
        "AccessDenied" if words.contains("quota is reached, maximum") => Some(used_up()),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => Some(denied()),
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "AuthorizationHeaderMalformed" => {
            Some(unknown())
        }
        "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => failure(
            ErrorCode::PermissionDenied,
            "the bucket is in another region, or at another address: correct AWS_REGION, or the endpoint, and start the server again",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => failure(
            ErrorCode::PermissionDenied,
            "the server's credentials for the object store have expired: renew them, and start the server again",
        ),
        "RequestTimeTooSkewed" | "RequestExpired" => Some(skewed()),
        // Garage has no code for that, and takes any date that is not a day old.
        "InvalidRequest" if words.contains("Date is too old") => Some(skewed()),
        "QuotaExceeded"
        | "InsufficientStorage"
        | "XMinioStorageFull"
        | "InsufficientCapacity"
        | "ServiceQuotaExceeded" => Some(used_up()),
        "EntityTooLarge" => failure(ErrorCode::FileTooLarge, "the object store takes no objects of that size"),
        "KeyTooLongError" => {
            failure(ErrorCode::InvalidName, "the path is longer than the object store takes: shorten it")
        }
        "SlowDown"
        | "ServiceUnavailable"
        | "InternalError"
        | "RequestTimeout"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "OperationAborted"
        | "ConditionalRequestConflict" => Some(busy()),
        "InvalidRange" => failure(ErrorCode::BadRequest, "the object store has no such part of the object"),
        "NoSuchUpload" => failure(ErrorCode::PartialChanged, "the object store has removed the parts of the upload"),
        "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest" => {
            failure(ErrorCode::IntegrityFailure, "the object store received other bytes than were sent: try again")
        }
        "PreconditionFailed" => Some(ErrorCode::SourceChanged.into()),
        "NotImplemented" => Some(unsupported()),
        // Google's service takes no list of keys to be removed, and understands something else.
        "InvalidArgument" if words.contains("Cannot create buckets using a POST") => Some(unsupported()),
        code => azure::by_code(code, words),
    }
}

/// Tells a failure without a code: what the connection says, or a bare status.
fn by_words(words: &str) -> Failure {
    let has = |text: &str| words.contains(text);
    if has("507") || has("Insufficient Storage") {
        return Failure::new(ErrorCode::NoSpace).because("the object store has no room left");
    }
    if has("403 Forbidden") || has("401 Unauthorized") {
        return denied();
    }
    if has("405 Method Not Allowed") {
        return unsupported();
    }
    if ["500 ", "502 ", "503 ", "504 ", "429 "].into_iter().any(has) {
        return busy();
    }
    if ["connect", "timed out", "timeout", "dns", "sending request", "retry", "decoding response body", "connection"]
        .into_iter()
        .any(has)
    {
        return silent();
    }
    Failure::new(ErrorCode::DiskFailure).because(
        "the object store failed: the log of the server has its words; try again, and see to the service if that lasts",
    )
}

fn unsupported() -> Failure {
    Failure::new(ErrorCode::Unsupported).because("the object store cannot do that")
}

fn used_up() -> Failure {
    Failure::new(ErrorCode::NoSpace).because("the object store has no room left, or the bucket's quota is used up")
}

fn denied() -> Failure {
    Failure::new(ErrorCode::PermissionDenied).because(
        "the object store refuses this to the server's credentials: give them the right to list, read, write and delete in the \
         bucket",
    )
}

fn unknown() -> Failure {
    Failure::new(ErrorCode::PermissionDenied).because(
        "the object store does not accept the server's credentials: correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
         AWS_REGION, or the profile, and start the server again",
    )
}

fn skewed() -> Failure {
    Failure::new(ErrorCode::PermissionDenied).because(
        "the clocks of the server and the object store differ by too much: set the server's clock, then try again",
    )
}

fn busy() -> Failure {
    Failure::new(ErrorCode::OutOfResources).because("the object store is busy: try again later")
}

/// Returns what an error and its causes say.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Most errors repeat their cause.
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

/// Returns the words that are logged: of an answer no more than its code and message, since some repeat the whole request
/// with what is secret in it.
fn said(words: &str) -> String {
    let Some((before, answer)) = words.split_once('<') else { return words.to_owned() };
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let (code, message) = (element("Code").unwrap_or("no code"), element("Message").unwrap_or("no message"));
    let plain = |text: &str| {
        let quotes = text.replace("&apos;", "'").replace("&#39;", "'").replace("&quot;", "\"").replace("&#34;", "\"");
        quotes.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    format!("{before}{code}: {}", plain(message))
}

/// Returns the code in the answer of a service.
pub(crate) fn service_code(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("<Code>")?;
    Some(rest.split_once("</Code>")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Failure {
        failure(&Error::Generic { store: "S3", source: words.into() })
    }

    #[test]
    fn each_error_of_a_service_is_one_of_ours_and_says_what_to_do() {
        for (words, code, what) in [
            ("<Code>NoSuchBucket</Code>", ErrorCode::PermissionDenied, "create it"),
            ("<Code>AccessDenied</Code>", ErrorCode::PermissionDenied, "the right to"),
            (
                "<Code>AccessDenied</Code><Message>Forbidden: Bucket size quota is reached, maximum total size of objects for this \
                 bucket: 524288000.</Message>",
                ErrorCode::NoSpace,
                "quota is used up",
            ),
            (
                "<Code>AccessDenied</Code><Message>Forbidden: Object quota is reached, maximum objects for this bucket: 7</Message>",
                ErrorCode::NoSpace,
                "quota is used up",
            ),
            ("<Code>SignatureDoesNotMatch</Code>", ErrorCode::PermissionDenied, "correct AWS_ACCESS_KEY_ID"),
            ("<Code>PermanentRedirect</Code>", ErrorCode::PermissionDenied, "AWS_REGION"),
            ("<Code>RequestTimeTooSkewed</Code>", ErrorCode::PermissionDenied, "set the server's clock"),
            (
                "<Code>InvalidRequest</Code><Message>Bad request: Date is too old</Message>",
                ErrorCode::PermissionDenied,
                "set the server's clock",
            ),
            ("<Code>SlowDown</Code>", ErrorCode::OutOfResources, "try again later"),
            ("<Code>QuotaExceeded</Code>", ErrorCode::NoSpace, "quota"),
            ("<Code>NotImplemented</Code>", ErrorCode::Unsupported, "cannot do that"),
            ("status code: 405 Method Not Allowed: ", ErrorCode::Unsupported, "cannot do that"),
            ("Server returned non-2xx status code: 503 Service Unavailable: ", ErrorCode::OutOfResources, "try again"),
            ("status code: 507 Insufficient Storage", ErrorCode::NoSpace, "no room"),
            ("error sending request: connection refused", ErrorCode::OutOfResources, "does not answer"),
            ("something that nobody knows", ErrorCode::DiskFailure, "the log"),
        ] {
            let failure = of(words);
            assert_eq!(failure.code, code, "{words}");
            assert!(failure.to_string().contains(what), "{failure}");
        }
    }

    #[test]
    fn an_answer_is_logged_without_the_request_that_it_repeats() {
        let words = "403 : <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message>\
                     <CanonicalRequest>x-amz-security-token:secret</CanonicalRequest></Error>";
        assert_eq!(said(words), "403 : SignatureDoesNotMatch: No.");
        let quoted =
            "400 <Error><Code>AuthorizationHeaderMalformed</Code><Message>expected: &apos;a &amp;lt; b&apos;</Message>";
        assert_eq!(said(quoted), "400 AuthorizationHeaderMalformed: expected: 'a &lt; b'");
        assert_eq!(said("error sending request"), "error sending request");
    }

    #[test]
    fn the_words_of_the_service_stay_in_the_log() {
        let failure = of("<Code>AccessDenied</Code><Message>arn:aws:iam::1234:user/secret</Message>");
        assert!(!failure.to_string().contains("arn:"), "{failure}");
    }
}
