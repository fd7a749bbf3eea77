//! `remofile tree`

use super::{Context, paths, walk};
use crate::args::Tree;
use crate::exit::Exit;
use crate::failed::Result;
use crate::output::text::harmless;
use crate::output::{Data, Presentation, json};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Kind};

pub(super) fn run(tree: &Tree, context: Context) -> Result<Exit> {
    let root = paths::from_root(&tree.path)?;
    let mut client = context.connect(&tree.connection, None)?;
    let mut data = Data::lock();
    let presentation = Presentation { json: tree.connection.json };
    let mut drawing = Drawing::new(&root, tree);
    let is_complete = walk::below(&mut client, &root, presentation, &mut |entry| {
        if !drawing.shows(entry) {
            return Ok(());
        }
        if tree.connection.json { data.object(&json::entry(entry)) } else { drawing.add(entry, &mut data) }
    })?;
    if !tree.connection.json {
        drawing.end(&mut data)?;
    }
    data.finish()?;
    Ok(if is_complete { Exit::Success } else { Exit::SomeFailed })
}

/// Draws a tree while it is walked: an entry is drawn once it is known whether another one of its directory follows, and so
/// what is below it is held back with it.
struct Drawing<'a> {
    root: &'a RemotePath,
    tree: &'a Tree,
    /// Depth and name of the entries that are not drawn yet.
    held: Vec<(usize, String)>,
    directories: u64,
    files: u64,
}

impl<'a> Drawing<'a> {
    fn new(root: &'a RemotePath, tree: &'a Tree) -> Self {
        Self { root, tree, held: Vec::new(), directories: 0, files: 0 }
    }

    fn depth(&self, entry: &Entry) -> usize {
        entry.path.names().count() - self.root.names().count()
    }

    fn shows(&self, entry: &Entry) -> bool {
        let is_near = self.tree.level.is_none_or(|level| self.depth(entry) <= usize::from(level));
        is_near && (!self.tree.directories || entry.kind == Kind::Directory)
    }

    fn add(&mut self, entry: &Entry, data: &mut Data) -> Result<()> {
        if entry.kind == Kind::Directory {
            self.directories += 1;
        } else {
            self.files += 1;
        }
        let depth = self.depth(entry);
        let name = entry.path.names().last().unwrap_or("/");
        self.held.push((depth, harmless(name).into_owned()));
        // At the top another one follows: all before is certain.
        if depth == 1 && self.held.len() > 1 {
            let next = self.held.pop();
            self.draw(data, false)?;
            self.held.extend(next);
        }
        Ok(())
    }

    /// Draws an entry of the top and what is below it.
    fn draw(&mut self, data: &mut Data, is_last: bool) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        // The depths at which another entry follows, from the end on.
        let mut follows: Vec<bool> = vec![!is_last];
        let mut lines = Vec::with_capacity(held.len());
        for (depth, name) in held.into_iter().rev() {
            follows.resize(depth.max(1), false);
            let bars: String = follows[..depth.saturating_sub(1)]
                .iter()
                .map(|goes_on| if *goes_on { "│   " } else { "    " })
                .collect();
            let branch = if follows.last() == Some(&true) { "├── " } else { "└── " };
            lines.push(format!("{bars}{branch}{name}\n"));
            if let Some(last) = follows.last_mut() {
                *last = true;
            }
        }
        lines.iter().rev().try_for_each(|line| data.text(line))
    }

    fn end(&mut self, data: &mut Data) -> Result<()> {
        if !self.held.is_empty() {
            self.draw(data, true)?;
        }
        let (directories, files) = (self.directories, self.files);
        let directories_are = if directories == 1 { "directory" } else { "directories" };
        let files_are = if files == 1 { "file" } else { "files" };
        data.text(&format!("\n{directories} {directories_are}, {files} {files_are}\n"))
    }
}
