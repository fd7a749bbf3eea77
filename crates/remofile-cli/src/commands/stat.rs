//! `remofile stat`

use super::{Context, expand, paths};
use crate::args::Stat;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::text::harmless;
use crate::output::time::Clock;
use crate::output::{Data, Presentation, json};
use remofile::Error;
use remofile::protocol::wire::{Entry, Failure, Kind};

pub(super) fn run(stat: &Stat, context: Context) -> Result<Exit> {
    let paths = paths::all_from_root(&stat.paths)?;
    let mut client = context.connect(&stat.connection, None)?;
    let (mut data, clock, mut shown, mut is_complete) = (Data::lock(), Clock::local(), 0, true);
    let presentation = Presentation { json: stat.connection.json };
    let mut fail = |failure: Failure, are_many: bool| match are_many {
        true => {
            is_complete = false;
            presentation.show_file(&failure);
            Ok(())
        }
        false => Err(Failed::from(Error::Remote(failure))),
    };
    let mut are_many = paths.len() > 1;
    let paths = expand::expand_each(&mut client, paths, &mut |failure| fail(failure, are_many))?;
    are_many |= paths.len() > 1;
    for path in &paths {
        match client.stat(path) {
            Ok(entry) => {
                shown += 1;
                match stat.connection.json {
                    true => data.object(&json::entry(&entry))?,
                    false => data.text(&describe(&entry, &clock))?,
                }
            }
            Err(Error::Remote(failure)) => fail(failure, are_many)?,
            Err(error) => return Err(error.into()),
        }
    }
    data.finish()?;
    Ok(Exit::of_parts(shown > 0, is_complete))
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
