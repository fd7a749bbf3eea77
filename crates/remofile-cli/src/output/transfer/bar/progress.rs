//! The progress of a transfer as far as it is known, for whoever shows it at some other moment.

use super::rate::Rate;
use crate::output::text::duration;
use crate::output::transfer::count::Count;
use std::time::Duration;

/// The time without a byte after which that is told.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// The progress of a transfer.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    pub(super) files_done: u64,
    pub(super) files_total: Option<u64>,
    /// Names of files that are under way, the one that began last in the end.
    pub(super) under_way: Vec<String>,
    /// The state of `under_way` that was taken over.
    under_way_version: u64,
    moved: u64,
    moved_at: Duration,
    stage: Stage,
    rate: Rate,
}

/// The activity of the transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Looks at what there is, since then.
    #[default]
    Preparing,
    /// Waits for others, since then.
    Waiting(Duration),
    /// Tries again at that time.
    Pausing(Duration),
    /// Moves files.
    Moving,
}

/// Words to be told besides numbers of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// A sentence about what keeps it from moving.
    Text(String),
    /// The time that is left.
    Left(Duration),
    /// Nothing.
    None,
}

impl Progress {
    /// Takes over what was counted; `now` is the time since the beginning.
    pub(super) fn update(&mut self, count: &Count, now: Duration) {
        (self.done, self.total) = (count.done(), count.total());
        let files = count.files();
        (self.files_done, self.files_total) = (files.done(), files.total());
        if self.moved != count.moved() {
            (self.moved, self.moved_at) = (count.moved(), now);
        }
        if self.under_way_version != files.version() {
            self.under_way_version = files.version();
            self.under_way.clear();
            self.under_way.extend(files.under_way().map(str::to_owned));
        }
        if files.has_begun() && self.stage != Stage::Moving {
            (self.stage, self.moved_at) = (Stage::Moving, now);
        }
        self.rate.note(now, self.moved);
    }

    /// Others are waited for.
    pub(super) fn wait(&mut self, now: Duration) {
        self.stage = Stage::Waiting(now);
    }

    /// Notes that the transfer is tried again after a pause.
    pub(super) fn pause(&mut self, now: Duration, pause: Duration) {
        self.stage = Stage::Pausing(now + pause);
    }

    /// Returns the bytes a second, if there are any and nothing else is to be told instead.
    pub(super) fn per_second(&mut self, now: Duration) -> Option<u64> {
        self.rate.note(now, self.moved);
        self.rate.per_second().filter(|rate| *rate > 0 && self.stage == Stage::Moving)
    }

    /// Reports whether files are being moved.
    pub(super) fn is_moving(&self) -> bool {
        self.stage == Stage::Moving
    }

    /// Returns what is to be told besides.
    pub(super) fn remark(&mut self, now: Duration) -> Remark {
        let since = |then: Duration| duration(now.saturating_sub(then));
        match self.stage {
            Stage::Preparing => Remark::Text(format!("preparing, {}", duration(now))),
            Stage::Waiting(begin) => Remark::Text(format!("waiting, {}", since(begin))),
            Stage::Pausing(end) => {
                let rest = end.saturating_sub(now).as_secs();
                Remark::Text(if rest == 0 { "trying again".to_owned() } else { format!("trying again in {rest} s") })
            }
            Stage::Moving if self.total == Some(self.done) => Remark::Text("finishing".to_owned()),
            Stage::Moving if now.saturating_sub(self.moved_at) > STALLED_AFTER => {
                Remark::Text(format!("nothing for {}", since(self.moved_at)))
            }
            Stage::Moving => match (self.total, self.per_second(now)) {
                (Some(total), Some(rate)) => Remark::Left(Duration::from_secs((total - self.done).div_ceil(rate))),
                _ => Remark::None,
            },
        }
    }
}
