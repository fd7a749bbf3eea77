//! Things that can be packed.

use super::writing::{Reader, Writer};

/// A thing that can be written behind another one of its kind.
pub(crate) trait Pack: Sized {
    /// Writes the thing; `before` is the one before it, of which it need not repeat anything.
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>);

    /// Reads what [`Pack::pack`] wrote. Returns `None` if that is not what is there.
    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self>;
}
