//! The colours of a listing, as `LS_COLORS` has them.

use super::text::harmless;
use clap::ValueEnum;
use lscolors::{Indicator, LsColors, Style};
use remofile::protocol::wire::{Entry, Kind};
use std::io::{IsTerminal, stdout};

/// The occasions on which a listing is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Wherever it goes
    Always,
    /// Never
    Never,
}

/// The colours of names.
pub(crate) struct Colors {
    /// `None` if there are none.
    known: Option<LsColors>,
}

impl Colors {
    /// Those of the environment, if colours are wanted on standard output.
    pub(crate) fn new(when: When) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = || std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let is_wanted = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb(),
        };
        Self { known: is_wanted.then(|| LsColors::from_env().unwrap_or_default()) }
    }

    /// Reports whether names are coloured.
    pub(crate) fn are_used(&self) -> bool {
        self.known.is_some()
    }

    /// Gives a name its colour, and makes it harmless.
    pub(crate) fn paint(&self, entry: &Entry, name: &str) -> String {
        let name = harmless(name);
        match self.known.as_ref().and_then(|known| style(known, entry)) {
            Some(style) => style.to_nu_ansi_term_style().paint(name).to_string(),
            None => name.into_owned(),
        }
    }
}

fn style<'a>(known: &'a LsColors, entry: &Entry) -> Option<&'a Style> {
    let mode = entry.mode.unwrap_or_default();
    let indicator = match entry.kind {
        Kind::Directory if mode & 0o002 != 0 && known.has_explicit_style_for(Indicator::OtherWritable) => {
            Indicator::OtherWritable
        }
        Kind::Directory => Indicator::Directory,
        Kind::Link => Indicator::SymbolicLink,
        // Nobody tells whether it is a pipe, a socket or a device.
        Kind::Special => Indicator::FIFO,
        Kind::File if mode & 0o111 != 0 && known.has_explicit_style_for(Indicator::ExecutableFile) => {
            Indicator::ExecutableFile
        }
        Kind::File => {
            let by_name = entry.path.names().last().and_then(|name| known.style_for_str(name));
            return by_name.or_else(|| known.style_for_indicator(Indicator::RegularFile));
        }
    };
    known.style_for_indicator(indicator)
}

/// The sign behind a name that tells its kind, as `ls -F` has it.
pub(crate) fn classifier(entry: &Entry) -> &'static str {
    match entry.kind {
        Kind::Directory => "/",
        Kind::Link => "@",
        Kind::File if entry.mode.unwrap_or_default() & 0o111 != 0 => "*",
        Kind::File | Kind::Special => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;

    fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
        let (path, modified) = (path.parse().unwrap(), Timestamp::new(0, 0));
        Entry { path, kind, size: 0, modified, mode: Some(mode), unflushed: false }
    }

    #[test]
    fn names_have_the_colours_of_their_kinds_and_endings() {
        let known = LsColors::from_string("di=01;34:ln=01;36:ex=01;32:*.tar=01;31:ow=34;42");
        let colors = Colors { known: Some(known) };
        for (path, kind, mode, painted) in [
            ("/d", Kind::Directory, 0o755, "\u{1b}[1;34md\u{1b}[0m"),
            ("/w", Kind::Directory, 0o777, "\u{1b}[42;34mw\u{1b}[0m"),
            ("/l", Kind::Link, 0o777, "\u{1b}[1;36ml\u{1b}[0m"),
            ("/x", Kind::File, 0o755, "\u{1b}[1;32mx\u{1b}[0m"),
            ("/a.tar", Kind::File, 0o644, "\u{1b}[1;31ma.tar\u{1b}[0m"),
            ("/plain", Kind::File, 0o644, "plain"),
        ] {
            assert_eq!(colors.paint(&entry(path, kind, mode), &path[1..]), painted, "{path}");
        }
        let hostile = colors.paint(&entry("/d", Kind::Directory, 0o755), "a\u{1b}[2Jb");
        assert!(hostile.starts_with("\u{1b}[1;34ma") && !hostile.contains("\u{1b}[2J"), "{hostile:?}");
        assert_eq!(Colors { known: None }.paint(&entry("/d", Kind::Directory, 0o755), "d"), "d");
    }

    #[test]
    fn signs_tell_kinds() {
        let sign = |kind, mode| classifier(&entry("/a", kind, mode));
        assert_eq!([sign(Kind::Directory, 0o755), sign(Kind::Link, 0o777), sign(Kind::File, 0o700)], ["/", "@", "*"]);
        assert_eq!([sign(Kind::File, 0o644), sign(Kind::Special, 0o644)], ["", ""]);
    }
}
