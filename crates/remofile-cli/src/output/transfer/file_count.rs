//! The files of a transfer: how many are done, and which are under way.

/// Most files that are known by their names while they are under way.
const MOST_UNDER_WAY: usize = 16;

/// A smaller file comes and goes too fast to be named beside others.
const LARGE_BYTES: u64 = 1 << 20;

/// Files, as the events tell them.
#[derive(Debug, Default)]
pub(super) struct FileCount {
    /// Those that are done, in the attempt at hand.
    attempt: u64,
    /// Most that were ever done: what is shown never goes back.
    furthest: u64,
    total: Option<u64>,
    under_way: Vec<FileUnderWay>,
    version: u64,
    has_begun: bool,
}

#[derive(Debug)]
struct FileUnderWay {
    path: String,
    is_large: bool,
    is_done: bool,
}

impl FileCount {
    /// A file of a size, if that is known, begins.
    pub(super) fn begin(&mut self, path: &str, size: Option<u64>) {
        (self.has_begun, self.version) = (true, self.version + 1);
        self.under_way.retain(|file| file.is_large && !file.is_done);
        if self.under_way.len() == MOST_UNDER_WAY {
            self.under_way.remove(0);
        }
        let is_large = size.is_none_or(|size| size >= LARGE_BYTES);
        self.under_way.push(FileUnderWay { path: path.to_owned(), is_large, is_done: false });
    }

    /// A file is where it belongs. The last one is named until another begins.
    pub(super) fn finish(&mut self, path: &str) {
        self.add_done();
        self.version += 1;
        if let Some(file) = self.under_way.iter_mut().rev().find(|file| file.path == path) {
            file.is_done = true;
        }
        if self.under_way.iter().any(|file| !file.is_done) {
            self.under_way.retain(|file| !file.is_done);
        }
    }

    /// A file was there already.
    pub(super) fn add_present(&mut self) {
        self.has_begun = true;
        self.add_done();
    }

    fn add_done(&mut self) {
        self.attempt += 1;
        self.furthest = self.furthest.max(self.attempt);
    }

    /// Begins another attempt.
    pub(super) fn again(&mut self) {
        (self.attempt, self.has_begun, self.version) = (0, false, self.version + 1);
        self.under_way.clear();
    }

    /// There are so many files.
    pub(super) fn set_total(&mut self, files: u64) {
        self.total = Some(files);
    }

    /// There are so many files that are not where they belong yet; what an attempt before did is not among them.
    pub(super) fn set_rest(&mut self, files: u64) {
        let total = self.total.unwrap_or(0).max(files);
        self.total = Some(total);
        self.attempt = total - files;
        self.furthest = self.furthest.max(self.attempt);
    }

    /// Files that are where they belong, moved or not.
    pub(super) fn done(&self) -> u64 {
        self.furthest
    }

    /// Files there are, where that was counted: never less than are done.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.map(|total| total.max(self.furthest))
    }

    /// The names of files that are under way, the one that began last in the end.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &str> {
        self.under_way.iter().map(|file| file.path.as_str())
    }

    /// Counts the changes of [`FileCount::under_way`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Reports whether the attempt at hand has come to a file.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &FileCount) -> Vec<&str> {
        files.under_way().collect()
    }

    #[test]
    fn large_files_are_named_until_they_are_done_and_of_small_ones_the_latest() {
        let mut files = FileCount::default();
        files.begin("large", Some(LARGE_BYTES));
        files.begin("small", Some(1));
        assert_eq!(names(&files), ["large", "small"]);
        files.begin("unknown", None);
        assert_eq!(names(&files), ["large", "unknown"]);
        files.finish("large");
        assert_eq!(names(&files), ["unknown"]);
        files.finish("unknown");
        assert_eq!(names(&files), ["unknown"], "something is always named");
        files.begin("next", Some(1));
        assert_eq!((names(&files), files.done()), (vec!["next"], 2));
        for number in 0..100 {
            files.begin(&number.to_string(), None);
        }
        assert_eq!(names(&files).len(), MOST_UNDER_WAY);
    }

    #[test]
    fn it_never_goes_back_and_knows_the_whole() {
        let mut files = FileCount::default();
        files.set_rest(3);
        files.begin("a", None);
        files.finish("a");
        files.again();
        assert!(!files.has_begun() && names(&files).is_empty());
        files.set_rest(2);
        files.begin("b", None);
        files.finish("b");
        assert_eq!((files.done(), files.total()), (2, Some(3)));
        files.set_total(1);
        assert_eq!(files.total(), Some(2));
    }
}
