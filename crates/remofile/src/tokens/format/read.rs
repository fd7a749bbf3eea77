//! From text to tokens, with the place of each.

use super::error::FormatError;
use super::field::Field;
use super::key;
use crate::tokens::entry::{Superseded, TokenEntry};
use crate::tokens::name::TokenName;
use crate::tokens::rights::TokenRights;
use crate::tokens::set::Tokens;
use crate::tokens::{size, time};
use remofile_protocol::path::RemotePath;
use remofile_protocol::token::{Origin, TokenKey};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::SystemTime;
use toml_edit::{Document, Item, Table, Value};
use zeroize::Zeroize;

type Result<T> = std::result::Result<T, FormatError>;

/// The tokens of a text, and where they are in it.
pub(super) struct Parsed {
    pub(super) tokens: Tokens,
    pub(super) places: Vec<TablePlace>,
}

/// The place of one token in a text.
pub(super) struct TablePlace {
    pub(super) name: TokenName,
    /// The name in brackets.
    pub(super) header: Range<usize>,
    pub(super) values: BTreeMap<Field, ValuePlace>,
}

/// The place of a setting.
pub(super) struct ValuePlace {
    /// The first byte of its name.
    pub(super) begin: usize,
    pub(super) value: Range<usize>,
}

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // It has several lines if it lists what was expected.
        FormatError::at(text, at, error.message().replace('\n', ", "))
    })?;
    let mut root = document.into_table();
    let read = read(text, &root);
    wipe(&mut root);
    read
}

fn read(text: &str, root: &Table) -> Result<Parsed> {
    let mut parsed = Parsed { tokens: Tokens::new(), places: Vec::new() };
    for (name, item) in root {
        let at = root.key(name).and_then(|key| key.span()).map_or(0, |span| span.start);
        let fail = |what: &str| Err(FormatError::at(text, at, what));
        let Some(table) = item.as_table().filter(|table| !table.is_dotted()) else {
            return fail(
                "each token is a table of its own: its name in brackets on one line, and its settings below it",
            );
        };
        if table.is_implicit() {
            return fail("a name with a dot needs quotes, such as [\"alice.smith\"]");
        }
        let Ok(name) = name.parse::<TokenName>() else {
            return fail("this is no name for a token: use 1 to 64 letters, digits, and any of . _ - @ +");
        };
        let settings = Settings::of(text, &name, table)?;
        parsed.tokens.add(settings.entry()?).map_err(|error| FormatError::at(text, at, error.to_string()))?;
        let (header, values) = (settings.header, settings.places);
        parsed.places.push(TablePlace { name, header, values });
    }
    Ok(parsed)
}

/// The settings of one token.
struct Settings<'a> {
    text: &'a str,
    name: &'a TokenName,
    header: Range<usize>,
    values: BTreeMap<Field, &'a Value>,
    places: BTreeMap<Field, ValuePlace>,
}

impl<'a> Settings<'a> {
    fn of(text: &'a str, name: &'a TokenName, table: &'a Table) -> Result<Self> {
        let header = table.span().unwrap_or_default();
        let mut settings = Self { text, name, header, values: BTreeMap::new(), places: BTreeMap::new() };
        for (key, item) in table {
            let begin = table.key(key).and_then(|key| key.span()).map_or(0, |span| span.start);
            let Some(field) = Field::of_name(key) else {
                return Err(FormatError::at(text, begin, unknown_setting()));
            };
            let (Item::Value(value), Some(place)) = (item, item.span()) else {
                return Err(FormatError::at(text, begin, format!("'{}' has one value, behind '='", field.name())));
            };
            settings.values.insert(field, value);
            settings.places.insert(field, ValuePlace { begin, value: place });
        }
        Ok(settings)
    }

    fn entry(&self) -> Result<TokenEntry> {
        let key = self.key(Field::Key)?.ok_or_else(|| self.missing(Field::Key, "make it with 'remofile token add'"))?;
        let rights = self.rights()?.ok_or_else(|| self.missing(Field::Rights, "say read, write, upload or all"))?;
        Ok(TokenEntry {
            name: self.name.clone(),
            key,
            origin: self.origin(Field::Chosen)?,
            superseded: self.superseded()?,
            rights,
            below: self.below()?,
            expires: self.time(Field::Expires)?,
            quota: self.size(Field::Quota)?,
            file_size_limit: self.size(Field::FileSizeLimit)?,
            bwlimit: self.size(Field::Bwlimit)?,
            sessions: self.sessions()?,
        })
    }

    fn superseded(&self) -> Result<Option<Superseded>> {
        let (key, expires) = (self.key(Field::PreviousKey)?, self.time(Field::PreviousExpires)?);
        let origin = self.origin(Field::PreviousChosen)?;
        match (key, expires) {
            (Some(key), Some(expires)) => Ok(Some(Superseded { key, origin, expires })),
            (Some(_), None) => Err(self.missing(Field::PreviousExpires, "remove 'previous-key', too, if it is over")),
            (None, Some(_)) => Err(self.missing(Field::PreviousKey, "remove 'previous-expires', too, if it is over")),
            (None, None) => match self.places.contains_key(&Field::PreviousChosen) {
                true => Err(self.missing(Field::PreviousKey, "remove 'previous-chosen', too, if it is over")),
                false => Ok(None),
            },
        }
    }

    fn key(&self, field: Field) -> Result<Option<TokenKey>> {
        let Some(value) = self.values.get(&field) else { return Ok(None) };
        let key = value.as_str().and_then(key::parse);
        let wrong = "this is no stretched token: 96 hexadecimal digits, which 'remofile token add' makes; a token itself \
                     never stands here";
        key.map(Some).ok_or_else(|| self.wrong(field, wrong))
    }

    fn origin(&self, field: Field) -> Result<Origin> {
        match self.values.get(&field).map(|value| value.as_bool()) {
            None | Some(Some(false)) => Ok(Origin::Generated),
            Some(Some(true)) => Ok(Origin::Chosen),
            Some(None) => Err(self.wrong(field, "use true or false")),
        }
    }

    fn rights(&self) -> Result<Option<TokenRights>> {
        let Some(value) = self.values.get(&Field::Rights) else { return Ok(None) };
        let rights = value.as_str().and_then(|text| text.parse().ok());
        let wrong = "use one of \"read\", \"write\", \"upload\" and \"all\"";
        rights.map(Some).ok_or_else(|| self.wrong(Field::Rights, wrong))
    }

    fn below(&self) -> Result<RemotePath> {
        let Some(value) = self.values.get(&Field::Below) else { return Ok(RemotePath::root()) };
        let path = value.as_str().and_then(|text| text.parse().ok());
        path.ok_or_else(|| {
            self.wrong(Field::Below, "use a path from the server's root directory on, such as \"/inbox\"")
        })
    }

    fn time(&self, field: Field) -> Result<Option<SystemTime>> {
        let time = match self.values.get(&field) {
            None => return Ok(None),
            Some(Value::Datetime(value)) => time::of_toml(value.value()),
            Some(value) => value.as_str().and_then(time::parse_time),
        };
        let wrong =
            "use a date, which begins in UTC, or a time with its zone, such as 2026-12-31 or 2026-12-31T18:00:00Z";
        time.map(Some).ok_or_else(|| self.wrong(field, wrong))
    }

    fn size(&self, field: Field) -> Result<Option<u64>> {
        let size = match self.values.get(&field) {
            None => return Ok(None),
            Some(Value::Integer(value)) => u64::try_from(*value.value()).ok(),
            Some(value) => value.as_str().and_then(|text| size::parse_size(text).ok()),
        };
        let wrong = "use a number of bytes, such as \"500M\" or 8192, at least 1; leave it out for no limit";
        size.filter(|&size| size > 0).map(Some).ok_or_else(|| self.wrong(field, wrong))
    }

    fn sessions(&self) -> Result<Option<usize>> {
        let Some(value) = self.values.get(&Field::Sessions) else { return Ok(None) };
        let sessions = value.as_integer().and_then(|sessions| usize::try_from(sessions).ok());
        let wrong = "use a number of sessions, such as 4; leave it out for no limit";
        sessions.filter(|&sessions| sessions > 0).map(Some).ok_or_else(|| self.wrong(Field::Sessions, wrong))
    }

    fn wrong(&self, field: Field, what: &str) -> FormatError {
        let at = self.places.get(&field).map_or(self.header.start, |place| place.value.start);
        FormatError::at(self.text, at, format!("'{}' of '{}': {what}", field.name(), self.name))
    }

    fn missing(&self, field: Field, what: &str) -> FormatError {
        let what = format!("the token '{}' has no '{}': {what}", self.name, field.name());
        FormatError::at(self.text, self.header.start, what)
    }
}

/// The setting itself is not told: it may be a secret in the wrong place.
fn unknown_setting() -> String {
    let known: Vec<&str> = Field::EVERY.into_iter().map(Field::name).collect();
    format!("a token has no such setting: there are {}", known.join(", "))
}

/// Wipes the texts that the parser has copied: some of them are keys.
fn wipe(table: &mut Table) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => wipe(table),
            Item::Value(value) => wipe_value(value),
            Item::None | Item::ArrayOfTables(_) => {}
        }
    }
}

fn wipe_value(value: &mut Value) {
    if let Value::String(_) = value
        && let Value::String(text) = std::mem::replace(value, Value::from(false))
    {
        text.into_value().zeroize();
    }
}
