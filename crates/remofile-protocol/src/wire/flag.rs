//! The encoding of flags: one that is not set is left out.

pub(super) fn is_false(value: &bool) -> bool {
    !value
}
