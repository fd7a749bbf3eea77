//! Options to open a remote file with.

use crate::error::{Error, Result};

/// Options to open a remote file with: those of [`std::fs::OpenOptions`], and [`OpenOptions::rewrite`].
///
/// A file that is truncated as it is opened, or created anew, is *rewritten*: what is written goes to the server, where nobody
/// sees it until the file is closed; then it appears whole in place of the old one, whose permission bits it has, or not at all. Any
/// other file is read and changed in place.
///
/// | | options | in Python |
/// |---|---|---|
/// | read | `read` | `r` |
/// | read and change in place | `read`, `write` | `r+` |
/// | rewrite, created if there is none | `rewrite` | `w` |
/// | write what must be new | `write`, `create_new` | `x` |
/// | append, created if there is none | `append`, `create` | `a` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    strict: bool,
    follow: bool,
}

/// The mode that a file is opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// The file is only read.
    Read,
    /// The file is changed in place.
    InPlace { append: bool, create: bool },
    /// The file is replaced as a whole.
    Rewrite { create: bool, must_be_new: bool },
}

impl OpenOptions {
    /// Creates options in which nothing is chosen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the file is read.
    #[must_use]
    pub fn read(self, read: bool) -> Self {
        Self { read, ..self }
    }

    /// Sets whether the file is written.
    #[must_use]
    pub fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    /// Sets whether all writes go to the end of the file, wherever that is then.
    #[must_use]
    pub fn append(self, append: bool) -> Self {
        Self { append, ..self }
    }

    /// Sets whether the file is emptied. It is then rewritten: others see the change only when it is closed.
    #[must_use]
    pub fn truncate(self, truncate: bool) -> Self {
        Self { truncate, ..self }
    }

    /// Sets whether the file is created if there is none.
    #[must_use]
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Sets whether the file must be new.
    #[must_use]
    pub fn create_new(self, create_new: bool) -> Self {
        Self { create_new, ..self }
    }

    /// Sets the options to write, create and truncate, as `w` does in Python.
    #[must_use]
    pub fn rewrite(self) -> Self {
        self.write(true).create(true).truncate(true)
    }

    /// Sets whether reading fails with `source-changed` as soon as the file is written to or replaced, or gets another
    /// time. Otherwise the version that was opened is read to its end, up to the size that it had, as long as what was
    /// read is still in it.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// Sets whether reading waits for more at the end of the file, as `tail -F` does: it goes on with the beginning of a
    /// file that was emptied, and of one that has taken its place. Timeout and interrupt end it.
    #[must_use]
    pub fn follow(self, follow: bool) -> Self {
        Self { follow, ..self }
    }

    pub(super) fn is_strict(self) -> bool {
        self.strict
    }

    pub(super) fn is_followed(self) -> bool {
        self.follow
    }

    pub(super) fn is_read(self) -> bool {
        self.read
    }

    pub(super) fn is_written(self) -> bool {
        self.write || self.append
    }

    /// Returns the mode that these options mean.
    ///
    /// # Errors
    /// [`Error::Usage`] if they contradict each other.
    pub(super) fn mode(self) -> Result<OpenMode> {
        let Self { append, create, create_new, truncate, .. } = self;
        if self.follow && (self.is_written() || self.strict) {
            return Err(Error::Usage("a file that is followed is only read, and never strictly"));
        }
        if !self.is_written() {
            return match (self.read, create || create_new || truncate) {
                (_, true) => Err(Error::Usage("a file that is created or truncated must be written")),
                (false, _) => Err(Error::Usage("a file is opened to read, to write or to append")),
                (true, false) => Ok(OpenMode::Read),
            };
        }
        if append && truncate {
            return Err(Error::Usage("a file cannot be truncated and appended to"));
        }
        Ok(match create_new || truncate {
            true => OpenMode::Rewrite { create: create || create_new, must_be_new: create_new },
            false => OpenMode::InPlace { append, create },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_mean_what_they_mean_for_local_files() {
        let new = OpenOptions::new;
        let mode = |options: OpenOptions| options.mode().ok();
        assert_eq!(mode(new().read(true)), Some(OpenMode::Read));
        assert_eq!(mode(new().read(true).write(true)), Some(OpenMode::InPlace { append: false, create: false }));
        assert_eq!(mode(new().append(true).create(true)), Some(OpenMode::InPlace { append: true, create: true }));
        assert_eq!(mode(new().rewrite()), Some(OpenMode::Rewrite { create: true, must_be_new: false }));
        assert_eq!(
            mode(new().write(true).truncate(true)),
            Some(OpenMode::Rewrite { create: false, must_be_new: false })
        );
        assert_eq!(
            mode(new().write(true).create_new(true)),
            Some(OpenMode::Rewrite { create: true, must_be_new: true })
        );
        for nonsense in
            [new(), new().read(true).create(true), new().append(true).truncate(true), new().create_new(true)]
        {
            assert_eq!(mode(nonsense), None, "{nonsense:?}");
        }
    }
}
