//! The operands of a command that name a server: they tell it which one to ask, and become plain paths.

use crate::args::{Command, Connection, RemoteOperand, ServerName, SyncRemote, Which, is_token};
use crate::failed::{Failed, Result};
use std::path::{Path, PathBuf};

/// Takes the servers out of the operands of a command.
///
/// # Errors
/// [`Failed::Usage`] if an operand cannot be one, if they name several servers, or if something is to be copied that a command
/// does not copy.
pub(super) fn take_servers(command: &mut Command, is_profile: &dyn Fn(&str) -> bool) -> Result<()> {
    let mut operands = Operands { is_profile, server: None };
    match command {
        Command::List(list) => list.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::File(file) => operands.take_new(&mut file.name, &mut file.directory)?,
        Command::Directory(directory) => operands.take_new(&mut directory.name, &mut directory.directory)?,
        Command::Remove(remove) => remove.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Cat(cat) => cat.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Partials(partials) => partials.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Stat(stat) => stat.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Find(find) => find.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Du(du) => du.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Hash(hash) if !hash.local => hash.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Df(df) => df.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Status(status) => operands.take_server(&status.server)?,
        Command::Tree(tree) => operands.take_text(&mut tree.path)?,
        Command::Edit(edit) => operands.take_text(&mut edit.path)?,
        Command::Move(r#move) => r#move.paths.iter_mut().try_for_each(|path| operands.take_text(path))?,
        Command::Upload(upload) => {
            let has_destination = upload.paths.len() > 1 || upload.transfer.files_from.is_some();
            let (sources, destination) = split(&mut upload.paths, has_destination);
            operands.refuse(sources, "an upload has local sources: 'remofile download' fetches from a server")?;
            destination.iter_mut().try_for_each(|path| operands.take_path(path))?;
        }
        Command::Download(download) => {
            let has_destination = download.paths.len() > 1 || download.transfer.files_from.is_some();
            let (sources, destination) = split(&mut download.paths, has_destination);
            sources.iter_mut().try_for_each(|path| operands.take_path(path))?;
            operands.refuse(destination, "a download has a local destination: 'remofile upload' sends to a server")?;
        }
        Command::Sync(sync) => match &mut sync.which {
            Which::Local(local) => {
                let source = std::slice::from_ref(&local.source);
                operands
                    .refuse(source, "'sync local' has a local source: write 'sync remote' for the other way round")?;
                operands.take_path(&mut local.destination)?;
            }
            Which::Remote(remote) => operands.take_remote_side(remote)?,
        },
        _ => {}
    }
    match (operands.server, command.connection()) {
        (Some(server), Some(connection)) => choose(connection, server),
        _ => Ok(()),
    }
}

fn split(paths: &mut [PathBuf], has_destination: bool) -> (&mut [PathBuf], &mut [PathBuf]) {
    paths.split_at_mut(paths.len() - usize::from(has_destination && !paths.is_empty()))
}

/// Has a server asked that an operand names.
pub(super) fn choose(connection: &Connection, server: ServerName) -> Result<()> {
    let profile = match &server {
        ServerName::Default => None,
        ServerName::Profile(name) => Some(name),
        ServerName::Address(address) => address.profile.as_ref(),
    };
    if let Some((asked, named)) = connection.profile.as_ref().zip(profile).filter(|(asked, named)| asked != named) {
        return Err(Failed::usage(format!(
            "'--profile {asked}' and {server} name two servers: leave out one ({named:?})"
        )));
    }
    let has_address = matches!(server, ServerName::Address(_));
    if has_address && (connection.hostname.is_some() || connection.port.is_some()) {
        return Err(Failed::usage(format!("{server} has the server in it: leave out '--hostname' and '--port'")));
    }
    let _once = connection.server.set(server);
    Ok(())
}

/// The advice where both sides of a sync are at servers.
const BOTH_REMOTE: &str = "both directories are at a server, and a sync has a local side: 'remofile copy -r --on-conflict newer' copies \
                           what is new from one to the other";

struct Operands<'a> {
    is_profile: &'a dyn Fn(&str) -> bool,
    server: Option<ServerName>,
}

impl Operands<'_> {
    fn parse(&self, text: &str) -> Result<Option<RemoteOperand>> {
        RemoteOperand::parse(text, self.is_profile).map_err(Failed::usage)
    }

    fn take_text(&mut self, text: &mut String) -> Result<()> {
        if let Some(operand) = self.parse(text)? {
            self.note(operand.server)?;
            *text = operand.path;
        }
        Ok(())
    }

    /// A server alone.
    fn take_server(&mut self, server: &Option<String>) -> Result<()> {
        let Some(text) = server else { return Ok(()) };
        let meant = match self.parse(text)? {
            Some(operand) if operand.path == "/" => return self.note(operand.server),
            Some(_) => "'remofile df' and 'remofile stat' tell about a path".to_owned(),
            None if (self.is_profile)(text) => format!("the server of the profile is '{text}:'"),
            None if is_token(text) || text.contains('@') => {
                return Err(Failed::usage(
                    "this names no server: write 'NAME:' for that of a profile, or 'remofile://HOST'",
                ));
            }
            None => format!("write 'NAME:' for that of a profile, or 'remofile://{text}'"),
        };
        Err(Failed::usage(format!("{text} names no server: {meant}")))
    }

    fn take_path(&mut self, path: &mut PathBuf) -> Result<()> {
        let Some(mut text) = path.to_str().map(str::to_owned) else { return Ok(()) };
        self.take_text(&mut text)?;
        *path = text.into();
        Ok(())
    }

    /// A name in a directory, or a path alone.
    fn take_new(&mut self, name: &mut String, directory: &mut Option<String>) -> Result<()> {
        match directory {
            Some(directory) if self.parse(name)?.is_some() => Err(Failed::usage(format!(
                "{name} is a whole path, and {directory} would be the directory that it is made in: name one path at a time"
            ))),
            Some(directory) => self.take_text(directory),
            None => self.take_text(name),
        }
    }

    /// Either operand of a sync from a server may be the remote one.
    fn take_remote_side(&mut self, remote: &mut SyncRemote) -> Result<()> {
        let is_remote =
            |path: &Path| path.to_str().map_or(Ok(None), |text| self.parse(text)).map(|found| found.is_some());
        match (is_remote(&remote.source)?, is_remote(&remote.destination)?) {
            (true, true) => return Err(Failed::usage(BOTH_REMOTE)),
            (false, false) => return Ok(()),
            (true, false) => {}
            (false, true) => std::mem::swap(&mut remote.source, &mut remote.destination),
        }
        remote.remote_first = true;
        self.take_path(&mut remote.source)
    }

    fn refuse(&self, paths: &[PathBuf], why: &str) -> Result<()> {
        for text in paths.iter().filter_map(|path| path.to_str()) {
            if self.parse(text)?.is_some() {
                return Err(Failed::usage(format!("{text} is at a server, and {why} (a local file is './{text}')")));
            }
        }
        Ok(())
    }

    fn note(&mut self, server: ServerName) -> Result<()> {
        match &self.server {
            Some(noted) if *noted != server => Err(Failed::usage(format!(
                "one command talks to one server: these are {noted} and {server} ('remofile copy' copies between servers)"
            ))),
            _ => {
                self.server = Some(server);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::Parser;

    fn take(line: &str) -> Result<Command> {
        let mut command = Arguments::try_parse_from(line.split(' ')).unwrap().command;
        take_servers(&mut command, &|name| name == "nas").map(|()| command)
    }

    fn server(command: &Command) -> Option<String> {
        command.connection()?.server.get().map(ToString::to_string)
    }

    #[test]
    fn the_server_of_an_operand_is_asked_for_its_path() {
        for (line, expected) in [
            ("rmf list nas:/a", "nas:"),
            ("rmf remove :/a :/b", "the default server"),
            ("rmf move remofile://h/a remofile://h/b", "remofile://h"),
            ("rmf upload a b nas:/x", "nas:"),
            ("rmf download nas:/a nas:/b .", "nas:"),
            ("rmf download nas:/a", "nas:"),
            ("rmf sync local a nas:/b", "nas:"),
            ("rmf sync remote nas:/b a", "nas:"),
            ("rmf directory foo nas:/", "nas:"),
            ("rmf file nas:/foo", "nas:"),
        ] {
            assert_eq!(server(&take(line).unwrap()).as_deref(), Some(expected), "{line}");
        }
        assert_eq!(server(&take("rmf list /nas:/a").unwrap()), None);
        let Command::Upload(upload) = take("rmf upload ./nas:x a:b nas:x").unwrap() else { panic!("no upload") };
        assert_eq!(upload.paths, ["./nas:x", "a:b", "/x"].map(PathBuf::from));
        let Command::Sync(sync) = take("rmf sync remote --delete a nas:/b").unwrap() else { panic!("no sync") };
        let Which::Remote(remote) = sync.which else { panic!("not from the server") };
        assert!(remote.remote_first && remote.source == Path::new("/b") && remote.destination == Path::new("a"));
    }

    #[test]
    fn what_names_two_servers_or_the_wrong_side_is_refused() {
        for (line, part) in [
            ("rmf move nas:/a :/b", "one server"),
            ("rmf list nas:/a --profile work", "name two servers"),
            ("rmf list remofile://h/a --hostname x", "leave out '--hostname'"),
            ("rmf upload nas:/a /b", "has local sources"),
            ("rmf download /a nas:/b", "has a local destination"),
            ("rmf sync local nas:/a b", "'sync remote'"),
            ("rmf sync remote nas:/a :/b", "has a local side"),
            ("rmf list remofile://h:0/", "is no port"),
        ] {
            let message = take(line).unwrap_err().message();
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
