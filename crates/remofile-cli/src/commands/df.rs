//! `remofile df`

use super::several::Several;
use super::{Context, paths};
use crate::args::Df;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::json::Object;
use crate::output::text::{harmless, human_size};
use crate::output::{Data, Presentation};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::DiskSpace;
use serde_json::json;

pub(super) fn run(df: &Df, context: Context) -> Result<Exit> {
    let paths = paths::all_from_root(&df.paths)?;
    let mut client = context.connect(&df.connection, None)?;
    let presentation = Presentation { json: df.connection.json };
    let (mut several, paths) = Several::expand(&mut client, paths, presentation)?;
    let (mut data, mut rows) = (Data::lock(), Vec::new());
    for path in &paths {
        let shown = client.disk_space(path).map_err(Failed::from).and_then(|space| match df.connection.json {
            true => data.object(&object(path, &space)).map(|()| true),
            false => {
                rows.push(row(df, path, &space));
                Ok(true)
            }
        });
        several.count(shown)?;
    }
    if !rows.is_empty() {
        data.text(&table(df, rows))?;
    }
    data.finish()?;
    Ok(several.exit())
}

fn object(path: &RemotePath, space: &DiskSpace) -> Object {
    let DiskSpace { size, used, free, files, free_files } = space;
    let path = path.as_str();
    Object::from(&json!({
        "path": path, "size": size, "used": used, "free": free, "files": files, "free_files": free_files,
    }))
}

type Row = [String; 5];

fn row(df: &Df, path: &RemotePath, space: &DiskSpace) -> Row {
    let shown = |number: u64| if df.human_readable { human_size(number) } else { number.to_string() };
    let path = harmless(path.as_str()).into_owned();
    let numbers = match (df.inodes, space.files, space.free_files) {
        (false, ..) => Some([space.size, space.used, space.free]),
        (true, Some(files), Some(free)) => Some([files, files.saturating_sub(free), free]),
        (true, ..) => None,
    };
    let Some([size, used, free]) = numbers else { return ["-", "-", "-", "-", &path].map(str::to_owned) };
    [shown(size), shown(used), shown(free), percent(used, free), path]
}

/// The part that is used of what can be, rounded up, as df has it.
fn percent(used: u64, free: u64) -> String {
    let (used, all) = (u128::from(used), u128::from(used) + u128::from(free));
    if all == 0 { "-".to_owned() } else { format!("{}%", (used * 100).div_ceil(all)) }
}

fn table(df: &Df, mut rows: Vec<Row>) -> String {
    let head = if df.inodes {
        ["Inodes", "IUsed", "IFree", "IUse%", "Path"]
    } else {
        ["Size", "Used", "Avail", "Use%", "Path"]
    };
    rows.insert(0, head.map(str::to_owned));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let [size, used, free, percent] = [width(0), width(1), width(2), width(3)];
    let line = |row: &Row| {
        format!("{:>size$}  {:>used$}  {:>free$}  {:>percent$}  {}\n", row[0], row[1], row[2], row[3], row[4])
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_used_is_rounded_up() {
        for (used, free, shown) in
            [(0, 10, "0%"), (1, 999, "1%"), (10, 0, "100%"), (0, 0, "-"), (u64::MAX, u64::MAX, "50%")]
        {
            assert_eq!(percent(used, free), shown);
        }
    }
}
