//! The options of a relay, made ones that both servers know, and the names that files get at the destination.

use super::end::{OfSide, RelayEnd, RelaySide};
use super::passing::Relayed;
use crate::client::TransferOptions;
use crate::client::transfer::as_they_are::encoded_again;
use remofile_protocol::path::NameRule;
use std::borrow::Cow;

/// The names that files of one server get at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those that they have.
    AsTheyAre,
    /// Those that they were encoded from, encoded for the other server.
    EncodedFor(NameRule),
}

impl Names {
    /// Returns the path at the destination of something that the source calls so.
    pub(super) fn path(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::AsTheyAre => Cow::Borrowed(name),
            Self::EncodedFor(rule) => Cow::Owned(encoded_again(name, rule)),
        }
    }
}

/// The options of a relay, as far as both servers know them.
pub(super) struct Adapted {
    pub(super) options: TransferOptions,
    pub(super) names: Names,
}

/// Makes options ones that both servers know.
pub(super) fn adapted(
    source: &mut RelayEnd<'_>,
    destination: &mut RelayEnd<'_>,
    options: &TransferOptions,
) -> Relayed<Adapted> {
    let (mut options, send) = (options.clone(), options.send);
    let links_to_earlier = options.link_dest.is_some();
    // Rules are written for names as they are, and mean them as the source encodes them.
    let from = source.client.adapt(&mut options.selection, send, options.encode_names, false);
    let from = from.of(RelaySide::Source, &source.label)?;
    let mut selection = options.selection.clone();
    let to = destination.client.adapt(&mut selection, send, options.encode_names, links_to_earlier);
    let to = to.of(RelaySide::Destination, &destination.label)?;
    options.selection.links = selection.links;
    let names = match (from, to) {
        (Some(from), Some(to)) if from != to => Names::EncodedFor(to),
        _ => Names::AsTheyAre,
    };
    Ok(Adapted { options, names })
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::path::encode_name;

    #[test]
    fn names_are_encoded_for_the_server_that_gets_them_and_stand_for_the_same() {
        let portable = Names::EncodedFor(NameRule::Portable);
        let posix = Names::EncodedFor(NameRule::Posix);
        for bytes in [&b"a:b"[..], b"a\xff", b"new\nline", b"plain", "quote\u{201b}q".as_bytes()] {
            let name = |rule| encode_name(bytes, rule).into_owned();
            assert_eq!(portable.path(&name(NameRule::Posix)), name(NameRule::Portable));
            assert_eq!(posix.path(&name(NameRule::Portable)), name(NameRule::Posix));
        }
        let nested = format!("d/{}", encode_name(b"x:y", NameRule::Portable));
        assert_eq!(portable.path("d/x:y"), nested);
        assert_eq!(Names::AsTheyAre.path("a:b"), "a:b");
    }

    #[test]
    fn a_name_that_stands_for_a_way_out_stays_as_it_is() {
        for name in ["\u{201b}2E\u{201b}2E", "a\u{201b}2Fb", "\u{201b}00"] {
            assert_eq!(Names::EncodedFor(NameRule::Posix).path(name), name);
        }
    }
}
