//! The codes of Azure's errors in our words.

use remofile::protocol::wire::{ErrorCode, Failure};

pub(crate) const NO_CREDENTIALS: &str = "there are no credentials for the object store: set AZURE_STORAGE_ACCOUNT and \
     AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN in the key's place, or AZURE_STORAGE_CONNECTION_STRING";

/// Tells a failure by the code in an answer of Azure.
pub(crate) fn by_code(code: &str, words: &str) -> Option<Failure> {
    let failure = |code: ErrorCode, why: &str| Some(Failure::new(code).because(why));
    match code {
        "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => failure(
            ErrorCode::PermissionDenied,
            "the container does not exist: create it, or correct its name in the address of the server's root",
        ),
        "AuthenticationFailed"
            if words.contains("date header") || words.contains("not valid in the specified time") =>
        {
            failure(
                ErrorCode::PermissionDenied,
                "the clocks of the server and the object store differ by too much, or the SAS token has expired: set the server's clock, or \
             renew the token, and start the server again",
            )
        }
        "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => Some(unknown()),
        // Azurite says no more of a signature that is wrong.
        "AuthorizationFailure" if words.contains("failed to authenticate") => Some(unknown()),
        "AuthorizationFailure"
        | "AuthorizationPermissionMismatch"
        | "AuthorizationProtocolMismatch"
        | "AuthorizationResourceTypeMismatch"
        | "AuthorizationServiceMismatch"
        | "AuthorizationSourceIPMismatch"
        | "InsufficientAccountPermissions"
        | "AccountIsDisabled"
        | "KeyBasedAuthenticationNotPermitted"
        | "PublicAccessNotPermitted"
        | "UnauthorizedBlobOverwrite" => failure(
            ErrorCode::PermissionDenied,
            "the object store refuses this to the server's credentials: give them the right to list, read, write and delete in the \
             container, and see whether the account's network rules let the server in",
        ),
        "BlobNotFound" | "ResourceNotFound" | "CannotVerifyCopySource" => Some(ErrorCode::NotFound.into()),
        "BlobAlreadyExists" | "ResourceAlreadyExists" => Some(ErrorCode::AlreadyExists.into()),
        "ConditionNotMet" | "TargetConditionNotMet" | "SourceConditionNotMet" => Some(ErrorCode::SourceChanged.into()),
        "LeaseIdMissing" | "LeaseAlreadyPresent" | "LeaseIdMismatchWithBlobOperation" => failure(
            ErrorCode::PermissionDenied,
            "another tool holds a lease of the blob in the object store: have it released, then try again",
        ),
        "SnapshotsPresent" => failure(
            ErrorCode::PermissionDenied,
            "the blob has snapshots in the object store, which would be lost: remove them with Azure's tools first",
        ),
        "BlobArchived" | "BlobBeingRehydrated" => failure(
            ErrorCode::PermissionDenied,
            "the blob is in the archive tier of the object store: have it brought back with Azure's tools first",
        ),
        "BlobImmutableDueToPolicy" | "BlobHasLegalHold" | "ImmutabilityPolicyPresent" => failure(
            ErrorCode::PermissionDenied,
            "a policy of the object store keeps the blob as it is: it can be changed when that has ended",
        ),
        "ServerBusy" | "OperationTimedOut" | "AccountBeingCreated" | "PendingCopyOperation" | "Busy" => {
            failure(ErrorCode::OutOfResources, "the object store is busy: try again later")
        }
        "InvalidBlockList" | "InvalidBlockId" => {
            failure(ErrorCode::PartialChanged, "the object store has removed the parts of the upload")
        }
        "InvalidBlobOrBlock" => failure(
            ErrorCode::OutOfResources,
            "another tool has left parts of an unfinished upload at that name in the object store: upload it under another name, or \
             with that tool, or try again in a week",
        ),
        "InvalidBlobType" => failure(
            ErrorCode::Unsupported,
            "there is a blob of another type, to which lines or pages are added: remove it first",
        ),
        "RequestBodyTooLarge" | "BlockCountExceedsLimit" | "BlockListTooLong" => {
            failure(ErrorCode::FileTooLarge, "the object store takes no blobs of that size")
        }
        "OutOfRangeInput" | "InvalidUri" | "InvalidResourceName" => failure(
            ErrorCode::InvalidName,
            "the path is none that the object store takes: shorten it, or rename what it names",
        ),
        "Md5Mismatch" | "Crc64Mismatch" => {
            failure(ErrorCode::IntegrityFailure, "the object store received other bytes than were sent: try again")
        }
        // Azurite's word.
        "APINotImplemented" | "FeatureNotYetSupportedForHierarchicalNamespaceAccounts" => {
            failure(ErrorCode::Unsupported, "the object store cannot do that")
        }
        _ => None,
    }
}

/// Returns the failure of an account whose directories are no blobs.
pub(crate) fn hierarchical() -> Failure {
    Failure::new(ErrorCode::Unsupported).because(
        "the account has a hierarchical namespace, which is not supported: serve a container of an account without one",
    )
}

fn unknown() -> Failure {
    Failure::new(ErrorCode::PermissionDenied).because(
        "the object store does not accept the server's credentials: correct AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, the SAS token or \
         the connection string, and start the server again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_azure_is_one_of_ours_and_says_what_to_do() {
        for (code, words, expected, what) in [
            ("ContainerNotFound", "", ErrorCode::PermissionDenied, "create it"),
            (
                "AuthenticationFailed",
                "The MAC signature is not the same",
                ErrorCode::PermissionDenied,
                "AZURE_STORAGE_KEY",
            ),
            ("AuthenticationFailed", "Request date header too old", ErrorCode::PermissionDenied, "clock"),
            (
                "AuthorizationFailure",
                "Server failed to authenticate the request.",
                ErrorCode::PermissionDenied,
                "correct",
            ),
            ("AuthorizationFailure", "", ErrorCode::PermissionDenied, "network rules"),
            ("AuthorizationPermissionMismatch", "", ErrorCode::PermissionDenied, "the right to"),
            ("BlobNotFound", "", ErrorCode::NotFound, ""),
            ("BlobAlreadyExists", "", ErrorCode::AlreadyExists, ""),
            ("ConditionNotMet", "", ErrorCode::SourceChanged, ""),
            ("ServerBusy", "", ErrorCode::OutOfResources, "try again"),
            ("InvalidBlockList", "", ErrorCode::PartialChanged, "removed the parts"),
            ("RequestBodyTooLarge", "", ErrorCode::FileTooLarge, "size"),
            ("SnapshotsPresent", "", ErrorCode::PermissionDenied, "remove them"),
            ("APINotImplemented", "", ErrorCode::Unsupported, "cannot do that"),
        ] {
            let failure = by_code(code, words).unwrap();
            assert_eq!(failure.code, expected, "{code}");
            assert!(failure.to_string().contains(what), "{failure}");
        }
        assert!(by_code("SomethingNew", "").is_none());
    }
}
