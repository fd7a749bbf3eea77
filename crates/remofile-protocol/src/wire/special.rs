//! Special files: those without content of their own.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A special file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// A named pipe.
    Pipe,
    /// The place of a socket, which nobody listens at when it is made.
    Socket,
    /// A device that is read and written by characters.
    Character(Device),
    /// A device that is read and written by blocks.
    Block(Device),
}

/// The number of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    /// Its driver.
    pub major: u32,
    /// The one among those of its driver.
    pub minor: u32,
}

impl<C> Encode<C> for Special {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        let (number, device) = match self {
            Self::Pipe => (0, Device { major: 0, minor: 0 }),
            Self::Socket => (1, Device { major: 0, minor: 0 }),
            Self::Character(device) => (2, *device),
            Self::Block(device) => (3, *device),
        };
        e.array(3)?.u8(number)?.u32(device.major)?.u32(device.minor)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Special {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(3) {
            return Err(decode::Error::message("a special file has three elements"));
        }
        let number = d.u8()?;
        let device = Device { major: d.u32()?, minor: d.u32()? };
        match number {
            0 => Ok(Self::Pipe),
            1 => Ok(Self::Socket),
            2 => Ok(Self::Character(device)),
            3 => Ok(Self::Block(device)),
            _ => Err(decode::Error::message("unknown special file")),
        }
    }
}
