//! `remofile find`

use super::several::Several;
use super::{Context, paths, walk};
use crate::args::{Find, KindOf};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{Data, Presentation, json};
use remofile::Error;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Kind};
use remofile::transfer::Pattern;

pub(super) fn run(find: &Find, context: Context) -> Result<Exit> {
    let tests = Tests::of(find)?;
    let paths = paths::all_from_root(&find.paths)?;
    let mut client = context.connect(&find.connection, None)?;
    let mut data = Data::lock();
    let presentation = Presentation { json: find.connection.json };
    let (mut several, paths) = Several::expand(&mut client, paths, presentation)?;
    for path in &paths {
        several.count(walk::below(&mut client, path, presentation, &mut |entry| match tests.admit(entry) {
            false => Ok(()),
            true if find.connection.json => data.object(&json::entry(entry)),
            true => data.line(entry.path.as_str()),
        }))?;
    }
    data.finish()?;
    Ok(several.exit())
}

/// The conditions that an entry has to meet.
struct Tests {
    pattern: Option<Pattern>,
    ignores_case: bool,
    kind: Option<KindOf>,
    sizes: std::ops::RangeInclusive<u64>,
    wants_size: bool,
}

impl Tests {
    fn of(find: &Find) -> Result<Self> {
        let ignores_case = find.iname.is_some();
        let text = find.name.clone().or_else(|| find.iname.as_ref().map(|text| text.to_lowercase()));
        if let Some(text) = text.as_ref().filter(|text| text.contains('/')) {
            return Err(Failed::usage(format!("{text:?} is no pattern of a name: names hold no slash")));
        }
        let pattern = text.map(|text| {
            let path = RemotePath::root().join(&text).map_err(|error| Failed::usage(error.to_string()))?;
            Pattern::parse(&path).map_err(|failure| Failed::from(Error::Local(failure)))
        });
        Ok(Self {
            pattern: pattern.transpose()?,
            ignores_case,
            kind: find.kind,
            sizes: find.min_size.unwrap_or(0)..=find.max_size.unwrap_or(u64::MAX),
            wants_size: find.min_size.is_some() || find.max_size.is_some(),
        })
    }

    fn admit(&self, entry: &Entry) -> bool {
        let name = entry.path.names().last().unwrap_or_default();
        let name = if self.ignores_case { name.to_lowercase() } else { name.to_owned() };
        let is_of_kind = |kind| {
            let wanted = match kind {
                KindOf::File => Kind::File,
                KindOf::Directory => Kind::Directory,
                KindOf::Link => Kind::Link,
            };
            entry.kind == wanted
        };
        self.pattern.as_ref().is_none_or(|pattern| pattern.admits_name(&name))
            && self.kind.is_none_or(is_of_kind)
            && (!self.wants_size || (entry.kind == Kind::File && self.sizes.contains(&entry.size)))
    }
}
