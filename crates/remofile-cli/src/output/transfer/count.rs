//! The progress of a transfer.

use super::file_count::FileCount;

/// Bytes of content, as the events tell them.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// Those of the attempt at hand: they count afresh when a transfer is tried again.
    attempt: u64,
    /// Most that were ever counted: what is shown never goes back.
    furthest: u64,
    moved: u64,
    total: Option<u64>,
    current: Option<String>,
    /// The end of the file that began last, if it is known: in bytes of the attempt, with those before it.
    current_end: Option<u64>,
    files: FileCount,
}

impl Count {
    /// So many bytes are there already.
    pub(super) fn present(&mut self, bytes: u64) {
        self.attempt = self.attempt.saturating_add(bytes);
        self.furthest = self.furthest.max(self.attempt);
    }

    /// A file of a size, if that is known, begins, of which so many bytes are there already.
    pub(super) fn started(&mut self, path: &str, size: Option<u64>, offset: u64) {
        self.current = Some(path.to_owned());
        self.current_end = size.map(|size| self.attempt.saturating_add(size));
        self.files.begin(path, size);
        self.present(offset);
    }

    /// A file is where it belongs.
    pub(super) fn finished(&mut self, path: &str) {
        self.files.finish(path);
    }

    /// A file was there already, with so many bytes.
    pub(super) fn file_present(&mut self, bytes: u64) {
        self.files.add_present();
        self.present(bytes);
    }

    /// A file is where it belongs: what was not moved of it was there. Of several under way at once that is known only of the
    /// one that began last.
    pub(super) fn completed(&mut self, path: &str) {
        if self.current.as_deref() != Some(path) {
            return;
        }
        let end = self.current_end.take().unwrap_or(0);
        self.present(end.saturating_sub(self.attempt));
    }

    /// So many bytes were moved.
    pub(super) fn transferred(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
        self.present(bytes);
    }

    /// Begins another attempt.
    pub(super) fn again(&mut self) {
        self.attempt = 0;
        self.files.again();
    }

    /// There are so many files and bytes.
    pub(super) fn set_total(&mut self, files: u64, bytes: u64) {
        self.total = Some(bytes);
        self.files.set_total(files);
    }

    /// There are so many files and bytes that are not where they belong yet; what an attempt before did is not among them.
    pub(super) fn set_rest(&mut self, files: u64, bytes: u64) {
        self.files.set_rest(files);
        let total = self.total.unwrap_or(0).max(bytes);
        self.total = Some(total);
        self.attempt = 0;
        self.present(total - bytes);
    }

    /// Bytes that are where they belong, moved or not.
    pub(super) fn done(&self) -> u64 {
        self.furthest
    }

    /// Bytes that were moved, in all attempts.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Bytes there are, where that was counted: never less than are done, because files grow.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.map(|total| total.max(self.furthest))
    }

    /// The file that began last.
    pub(super) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// The files, by themselves.
    pub(super) fn files(&self) -> &FileCount {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back_and_never_beyond_its_end() {
        let mut count = Count::default();
        count.transferred(10);
        count.set_total(1, 5);
        count.transferred(20);
        assert_eq!((count.done(), count.total()), (30, Some(30)));
        count.again();
        count.present(12);
        assert_eq!(count.done(), 30);
        count.started("b", Some(40), 10);
        count.transferred(18);
        assert_eq!((count.done(), count.total(), count.moved()), (40, Some(40), 48));
        assert_eq!(count.current(), Some("b"));
    }

    #[test]
    fn what_is_planned_is_the_total_and_an_attempt_goes_on_where_the_one_before_ended() {
        let mut count = Count::default();
        count.set_rest(2, 100);
        assert_eq!((count.done(), count.total()), (0, Some(100)));
        count.started("a", Some(60), 0);
        count.transferred(1);
        count.completed("a");
        assert_eq!((count.done(), count.moved()), (60, 1));
        count.again();
        count.set_rest(1, 40);
        assert_eq!((count.done(), count.total()), (60, Some(100)));
        count.started("b", Some(40), 10);
        count.transferred(30);
        count.completed("b");
        assert_eq!((count.done(), count.total(), count.moved()), (100, Some(100), 31));
    }

    #[test]
    fn a_file_that_is_completed_beside_another_does_not_count_for_that() {
        let mut count = Count::default();
        count.set_rest(1, 110);
        count.started("a", Some(10), 0);
        count.started("b", Some(100), 0);
        count.transferred(10);
        count.completed("a");
        assert_eq!(count.done(), 10);
        count.transferred(100);
        count.completed("b");
        assert_eq!((count.done(), count.total()), (110, Some(110)));
    }
}
