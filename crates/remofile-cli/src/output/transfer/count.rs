//! How far a transfer is.

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
}

impl Count {
    /// So many bytes are there already.
    pub(super) fn present(&mut self, bytes: u64) {
        self.attempt = self.attempt.saturating_add(bytes);
        self.furthest = self.furthest.max(self.attempt);
    }

    /// A file begins, of which so many bytes are there already.
    pub(super) fn started(&mut self, path: &str, offset: u64) {
        self.current = Some(path.to_owned());
        self.present(offset);
    }

    /// So many bytes were moved.
    pub(super) fn transferred(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
        self.present(bytes);
    }

    /// It is tried again.
    pub(super) fn again(&mut self) {
        self.attempt = 0;
    }

    /// There are so many bytes.
    pub(super) fn set_total(&mut self, bytes: u64) {
        self.total = Some(bytes);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back_and_never_beyond_its_end() {
        let mut count = Count::default();
        count.transferred(10);
        count.set_total(5);
        count.transferred(20);
        assert_eq!((count.done(), count.total()), (30, Some(30)));
        count.again();
        count.present(12);
        assert_eq!(count.done(), 30);
        count.started("b", 10);
        count.transferred(18);
        assert_eq!((count.done(), count.total(), count.moved()), (40, Some(40), 48));
        assert_eq!(count.current(), Some("b"));
    }
}
