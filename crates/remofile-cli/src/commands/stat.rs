//! `remofile stat`

use super::several::Several;
use super::{Context, paths};
use crate::args::Stat;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::text::harmless;
use crate::output::time::Clock;
use crate::output::{Data, Presentation, json};
use remofile::protocol::wire::{Entry, Kind};

pub(super) fn run(stat: &Stat, context: Context) -> Result<Exit> {
    let paths = paths::all_from_root(&stat.paths)?;
    let mut client = context.connect(&stat.connection, None)?;
    let presentation = Presentation { json: stat.connection.json };
    let (mut several, paths) = Several::expand(&mut client, paths, presentation)?;
    let (mut data, clock) = (Data::lock(), Clock::local());
    for path in &paths {
        let shown = client.stat(path).map_err(Failed::from).and_then(|entry| match stat.connection.json {
            true => data.object(&json::entry(&entry)),
            false => data.text(&describe(&entry, &clock)),
        });
        several.count(shown.map(|()| true))?;
    }
    data.finish()?;
    Ok(several.exit())
}

fn describe(entry: &Entry, clock: &Clock) -> String {
    let kind = match entry.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Special => "special file",
    };
    let mode = entry.mode.map_or("unknown".to_owned(), |mode| format!("{mode:04o}"));
    let rows = [
        ("path", harmless(entry.path.as_str()).into_owned()),
        ("kind", kind.to_owned()),
        ("size", format!("{} bytes", entry.size)),
        ("modified", clock.show(entry.modified)),
        ("mode", mode),
    ];
    rows.into_iter().map(|(name, value)| format!("{name:<9} {value}\n")).collect()
}
