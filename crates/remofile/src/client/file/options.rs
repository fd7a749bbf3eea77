//! How a remote file is opened.

use crate::error::{Error, Result};

/// How a remote file is opened: as [`std::fs::OpenOptions`] does it, and [`OpenOptions::rewrite`].
///
/// A file that is truncated as it is opened, or created anew, is *rewritten*: what is written stays on this side until
/// the file is closed, and then appears whole in place of the old one, or not at all. Any other file is read and
/// changed in place.
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
}

/// The mode that a file is opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// The file is only read.
    Read,
    /// It is changed where it is.
    InPlace { append: bool, create: bool },
    /// It is replaced as a whole.
    Rewrite { create: bool, must_be_new: bool },
}

impl OpenOptions {
    /// Nothing is chosen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is read.
    #[must_use]
    pub fn read(self, read: bool) -> Self {
        Self { read, ..self }
    }

    /// Whether it is written.
    #[must_use]
    pub fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    /// Whether everything is written to its end, wherever that is then.
    #[must_use]
    pub fn append(self, append: bool) -> Self {
        Self { append, ..self }
    }

    /// Whether it is emptied: rewritten, which others see only when it is closed.
    #[must_use]
    pub fn truncate(self, truncate: bool) -> Self {
        Self { truncate, ..self }
    }

    /// Whether it is created if there is none.
    #[must_use]
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Whether it must be new.
    #[must_use]
    pub fn create_new(self, create_new: bool) -> Self {
        Self { create_new, ..self }
    }

    /// To write, create and truncate: what `w` does in Python.
    #[must_use]
    pub fn rewrite(self) -> Self {
        self.write(true).create(true).truncate(true)
    }

    pub(super) fn is_read(self) -> bool {
        self.read
    }

    pub(super) fn is_written(self) -> bool {
        self.write || self.append
    }

    /// # Errors
    /// [`Error::Usage`] if they contradict each other.
    pub(super) fn mode(self) -> Result<OpenMode> {
        let Self { append, create, create_new, truncate, .. } = self;
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
