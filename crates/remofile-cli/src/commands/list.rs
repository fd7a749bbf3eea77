//! `remofile list`

use super::{Context, expand, paths};
use crate::args::{List, SortBy};
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::colors::{Colors, classifier};
use crate::output::columns::Columns;
use crate::output::time::Clock;
use crate::output::{Data, Presentation, json};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed};
use remofile::{Client, Error};
use std::cmp::Reverse;

pub(super) fn run(list: &List, context: Context) -> Result<Exit> {
    let port = list.port()?;
    let paths = paths::all_from_root(list.listed())?;
    let mut client = context.connect(&list.connection, port)?;
    let mut listing = Listing::new(list)?;
    let (mut are_many, mut listed_paths) = (paths.len() > 1, 0);
    let fail = |listing: &mut Listing, failure: Failure, are_many: bool| match are_many {
        true => {
            listing.fail(&failure);
            Ok(())
        }
        false => Err(Failed::from(Error::Remote(failure))),
    };
    let paths = expand::expand_each(&mut client, paths, &mut |failure| fail(&mut listing, failure, are_many))?;
    are_many |= paths.len() > 1;
    let paths = if are_many && listing.has_heads() {
        listing.show_files(&mut client, paths, &mut listed_paths)?
    } else {
        paths
    };
    for path in &paths {
        match listing.list(&mut client, path, are_many) {
            Err(Failed::Library(Error::Remote(failure))) => fail(&mut listing, failure, are_many)?,
            listed => {
                listed?;
                listed_paths += 1;
            }
        }
    }
    listing.finish()?;
    Ok(Exit::of_parts(listed_paths > 0, listing.failed))
}

struct Listing {
    style: Style,
    recursive: bool,
    is_of_itself: bool,
    sort: Option<SortBy>,
    is_reverse: bool,
    classifies: bool,
    colors: Colors,
    data: Data,
    presentation: Presentation,
    failed: FailedParts,
    has_begun: bool,
}

enum Style {
    Names,
    Columns(Columns),
    Objects,
}

impl Listing {
    fn new(list: &List) -> Result<Self> {
        let style = match (list.connection.json, list.long > 0) {
            (true, _) => Style::Objects,
            (false, true) => Style::Columns(Columns::new(Clock::local(), list.human_readable)),
            (false, false) => Style::Names,
        };
        let presentation = Presentation { json: list.connection.json };
        let data = Data::in_background()?;
        // What is turned round has to have an order.
        let sort = list.order().or(list.reverse.then_some(SortBy::Name));
        Ok(Self {
            style,
            recursive: list.recursive,
            is_of_itself: list.directory,
            sort,
            is_reverse: list.reverse,
            classifies: list.classify,
            colors: Colors::new(list.color),
            data,
            presentation,
            failed: FailedParts::default(),
            has_begun: false,
        })
    }

    /// Lists a directory, or what else has the path.
    fn list(&mut self, client: &mut Client, path: &RemotePath, are_many: bool) -> Result<()> {
        if self.is_of_itself {
            let entry = client.lstat(path)?.entry;
            return self.show_itself(&entry);
        }
        let (mut stopped, mut has_head, mut entries) = (None, !are_many, Vec::new());
        let listed = client.list(path, self.recursive, &mut |listed| {
            let begun = if has_head { Ok(()) } else { self.begin(path) };
            has_head = true;
            let shown = begun.and_then(|()| match (listed, self.sort) {
                (Listed::Entry(entry), Some(_)) => {
                    entries.push(entry);
                    Ok(())
                }
                (Listed::Entry(entry), None) => self.show(&entry, path),
                (Listed::Failed(failure), _) => {
                    self.fail(&failure);
                    Ok(())
                } // Answers to other questions.
            });
            shown.map_err(|failed| {
                stopped = Some(failed);
                Error::Interrupted
            })
        });
        match (stopped, listed) {
            (Some(failed), _) => return Err(failed),
            (None, Err(Error::Remote(failure))) if failure.code == ErrorCode::NotADirectory => {
                let entry = client.stat(path)?;
                return self.show_itself(&entry);
            }
            (None, listed) => {
                if !has_head && listed.is_ok() {
                    self.begin(path)?;
                }
                self.show_sorted(entries, path)?;
                self.end()?;
                listed?;
            }
        }
        Ok(())
    }

    /// Shows what is no directory, counts that, and returns the directories: behind what is in one, a file would seem to be in it,
    /// too.
    fn show_files(&mut self, client: &mut Client, paths: Vec<RemotePath>, shown: &mut u64) -> Result<Vec<RemotePath>> {
        let mut directories = Vec::with_capacity(paths.len());
        for path in paths {
            match client.stat(&path) {
                Ok(entry) if entry.kind == Kind::Directory => directories.push(path),
                Ok(entry) => {
                    self.show_itself(&entry)?;
                    *shown += 1;
                }
                Err(Error::Remote(failure)) => self.fail(&failure),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(directories)
    }

    /// Reports whether directories are headed by their paths where there are several.
    fn has_heads(&self) -> bool {
        !self.is_of_itself && !matches!(self.style, Style::Objects)
    }

    fn fail(&mut self, failure: &Failure) {
        self.failed.count(failure);
        self.presentation.show_file(failure);
    }

    /// Names the directory whose entries follow.
    fn begin(&mut self, directory: &RemotePath) -> Result<()> {
        if matches!(self.style, Style::Objects) {
            return Ok(());
        }
        self.end()?;
        if self.has_begun {
            self.data.line("")?;
        }
        self.has_begun = true;
        self.data.line(&format!("{directory}:"))
    }

    fn show_sorted(&mut self, mut entries: Vec<Entry>, directory: &RemotePath) -> Result<()> {
        match self.sort {
            Some(SortBy::Name) => entries.sort_by(|one, other| one.path.as_str().cmp(other.path.as_str())),
            Some(SortBy::Size) => entries.sort_by_key(|entry| Reverse(entry.size)),
            Some(SortBy::Time) => {
                entries.sort_by_key(|entry| Reverse((entry.modified.seconds(), entry.modified.nanoseconds())));
            }
            None => {}
        }
        if self.is_reverse {
            entries.reverse();
        }
        entries.iter().try_for_each(|entry| self.show(entry, directory))
    }

    /// Shows what an operand names itself, by its whole path, which other commands take.
    fn show_itself(&mut self, entry: &Entry) -> Result<()> {
        self.show_as(entry, entry.path.as_str())
    }

    fn show(&mut self, entry: &Entry, directory: &RemotePath) -> Result<()> {
        let name = entry.path.relative_to(directory).filter(|name| !name.is_empty());
        self.show_as(entry, name.unwrap_or(entry.path.as_str()))
    }

    fn show_as(&mut self, entry: &Entry, name: &str) -> Result<()> {
        self.has_begun = true;
        let sign = if self.classifies { classifier(entry) } else { "" };
        let painted = || format!("{}{sign}", self.colors.paint(entry, name));
        match &mut self.style {
            Style::Objects => self.data.object(&json::entry(entry))?,
            Style::Names if self.colors.are_used() => self.data.bytes(format!("{}\n", painted()).as_bytes())?,
            Style::Names => self.data.line(&format!("{name}{sign}"))?,
            Style::Columns(columns) => {
                // All that is in the other columns is harmless, too.
                if let Some(batch) = columns.push(entry, painted()) {
                    self.data.bytes(batch.as_bytes())?;
                }
            }
        }
        if self.data.is_terminal() { self.data.flush() } else { Ok(()) }
    }

    fn end(&mut self) -> Result<()> {
        if let Style::Columns(columns) = &mut self.style {
            self.data.bytes(columns.take().as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.end()?;
        self.data.finish()
    }
}
