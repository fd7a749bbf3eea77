//! The answer to words of other tools.

/// The answer to some words of other tools.
pub(super) struct Answer {
    /// The words.
    pub(super) words: &'static [&'static str],
    /// The commands with which they are answered so; with none it is every command.
    pub(super) commands: &'static [&'static str],
    pub(super) answer: &'static str,
}

pub(super) const fn anywhere(words: &'static [&'static str], answer: &'static str) -> Answer {
    Answer { words, commands: &[], answer }
}

pub(super) const fn of(
    commands: &'static [&'static str],
    words: &'static [&'static str],
    answer: &'static str,
) -> Answer {
    Answer { words, commands, answer }
}
