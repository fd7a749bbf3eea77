//! The part of a transfer that is there though it did not come to its end, and how it goes on.

use super::count::Count;
use indicatif::HumanBytes;
use remofile::Error;

/// Returns what was done so far, for an error after which the same command goes on from there. `None` if nothing was done.
pub(super) fn so_far(error: &Error, count: &Count) -> Option<String> {
    let goes_on = matches!(
        error,
        Error::Interrupted | Error::Timeout(_) | Error::Stalled(_) | Error::PeerSilent(_) | Error::ConnectionLost(_)
    );
    if !goes_on || count.moved() == 0 {
        return None;
    }
    let files = match (count.files().done(), count.files().total()) {
        (done, Some(total)) => format!("{done} of {total} files"),
        (1, None) => "1 file".to_owned(),
        (done, None) => format!("{done} files"),
    };
    let bytes = match (HumanBytes(count.done()), count.total().map(HumanBytes)) {
        (done, Some(total)) => format!("{done} of {total}"),
        (done, None) => done.to_string(),
    };
    Some(format!("so far {files}, {bytes}: run the same command again, and it goes on from there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_interrupted_is_told_what_is_there_and_how_to_go_on() {
        let mut count = Count::default();
        assert_eq!(so_far(&Error::Interrupted, &count), None, "there is nothing to go on from");
        count.started("a", Some(1024), 0);
        count.transferred(1024);
        count.finished("a");
        let told = so_far(&Error::Interrupted, &count).unwrap();
        assert_eq!(told, "so far 1 file, 1.00 KiB: run the same command again, and it goes on from there");
        count.set_total(3, 4096);
        let told = so_far(&Error::Interrupted, &count).unwrap();
        assert!(told.starts_with("so far 1 of 3 files, 1.00 KiB of 4.00 KiB: "), "{told}");
        assert_eq!(so_far(&Error::Usage("x"), &count), None);
    }
}
