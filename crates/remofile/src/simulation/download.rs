//! Files that a simulated client receives, each checked against the versions that there may be.

use remofile_protocol::digest::digest as digest_of;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Item;

/// Files that are being received.
#[derive(Default)]
pub(super) struct Receiver {
    open: Option<(String, Vec<u8>)>,
    /// Files that came whole: names as sent, and contents.
    pub(super) whole: Vec<(String, Vec<u8>)>,
}

impl Receiver {
    /// Takes the items of a message.
    ///
    /// # Errors
    /// What honest servers never do.
    pub(super) fn take(&mut self, items: Vec<Item>, payload: &[u8]) -> Result<(), String> {
        let mut payload = payload;
        for item in items {
            match item {
                Item::Begin { path, .. } => self.open = Some((path, Vec::new())),
                Item::Data { length } => {
                    let (bytes, rest) = payload.split_at(length as usize);
                    payload = rest;
                    self.append(bytes)?;
                }
                Item::Hole { length } => self.append(&vec![0; length as usize])?,
                Item::End { digest } => {
                    let (path, content) = self.open.take().ok_or("an end without a file")?;
                    if digest_of(&content) != digest {
                        return Err(format!("{path:?} came with a wrong digest"));
                    }
                    self.whole.push((path, content));
                }
                Item::Abort { .. } => self.open = None,
                Item::Directory { .. } | Item::Failed { .. } => {}
                other => return Err(format!("nobody asked for {other:?}")),
            }
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (_, content) = self.open.as_mut().ok_or("bytes without a file")?;
        content.extend_from_slice(bytes);
        Ok(())
    }
}

/// The path of what was sent under a name, if a source was asked for.
pub(super) fn path_of(source: &RemotePath, name: &str) -> Option<RemotePath> {
    source.parent()?.join(name).ok()
}
