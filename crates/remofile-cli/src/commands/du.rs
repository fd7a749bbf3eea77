//! `remofile du`

use super::several::Several;
use super::{Context, paths, walk};
use crate::args::Du;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::text::{harmless, human_size};
use crate::output::{Data, Presentation};
use remofile::Client;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Kind};
use serde_json::json;

pub(super) fn run(du: &Du, context: Context) -> Result<Exit> {
    let paths = paths::all_from_root(&du.paths)?;
    let mut client = context.connect(&du.connection, None)?;
    let presentation = Presentation { json: du.connection.json };
    let (mut several, paths) = Several::expand(&mut client, paths, presentation)?;
    let mut sums = Sums { du, data: Data::lock(), presentation };
    for path in &paths {
        several.count(sums.count(&mut client, path))?;
    }
    sums.data.finish()?;
    Ok(several.exit())
}

struct Sums<'a> {
    du: &'a Du,
    data: Data,
    presentation: Presentation,
}

impl Sums<'_> {
    /// Prints the sums of what is at a path, and returns whether all could be seen. Directories come after what is in them,
    /// as du has it.
    fn count(&mut self, client: &mut Client, path: &RemotePath) -> Result<bool> {
        let presentation = self.presentation;
        let mut open: Vec<(RemotePath, u64)> = vec![(path.clone(), 0)];
        let complete = walk::below(client, path, presentation, &mut |entry| {
            while open.len() > 1 && open.last().is_some_and(|(top, _)| !is_in(entry, top)) {
                self.close(&mut open)?;
            }
            match entry.kind {
                Kind::Directory => open.push((entry.path.clone(), 0)),
                _ => open.iter_mut().next_back().into_iter().for_each(|(_, sum)| *sum += entry.size),
            }
            Ok(())
        })?;
        while !open.is_empty() {
            self.close(&mut open)?;
        }
        Ok(complete)
    }

    /// Prints the sum of the last directory, and adds it to that of the one above.
    fn close(&mut self, open: &mut Vec<(RemotePath, u64)>) -> Result<()> {
        let Some((path, sum)) = open.pop() else { return Ok(()) };
        if let Some((_, above)) = open.last_mut() {
            *above += sum;
        }
        if self.du.summarize && !open.is_empty() {
            return Ok(());
        }
        if self.du.connection.json {
            return self.data.text(&format!("{}\n", json!({ "path": path.as_str(), "size": sum })));
        }
        let shown = if self.du.human_readable { human_size(sum) } else { sum.to_string() };
        self.data.text(&format!("{shown}\t{}\n", harmless(path.as_str())))
    }
}

fn is_in(entry: &Entry, directory: &RemotePath) -> bool {
    entry.path.relative_to(directory).is_some()
}
