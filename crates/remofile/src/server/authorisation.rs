//! The one decision about what a principal may do, and every path that a request asks it about.
//!
//! Participants: a session asks about each request before it waits for its lease, and about the sources that come
//! behind it; the unpacker and the feed of its operations ask, as a [`Permit`], about each path of each item, and
//! of what they find. Protocol 1 and the gateway have the same [`Grant`]. Invariant: nothing else decides what is
//! allowed. A principal's directory is no matter of this file: its store ends there.

use super::leases::SOMEBODY;
use super::principal::{Grant, Right, Rights};
use crate::store::StoreResult;
use crate::transfer::{Access, Permit, target_of};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Holder, Request, Selected, ToSign};

impl Grant {
    /// Decides about a use of a path.
    ///
    /// # Errors
    /// `invalid-name`, `read-only`, or `permission-denied` with the right that is missing. None depends on what is
    /// there.
    pub(super) fn authorise(&self, access: Access, path: &RemotePath) -> Result<(), Failure> {
        if access.is_bound_by_name_rule() {
            path.check(self.names).map_err(|invalid| Failure::from(invalid).at(path))?;
        }
        let needed = match access {
            Access::Resume if self.is_blind() => rights_for(Access::Create),
            access => rights_for(access),
        };
        if self.is_read_only && needed.can_change() {
            return Err(Failure::new(ErrorCode::ReadOnly).at(path).because("the server lets nothing be changed"));
        }
        match self.principal.rights.first_missing(needed) {
            None => Ok(()),
            Some(right) => Err(self.denied(right).at(path)),
        }
    }

    /// Decides about all paths of a request.
    ///
    /// # Errors
    /// As [`Grant::authorise`] for the first that is refused.
    pub(super) fn authorise_request(&self, request: &Request) -> Result<(), Failure> {
        each_use(request, &mut |access, path| self.authorise(access, path))
    }

    /// Decides about sources that a client names one by one. What `unwanted` names needs no decision: it is among them.
    ///
    /// # Errors
    /// As [`Grant::authorise`] for the first that is refused.
    pub(super) fn authorise_sources(&self, sources: &[Selected]) -> Result<(), Failure> {
        sources.iter().try_for_each(|source| {
            // The name is that of an item, at the client's side.
            let Selected { path, name: _, known: _, as_link: _, parts: _ } = source;
            self.authorise(Access::Find, path)
        })
    }

    /// Puts a failure in words that tell no more than its holder may see. Whoever may not look learns of a name
    /// that is taken that it may not be replaced, whatever has it, and of what is no directory that there is none.
    pub(super) fn told(&self, failure: Failure) -> Failure {
        if !self.is_blind() {
            return failure;
        }
        let Failure { code, path, detail, rights, holders } = failure;
        // A link that leads out is refused for its own target, which comes from the client, with a word of what is wrong.
        let is_of_target = detail.is_some();
        match code {
            ErrorCode::AlreadyExists => Failure { path, ..self.denied(Right::Replace) },
            ErrorCode::NotADirectory | ErrorCode::NotAFile | ErrorCode::LinkLoop => {
                Failure { path, ..ErrorCode::NotFound.into() }
            }
            ErrorCode::OutsideRoot if !is_of_target => Failure { path, ..ErrorCode::NotFound.into() },
            _ => Failure { code, path, detail, rights, holders: holders.map(|holders| self.told_of(holders)) },
        }
    }

    /// Tells of those who are in the way no more than its holder may see: whoever may not look learns neither who they are nor
    /// at which path.
    pub(super) fn told_of(&self, mut holders: Vec<Holder>) -> Vec<Holder> {
        if self.is_blind() {
            holders.iter_mut().for_each(|holder| {
                let Holder { client, address, activity: _, held_milliseconds: _, path } = holder;
                (*client, *address, *path) = (SOMEBODY.to_owned(), String::new(), Some("/".to_owned()));
            });
        }
        holders
    }

    fn denied(&self, right: Right) -> Failure {
        let (name, right) = (&self.principal.name, right.name());
        let denied = Failure { rights: Some(self.principal.rights), ..ErrorCode::PermissionDenied.into() };
        denied.because(format_args!("the token {name:?} has no right to {right}"))
    }
}

impl Permit for Grant {
    fn permit(&self, access: Access, path: &RemotePath) -> StoreResult<()> {
        self.authorise(access, path)
    }

    fn is_blind(&self) -> bool {
        !self.principal.rights.has(Right::Read)
    }
}

const fn rights_for(access: Access) -> Rights {
    match access {
        Access::Read | Access::Find | Access::Resume => Rights::of(&[Right::Read]),
        Access::Create | Access::Announce | Access::Lead => Rights::of(&[Right::Create]),
        Access::Replace => Rights::of(&[Right::Create, Right::Replace]),
        Access::Change => Rights::of(&[Right::Replace]),
        Access::Remove => Rights::of(&[Right::Remove]),
    }
}

/// Gives every path that a request names to `each`, with the use that is made of it. Whatever names no path is about
/// the root directory, but for the status, which everybody may ask for.
///
/// All fields are named, so that a new request, or a new field of one, does not compile until it is decided here.
fn each_use(
    request: &Request,
    each: &mut dyn FnMut(Access, &RemotePath) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match request {
        Request::Status => Ok(()),
        Request::Stat { path }
        | Request::Look { path }
        | Request::Space { path }
        | Request::List { path, recursive: _, rules: _, targets: _, unflushed: _, extras: _ }
        | Request::Read { path, offset: _, length: _, version: _, credit: _, growing: _ } => each(Access::Read, path),
        Request::Find { sources, recursive: _, selection: _, digests: _, attributes: _ }
        | Request::Hash { sources, recursive: _, selection: _, algorithm: _ }
        | Request::Download { sources, recursive: _, total: _, credit: _, selection: _, send_options: _ } => {
            sources.iter().try_for_each(|source| each(Access::Find, source))
        }
        Request::Sign { files } => files.iter().try_for_each(|file| {
            let ToSign { path, block_bytes: _, seed: _, parts: _, undigested: _ } = file;
            each(Access::Find, path)
        }),
        Request::Survey { destination, names, unflushed: _ } => {
            each(Access::Resume, destination)?;
            each_name(Access::Resume, destination, names, each)
        }
        Request::Upload { destination, on_conflict, names, group: _, claims } => {
            each(Access::by_rule(*on_conflict), destination)?;
            each_name(Access::Announce, destination, names.as_deref().unwrap_or_default(), each)?;
            each_name(Access::Announce, destination, claims.as_deref().unwrap_or_default(), each)
        }
        Request::CreateFile { path, update } => each(Access::putting(*update), path),
        Request::MakeDirectory { path, update: _, parents: _ } => each(Access::Create, path),
        Request::Write { path, version: _, length: _, append: _, create } => {
            each(if *create { Access::Replace } else { Access::Change }, path)
        }
        Request::Stage { path, file: _, begin: _, replace, create: _, length: _, commit: _, version, discard: _ } => {
            each(Access::putting(*replace || version.is_some()), path)
        }
        // What it wrote itself.
        Request::ReadStaged { path, file: _, offset: _, length: _, credit: _ } => each(Access::Create, path),
        Request::Remove { path, recursive: _ } => each(Access::Remove, path),
        Request::Move { source, destination, replace } => {
            each(Access::Remove, source)?;
            each(Access::putting(*replace), destination)
        }
        // Below the source, everything is as readable as it is. What is made below the destination is asked about one by one, and
        // only what was made gets attributes.
        Request::Copy {
            source,
            destination,
            recursive: _,
            on_conflict,
            parents: _,
            attributes: _,
            as_they_are: _,
            devices: _,
        } => {
            each(Access::Find, source)?;
            each(Access::by_rule(*on_conflict), destination)
        }
        Request::MakeLink { path, target, replace } => {
            each(Access::putting(*replace), path)?;
            target_of(path, target).map_or(Ok(()), |led| each(Access::Lead, &led))
        }
        // Which of them are set makes no difference.
        Request::SetAttributes { path, mode: _, modified: _ } => each(Access::Change, path),
        Request::Partials => each(Access::Read, &RemotePath::root()),
        Request::ClearPartials { paths } if paths.is_empty() => each(Access::Remove, &RemotePath::root()),
        Request::ClearPartials { paths } => paths.iter().try_for_each(|path| each(Access::Remove, path)),
        // Each operation under it is asked about by itself.
        Request::Hold { write, paths } => {
            let access = if *write { Access::Create } else { Access::Read };
            match paths.is_empty() {
                true => each(access, &RemotePath::root()),
                false => paths.iter().try_for_each(|path| each(access, path)),
            }
        }
    }
}

/// Gives the paths of names in a directory.
fn each_name(
    access: Access,
    directory: &RemotePath,
    names: &[String],
    each: &mut dyn FnMut(Access, &RemotePath) -> Result<(), Failure>,
) -> Result<(), Failure> {
    names.iter().try_for_each(|name| {
        let path = directory.join(name).map_err(|invalid| Failure::from(invalid).at(name))?;
        each(access, &path)
    })
}

#[cfg(test)]
mod tests;
