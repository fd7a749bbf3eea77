//! `remofile list`

use super::{Context, paths};
use crate::args::List;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::columns::Columns;
use crate::output::time::Clock;
use crate::output::{Data, Presentation, json};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Listed};

pub(super) fn run(list: &List, context: Context) -> Result<Exit> {
    let directory = paths::from_root(&list.directory)?;
    let mut client = context.connect(&list.connection, list.positional_port)?;
    let mut listing = Listing::new(&directory, list)?;
    let mut stopped = None;
    let listed = client.list(&directory, list.recursive, &mut |listed| {
        listing.show(&listed).map_err(|failed| {
            stopped = Some(failed);
            remofile::Error::Interrupted
        })
    });
    if let Some(failed) = stopped {
        return Err(failed);
    }
    listing.finish()?;
    listed?;
    Ok(if listing.is_complete { Exit::Success } else { Exit::SomeFailed })
}

struct Listing<'a> {
    directory: &'a RemotePath,
    style: Style,
    data: Data,
    presentation: Presentation,
    is_complete: bool,
}

enum Style {
    Names,
    Columns(Columns),
    Objects,
}

impl<'a> Listing<'a> {
    fn new(directory: &'a RemotePath, list: &List) -> Result<Self> {
        let style = match (list.connection.json, list.long) {
            (true, _) => Style::Objects,
            (false, true) => Style::Columns(Columns::new(Clock::local())),
            (false, false) => Style::Names,
        };
        let presentation = Presentation { json: list.connection.json };
        Ok(Self { directory, style, data: Data::in_background()?, presentation, is_complete: true })
    }

    fn show(&mut self, listed: &Listed) -> Result<()> {
        match listed {
            Listed::Entry(entry) => self.show_entry(entry),
            Listed::Failed(failure) => {
                self.is_complete = false;
                self.presentation.show_file(failure);
                Ok(())
            } // Answers to other questions.
        }
    }

    fn show_entry(&mut self, entry: &Entry) -> Result<()> {
        let name = entry.path.relative_to(self.directory).unwrap_or(entry.path.as_str());
        match &mut self.style {
            Style::Names => self.data.line(name)?,
            Style::Objects => self.data.object(&json::entry(entry))?,
            Style::Columns(columns) => {
                if let Some(batch) = columns.push(entry, name) {
                    self.data.text(&batch)?;
                }
            }
        }
        if self.data.is_terminal() { self.data.flush() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<()> {
        if let Style::Columns(columns) = &mut self.style {
            self.data.text(&columns.take())?;
        }
        self.data.finish()
    }
}
