//! The use that is made of tokens, as a server writes it down for 'remofile token list': no secrets.

use super::file::{TokensFile, TokensFileError};
use super::time;
use super::usage::{TokenUsage, TokenUsages};
use crate::store::{OpenPrivateFile, PrivateFileError};
use std::fmt::Write;
use toml_edit::{Document, Item};

/// Most bytes of the file.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The end of the name of the file: it is beside the tokens file.
const SUFFIX: &str = ".usage";

/// The file in which a server writes down what use is made of its tokens. It stays open, so that a server which may open no
/// files any more can write it: nothing else does it need the right to write there for.
#[derive(Debug)]
pub struct UsageFile {
    open: OpenPrivateFile,
    written: Option<TokenUsages>,
}

impl UsageFile {
    /// Opens the one of a tokens file, and makes it if there is none.
    ///
    /// # Errors
    /// [`TokensFileError::File`] if it is not private, or cannot be made.
    pub fn open(tokens: &TokensFile) -> Result<Self, TokensFileError> {
        let file = tokens.private().beside(SUFFIX).map_err(|source| failed(tokens, source))?;
        let open = OpenPrivateFile::open(&file).map_err(|source| failed(tokens, source))?;
        Ok(Self { open, written: None })
    }

    /// Reads what the server before has written; nothing if that cannot be understood.
    pub fn read(&mut self) -> TokenUsages {
        self.open.read(MAX_BYTES).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default()
    }

    /// Writes it down, if it is not what was written last. While somebody reads the file it stays as it is: say it again later.
    ///
    /// # Errors
    /// The failure of the system.
    pub fn write(&mut self, usages: &TokenUsages) -> Result<(), PrivateFileError> {
        if self.written.as_ref() != Some(usages) && self.open.write(text(usages).as_bytes())? {
            self.written = Some(usages.clone());
        }
        Ok(())
    }
}

/// Reads what use is made of the tokens of a file: nothing if no server has written it down, or in a way that is not
/// understood.
///
/// # Errors
/// [`TokensFileError::File`] if there is something that cannot be read.
pub fn read_usages(tokens: &TokensFile) -> Result<TokenUsages, TokensFileError> {
    let read = || {
        let file = tokens.private().beside(SUFFIX)?;
        let Some(mut open) = OpenPrivateFile::look(&file)? else { return Ok(None) };
        open.read(MAX_BYTES).map(Some)
    };
    let bytes = read().map_err(|source| failed(tokens, source))?;
    Ok(bytes.and_then(|bytes| parse(&bytes)).unwrap_or_default())
}

fn failed(tokens: &TokensFile, source: PrivateFileError) -> TokensFileError {
    let mut path = tokens.path().as_os_str().to_owned();
    path.push(SUFFIX);
    TokensFileError::File { path: path.into(), source }
}

fn text(usages: &TokenUsages) -> String {
    let mut text = String::from("# Written by the server.\n");
    for (name, usage) in usages {
        let _ = writeln!(text, "\n[\"{name}\"]");
        if let Some(time) = usage.last_used.and_then(time::show_time) {
            let _ = writeln!(text, "last-used = {time}");
        }
        if let Some(used) = usage.used {
            let _ = writeln!(text, "used = \"{used}\"");
        }
    }
    text
}

fn parse(bytes: &[u8]) -> Option<TokenUsages> {
    let document = Document::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    let usages = document.as_table().iter().filter_map(|(name, item)| {
        let last_used = item.get("last-used").and_then(Item::as_datetime).and_then(time::of_toml);
        let used = item.get("used").and_then(Item::as_str).and_then(|used| used.parse().ok());
        Some((name.parse().ok()?, TokenUsage { last_used, used }))
    });
    Some(usages.collect())
}
