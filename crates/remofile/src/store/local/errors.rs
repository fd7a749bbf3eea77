//! The one table from errors of the operating system to failures for peers.

use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::io::Errno;

/// Returns the failure for an error of a system call.
pub(super) fn failure(errno: Errno) -> Failure {
    let code = code_of(errno);
    match code {
        ErrorCode::Other | ErrorCode::DiskFailure => Failure::new(code).because(std::io::Error::from(errno)),
        _ => Failure::new(code),
    }
}

/// Returns the failure for an error of the standard library, which most often is one of a system call.
pub(crate) fn io_failure(error: &std::io::Error) -> Failure {
    match (Errno::from_io_error(error), error.kind()) {
        (Some(errno), _) => failure(errno),
        // A program's own writer has no number to tell.
        (None, std::io::ErrorKind::StorageFull) => Failure::new(ErrorCode::NoSpace).because(error),
        (None, _) => Failure::new(ErrorCode::Other).because(error),
    }
}

/// Returns the failure for an error of a call that makes a new name: a directory in the way is a name that is
/// taken.
pub(super) fn naming_failure(errno: Errno) -> Failure {
    match errno {
        // NOTEMPTY where the directory is the one that the source is in.
        Errno::ISDIR | Errno::NOTEMPTY => directory_in_the_way(),
        Errno::INVAL => Failure::new(ErrorCode::IntoItself),
        _ => failure(errno),
    }
}

/// Returns the failure of a name that is taken by a directory, which no file ever replaces.
pub(super) fn directory_in_the_way() -> Failure {
    Failure::new(ErrorCode::AlreadyExists).because("a directory is in the way")
}

/// Returns the failure of a path that is the store's own.
pub(super) fn reserved() -> Failure {
    Failure::new(ErrorCode::InvalidName)
        .because(format!("the name '{}' is reserved for Remofile", crate::store::STAGING_NAME))
}

fn code_of(errno: Errno) -> ErrorCode {
    match errno {
        Errno::NOENT => ErrorCode::NotFound,
        Errno::EXIST => ErrorCode::AlreadyExists,
        Errno::ISDIR | Errno::NXIO | Errno::NODEV => ErrorCode::NotAFile,
        Errno::NOTDIR => ErrorCode::NotADirectory,
        Errno::NOTEMPTY => ErrorCode::NotEmpty,
        Errno::NAMETOOLONG | Errno::ILSEQ => ErrorCode::InvalidName,
        Errno::ACCESS | Errno::PERM => ErrorCode::PermissionDenied,
        Errno::ROFS => ErrorCode::ReadOnly,
        Errno::NOSPC | Errno::DQUOT => ErrorCode::NoSpace,
        Errno::FBIG => ErrorCode::FileTooLarge,
        Errno::IO => ErrorCode::DiskFailure,
        Errno::LOOP => ErrorCode::LinkLoop,
        Errno::XDEV => ErrorCode::CrossDevice,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => ErrorCode::OutOfResources,
        Errno::NOSYS | Errno::OPNOTSUPP => ErrorCode::Unsupported,
        _ => ErrorCode::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_system_is_added_only_where_the_code_says_little() {
        assert_eq!(failure(Errno::NOSPC), Failure::new(ErrorCode::NoSpace));
        assert!(failure(Errno::IO).detail.is_some());
        assert_eq!(failure(Errno::BUSY).code, ErrorCode::Other);
        assert!(failure(Errno::BUSY).detail.is_some());
    }

    #[test]
    fn an_error_of_the_standard_library_is_told_as_that_of_its_call() {
        for errno in [Errno::LOOP, Errno::NOSPC, Errno::DQUOT, Errno::NOTDIR, Errno::BUSY] {
            assert_eq!(io_failure(&errno.into()), failure(errno));
        }
        assert_eq!(io_failure(&std::io::ErrorKind::StorageFull.into()).code, ErrorCode::NoSpace);
        let other = io_failure(&std::io::Error::other("its words"));
        assert_eq!((other.code, other.detail.as_deref()), (ErrorCode::Other, Some("its words")));
    }

    #[test]
    fn a_name_that_is_taken_by_a_directory_is_told_apart() {
        assert_eq!(naming_failure(Errno::ISDIR).code, ErrorCode::AlreadyExists);
        assert_eq!(failure(Errno::ISDIR).code, ErrorCode::NotAFile);
        assert_eq!(naming_failure(Errno::INVAL).code, ErrorCode::IntoItself);
    }
}
