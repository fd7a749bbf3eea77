//! The elements of drafts and plans as they are packed.

use super::AttributeChange;
use super::draft::{Arrival, Extraneous};
use super::step::{Action, Changed, Reason, Rename, SpecialFile, Step, Touch};
use crate::packed::{Pack, Reader, Writer};
use remofile_protocol::wire::{Device, Kind, Special};

const KINDS: [Kind; 4] = [Kind::File, Kind::Directory, Kind::Link, Kind::Special];

impl Pack for Step {
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>) {
        writer.text(before.map_or("", |before| &before.path), &self.path);
        write_action(&self.action, &self.path, writer);
    }

    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self> {
        let path: Box<str> = reader.text(before.map_or("", |before| &before.path))?.into();
        let action = read_action(&path, reader)?;
        Some(Self { path, action })
    }
}

impl Pack for Extraneous {
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>) {
        writer.text(before.map_or("", |before| &before.path), &self.path);
        writer.byte(number_of(&KINDS, self.kind) << 1 | u8::from(self.unflushed));
        writer.number(self.size);
        writer.time(before.map(|before| before.modified), self.modified);
    }

    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self> {
        let path = reader.text(before.map_or("", |before| &before.path))?.into();
        let byte = reader.byte()?;
        let kind = *KINDS.get(usize::from(byte >> 1))?;
        let (size, unflushed) = (reader.number()?, byte & 1 == 1);
        let modified = reader.time(before.map(|before| before.modified))?;
        Some(Self { path, kind, size, modified, unflushed })
    }
}

impl Pack for Arrival {
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>) {
        // Their steps rise.
        writer.number(self.step.saturating_sub(before.map_or(0, |before| before.step)) as u64);
        writer.number(self.size);
        writer.time(before.map(|before| before.modified), self.modified);
        writer.optional(self.mode);
    }

    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self> {
        let step = before.map_or(0, |before| before.step) + reader.size()?;
        let size = reader.number()?;
        let modified = reader.time(before.map(|before| before.modified))?;
        Some(Self { step, size, modified, mode: reader.optional()? })
    }
}

fn number_of<T: PartialEq + Copy>(all: &[T], one: T) -> u8 {
    all.iter().position(|other| *other == one).and_then(|at| at.try_into().ok()).unwrap_or(u8::MAX)
}

fn write_action(action: &Action, path: &str, writer: &mut Writer<'_>) {
    match action {
        Action::MakeDirectory { mode } => {
            writer.byte(0);
            writer.optional(*mode);
        }
        Action::Create { size } => {
            writer.byte(1);
            writer.number(*size);
        }
        Action::Update { size, old_size, delta, why: Changed { content, size: other_size, time, mode } } => {
            writer.byte(2);
            writer.number(*size);
            writer.number(*old_size);
            let flags = [*delta, *content, *other_size, *time, *mode];
            writer.byte(flags.iter().fold(0, |byte, flag| byte << 1 | u8::from(*flag)));
        }
        Action::Link { target, replaces } => {
            writer.byte(if *replaces { 4 } else { 3 });
            writer.text(path, target);
        }
        Action::HardLink { of, replaces } => {
            writer.byte(if *replaces { 6 } else { 5 });
            writer.text(path, of);
        }
        Action::Special { file, replaces } => {
            writer.byte(if *replaces { 8 } else { 7 });
            write_special(file, writer);
        }
        Action::Rename(rename) => {
            writer.byte(9);
            writer.text(path, &rename.from);
            writer.number(rename.size);
            writer.time(None, rename.modified);
            writer.optional(rename.mode);
        }
        Action::Touch(touch) => {
            writer.byte(10);
            writer.byte(u8::from(touch.directory) << 1 | u8::from(touch.modified.is_some()));
            touch.modified.iter().for_each(|modified| writer.time(None, *modified));
            writer.optional(touch.mode);
        }
        Action::Clear { kind } => {
            writer.byte(11);
            writer.byte(number_of(&KINDS, *kind));
        }
        Action::Delete { kind, size } => {
            writer.byte(12);
            writer.byte(number_of(&KINDS, *kind));
            writer.number(*size);
        }
        Action::Skip { reason } => {
            writer.byte(13);
            writer.byte(number_of(&Reason::ALL, *reason));
        }
        Action::Attributes(AttributeChange { kind, time, mode, owner, group, acl, extended }) => {
            writer.byte(14);
            writer.byte(number_of(&KINDS, *kind));
            let flags = [*time, *mode, *owner, *group, *acl, *extended];
            writer.byte(flags.iter().fold(0, |byte, flag| byte << 1 | u8::from(*flag)));
        }
    }
}

fn read_action(path: &str, reader: &mut Reader<'_>) -> Option<Action> {
    let kind = |reader: &mut Reader<'_>| KINDS.get(usize::from(reader.byte()?)).copied();
    Some(match reader.byte()? {
        0 => Action::MakeDirectory { mode: reader.optional()? },
        1 => Action::Create { size: reader.number()? },
        2 => {
            let (size, old_size, flags) = (reader.number()?, reader.number()?, reader.byte()?);
            let flag = |bit: u8| flags >> bit & 1 == 1;
            let why = Changed { content: flag(3), size: flag(2), time: flag(1), mode: flag(0) };
            Action::Update { size, old_size, delta: flag(4), why }
        }
        number @ (3 | 4) => Action::Link { target: reader.text(path)?.into(), replaces: number == 4 },
        number @ (5 | 6) => Action::HardLink { of: reader.text(path)?.into(), replaces: number == 6 },
        number @ (7 | 8) => Action::Special { file: Box::new(read_special(reader)?), replaces: number == 8 },
        9 => {
            let (from, size) = (reader.text(path)?.into(), reader.number()?);
            let modified = reader.time(None)?;
            Action::Rename(Box::new(Rename { from, size, modified, mode: reader.optional()? }))
        }
        10 => {
            let flags = reader.byte()?;
            let modified = if flags & 1 == 1 { Some(reader.time(None)?) } else { None };
            Action::Touch(Box::new(Touch { modified, mode: reader.optional()?, directory: flags & 2 == 2 }))
        }
        11 => Action::Clear { kind: kind(reader)? },
        12 => Action::Delete { kind: kind(reader)?, size: reader.number()? },
        13 => Action::Skip { reason: *Reason::ALL.get(usize::from(reader.byte()?))? },
        14 => {
            let (kind, flags) = (kind(reader)?, reader.byte()?);
            let flag = |bit: u8| flags >> bit & 1 == 1;
            let (time, mode, owner, group, acl, extended) = (flag(5), flag(4), flag(3), flag(2), flag(1), flag(0));
            Action::Attributes(AttributeChange { kind, time, mode, owner, group, acl, extended })
        }
        _ => return None,
    })
}

fn write_special(file: &SpecialFile, writer: &mut Writer<'_>) {
    let (number, device) = match file.special {
        Special::Pipe => (0, None),
        Special::Socket => (1, None),
        Special::Character(device) => (2, Some(device)),
        Special::Block(device) => (3, Some(device)),
    };
    writer.byte(number);
    if let Some(Device { major, minor }) = device {
        writer.number(major.into());
        writer.number(minor.into());
    }
    writer.time(None, file.modified);
    writer.optional(file.mode);
}

fn read_special(reader: &mut Reader<'_>) -> Option<SpecialFile> {
    let device = |reader: &mut Reader<'_>| {
        let (major, minor) = (reader.number()?.try_into().ok()?, reader.number()?.try_into().ok()?);
        Some(Device { major, minor })
    };
    let special = match reader.byte()? {
        0 => Special::Pipe,
        1 => Special::Socket,
        2 => Special::Character(device(reader)?),
        3 => Special::Block(device(reader)?),
        _ => return None,
    };
    let modified = reader.time(None)?;
    Some(SpecialFile { special, modified, mode: reader.optional()? })
}
