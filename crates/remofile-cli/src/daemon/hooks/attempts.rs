//! Doing something until it succeeds: so many times, with pauses that grow.

use std::time::Duration;

/// The reason of a failure, and whether another attempt may help.
pub(super) struct AttemptFailed {
    pub(super) why: String,
    pub(super) may_be_tried_again: bool,
}

/// Pauses before the second attempt, the third and so on. There are no more attempts than these.
pub(super) const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// The outcome of all attempts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempts {
    pub(super) is_done: bool,
    pub(super) count: u32,
    /// The reason of the last failure.
    pub(super) why: Option<String>,
}

/// Attempts something until it succeeds or there is no use in it; `pause` tells of a failure, and waits.
pub(super) fn attempt(
    mut once: impl FnMut() -> Result<(), AttemptFailed>,
    mut pause: impl FnMut(u32, &str, Duration),
) -> Attempts {
    let (mut count, mut why) = (0, None);
    loop {
        count += 1;
        match once() {
            Ok(()) => return Attempts { is_done: true, count, why },
            Err(failed) => {
                let next = PAUSES.get(count as usize - 1).filter(|_| failed.may_be_tried_again);
                let Some(before) = next else { return Attempts { is_done: false, count, why: Some(failed.why) } };
                pause(count, &failed.why, *before);
                why = Some(failed.why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_help_is_tried_five_times_with_growing_pauses() {
        let mut paused = Vec::new();
        let fails = || Err(AttemptFailed { why: "no".to_owned(), may_be_tried_again: true });
        let attempts = attempt(fails, |_, _, pause| paused.push(pause));
        assert_eq!(attempts, Attempts { is_done: false, count: 5, why: Some("no".to_owned()) });
        assert_eq!(paused, PAUSES);
    }

    #[test]
    fn what_is_no_use_is_tried_once_and_what_succeeds_is_over() {
        let fails = || Err(AttemptFailed { why: "no".to_owned(), may_be_tried_again: false });
        assert_eq!(attempt(fails, |_, _, _| {}).count, 1);
        let mut results = vec![Ok(()), Err(AttemptFailed { why: "once".to_owned(), may_be_tried_again: true })];
        let attempts = attempt(|| results.pop().unwrap(), |_, _, _| {});
        assert_eq!(attempts, Attempts { is_done: true, count: 2, why: Some("once".to_owned()) });
    }
}
