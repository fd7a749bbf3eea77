//! `remofile edit`

use super::cat::failed;
use super::making::{self, Making};
use super::{Context, paths};
use crate::args::Edit;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::text::shell_word;
use crate::output::{SoFar, Working, json};
use crate::{files, output, signals};
use indicatif::HumanBytes;
use remofile::protocol::digest::{Digest, Digester};
use remofile::protocol::handshake::Right;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind, Version};
use remofile::store::Scratch;
use remofile::{Client, Error, OpenOptions};
use signal_hook::consts::{SIGINT, SIGQUIT};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes copied at once.
const PIECE_BYTES: usize = 256 * 1024;

pub(super) fn run(edit: &Edit, context: Context) -> Result<Exit> {
    let path = paths::from_root(&edit.path)?;
    let options = context.telling_options(&edit.connection, None)?;
    let interrupt = options.interrupt.clone();
    let mut client = Client::connect(options)?;
    if edit.dry_run {
        return foretell(&mut client, &path, edit.connection.json);
    }
    let (_, name) = path.split().map_err(|_| Failed::usage("the root directory is no file"))?;
    let mut copy = Scratch::named(name.as_str()).map_err(Error::Local)?;
    let fetching = Working::begin(edit.connection.json, &format!("fetching {path}"));
    let before = fetch(&mut client, &path, &mut copy, &fetching.so_far())?;
    drop(fetching);
    if before.version.is_some() {
        // Now, not when everything is written.
        refuse_to_replace(&mut client, &path)?;
    }
    let place = copy.place(None).map_err(Error::Local)?.to_owned();
    let edited = run_editor(&place).and_then(|()| signals::interrupt_calls(interrupt));
    let digest = digest_of(&place).map_err(|source| Failed::file(&place, source));
    let is_all = digest.is_ok() && copy.is_alone();
    let is_unchanged = digest.as_ref().is_ok_and(|digest| *digest == before.digest);
    if edited.is_ok() && is_unchanged {
        output::note("nothing was changed");
        return Ok(Exit::Success);
    }
    let working = Working::begin(edit.connection.json, &format!("sending {path}"));
    let sent = edited
        .and(digest)
        .and_then(|_| send(&mut client, &path, &place, before.version, edit.force, &working.so_far()));
    drop(working);
    match sent {
        Ok(()) => Ok(Exit::Success),
        // An editor that crashed may have left what was not saved in a file of its own.
        Err(failed) if is_unchanged && is_all => Err(failed),
        Err(failed) => {
            let kept = copy.keep().map_err(Error::Local)?;
            let kept = kept.parent().filter(|_| !is_all).unwrap_or(&kept);
            output::note(&format!("what you edited is kept in {}", shell_word(&kept.display().to_string())));
            Err(failed)
        }
    }
}

/// Prints whether the file would be edited or created, or fails as the server would.
fn foretell(client: &mut Client, path: &RemotePath, is_json: bool) -> Result<Exit> {
    match client.stat(path) {
        Ok(entry) if entry.kind != Kind::File => Err(Error::Remote(Failure::new(ErrorCode::NotAFile).at(path)).into()),
        Ok(_) => {
            refuse_to_replace(client, path)?;
            output::data(&match is_json {
                true => format!("{}\n", json::would_make("edit", path)),
                false => format!("{path}\n"),
            })?;
            Ok(Exit::Success)
        }
        Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => {
            making::foretell(client, path, Making::File, false, is_json).map(|()| Exit::Success)
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses whoever has no right to replace a file.
fn refuse_to_replace(client: &mut Client, path: &RemotePath) -> Result<()> {
    Ok(client.refuse_without(&[Right::Create, Right::Replace], path)?)
}

/// The file as it was before it was edited.
struct Before {
    /// `None` if there was no file.
    version: Option<Version>,
    digest: Digest,
}

fn fetch(client: &mut Client, path: &RemotePath, copy: &mut Scratch, so_far: &SoFar) -> Result<Before> {
    let mut digester = Digester::new();
    let mut file = match client.open(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => {
            // Whether it can be there at all is told before it is written.
            client.open(path, OpenOptions::new().write(true).create_new(true))?.abort();
            return Ok(Before { version: None, digest: digester.finish() });
        }
        Err(error) => return Err(error.into()),
    };
    let size = file.size()?;
    let (mut piece, mut offset) = (vec![0; PIECE_BYTES], 0);
    loop {
        so_far.tell(moved(offset, size));
        let count = file.read(&mut piece).map_err(failed)?;
        if count == 0 {
            return Ok(Before { version: file.version(), digest: digester.finish() });
        }
        digester.update(&piece[..count]);
        copy.write_at(&piece[..count], offset).map_err(Error::Local)?;
        offset += count as u64;
    }
}

/// Runs the user's editor on a file, and waits for its end. Meanwhile an interrupt is for the editor.
fn run_editor(place: &Path) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"].iter().filter_map(|name| std::env::var(name).ok());
    let editor = editor.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    for signal in [SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(Failed::system("cannot leave signals to the editor"))?;
    }
    // As in other programs an editor may have arguments, and be anything that a shell understands.
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg(&editor).arg(place).status();
    let status = ended.map_err(Failed::system("cannot run the editor"))?;
    if status.success() {
        return Ok(());
    }
    let source = io::Error::other(format!("{editor}: {status} (choose an editor by $VISUAL or $EDITOR)"));
    Err(Failed::System { what: "the editor failed, and nothing was uploaded", source })
}

/// Puts the edited file in place of the remote one, if that is still what was edited; with `force` in place of whatever is
/// there.
fn send(
    client: &mut Client,
    path: &RemotePath,
    place: &Path,
    version: Option<Version>,
    force: bool,
    so_far: &SoFar,
) -> Result<()> {
    let options = match version {
        None if !force => OpenOptions::new().write(true).create_new(true),
        _ => OpenOptions::new().rewrite(),
    };
    let mut copy = files::open_to_read(place).map_err(|source| Failed::file(place, source))?;
    let mut file = client.open(path, options)?;
    let size = copy.metadata().map_err(|source| Failed::file(place, source))?.len();
    let (mut piece, mut sent) = (vec![0; PIECE_BYTES], 0);
    loop {
        so_far.tell(moved(sent, size));
        let count = copy.read(&mut piece).map_err(|source| Failed::file(place, source))?;
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count]).map_err(failed)?;
        sent += count as u64;
    }
    let closed = match version {
        Some(version) if !force => file.close_in_place_of(version),
        _ => file.close(),
    };
    Ok(closed.map_err(|error| told(error, path))?)
}

/// "1.2 MiB of 4.0 MiB"
fn moved(bytes: u64, of: u64) -> String {
    format!("{} of {}", HumanBytes(bytes), HumanBytes(of))
}

/// Explains the error of a file that has changed since it was edited.
fn told(error: Error, path: &RemotePath) -> Error {
    match error {
        Error::Remote(failure) if failure.code == ErrorCode::SourceChanged => {
            let changed = "somebody else changed it while you edited it: nothing was replaced; edit it again, or replace it with '--force'";
            Error::Remote(Failure::new(ErrorCode::SourceChanged).at(path).because(changed))
        }
        error => error,
    }
}

fn digest_of(place: &Path) -> io::Result<Digest> {
    let (mut file, mut digester, mut piece) = (files::open_to_read(place)?, Digester::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digester.finish()),
            count => digester.update(&piece[..count]),
        }
    }
}
