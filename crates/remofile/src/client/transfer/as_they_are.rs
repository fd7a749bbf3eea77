//! The requests to keep files as they are, as far as the server knows of it.

use crate::client::{Client, encoded_rules};
use crate::error::{Error, Result};
use remofile_protocol::path::{NameRule, decode, encode_name};
use remofile_protocol::wire::{ErrorCode, Failure, Links, Selection, SendOptions};
use std::borrow::Cow;

impl Client {
    /// Makes options ones that the server knows, and rules those of encoded names if names are encoded. Returns the rule that
    /// names are encoded for, if they are: the server's.
    ///
    /// # Errors
    /// `unsupported` for second names and special files, which a server of an earlier version does not know. Links are then
    /// sent as far as they lead to something in the tree.
    pub(crate) fn adapt(
        &mut self,
        selection: &mut Selection,
        send: SendOptions,
        encodes_names: bool,
        links_to_earlier: bool,
    ) -> Result<Option<NameRule>> {
        let asks = selection.links == Links::Keep || selection.devices || send.hard_links || links_to_earlier;
        if !asks && !encodes_names {
            return Ok(None);
        }
        let hello = self.server()?;
        let (names, keeps) = (hello.names, hello.as_they_are);
        if !keeps {
            refuse(send.hard_links || links_to_earlier, "hard links")?;
            refuse(selection.devices, "special files")?;
            if selection.links == Links::Keep {
                selection.links = Links::Copy;
            }
        }
        let encoding = encodes_names.then_some(names);
        selection.rules = encoded_rules(&selection.rules, encoding);
        Ok(encoding)
    }
}

/// Returns a path whose names are encoded for a rule, whatever they were encoded for.
pub(crate) fn encoded_again(path: &str, rule: NameRule) -> String {
    let names: Vec<_> = path.split('/').map(|name| name_again(name, rule)).collect();
    names.join("/")
}

/// Encodes what a name stands for. One that stands for nothing that a name may be stays as it is.
fn name_again(name: &str, rule: NameRule) -> Cow<'_, str> {
    let bytes = decode(name);
    match bytes.iter().any(|byte| matches!(byte, b'/' | 0)) || matches!(&*bytes, b"" | b"." | b"..") {
        true => Cow::Borrowed(name),
        false => Cow::Owned(encode_name(&bytes, rule).into_owned()),
    }
}

fn refuse(is_asked_for: bool, what: &str) -> Result<()> {
    if !is_asked_for {
        return Ok(());
    }
    let why = format!("the server does not know of {what}: leave them out, or run a newer version there");
    Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)))
}
