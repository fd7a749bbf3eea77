//! The requests of protocol 1.

use super::{BadMessage, Directory, elements, integer, member, text};
use crate::limits::MAX_PATH_BYTES;
use crate::pickle::{self, Enumeration, Value};
use std::borrow::Cow;

/// Most values in a request. The longest is a path of [`MAX_PATH_BYTES`] in parts of one letter, each of
/// which takes a place on the stack and one in the memo.
const MAX_VALUES: usize = MAX_PATH_BYTES + 64;

/// The number of the request that carries a chunk.
const SEND_CHUNK: u8 = 5;

/// A request of protocol 1. Names, directories and sizes are as the client sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// List the files in a directory. Answered with [`super::Response::FilesListed`].
    ListFiles {
        /// The directory to list.
        directory: Directory,
    },
    /// Create an empty file. Answered with [`super::Response::FileCreated`].
    CreateFile {
        /// Of the new file.
        name: String,
        /// The directory that it is to be in.
        directory: Directory,
    },
    /// Create a directory. Answered with [`super::Response::DirectoryCreated`].
    MakeDirectory {
        /// Of the new directory.
        name: String,
        /// The directory that it is to be in.
        directory: Directory,
    },
    /// Begin to send a file. Answered with [`super::Response::TransferAccepted`] without a size.
    UploadFile {
        /// Of the new file.
        name: String,
        /// The directory that it is to be in.
        directory: Directory,
        /// In bytes. Any number: what is not allowed has a refusal of its own.
        file_size: i64,
        /// Of every chunk but the last, in bytes. Any number.
        chunk_size: i64,
    },
    /// The next bytes of an upload. Answered with [`super::Response::ChunkReceived`], or, at its end,
    /// with [`super::Response::TransferCompleted`] without bytes.
    SendChunk {
        /// Any number of bytes, none included.
        data: Cow<'a, [u8]>,
    },
    /// Begin to receive a file. Answered with [`super::Response::TransferAccepted`] with its size.
    DownloadFile {
        /// Of the file.
        name: String,
        /// The directory that it is in.
        directory: Directory,
        /// Of every chunk but the last, in bytes. Any number.
        chunk_size: i64,
    },
    /// Ask for the next bytes of a download. Answered with [`super::Response::ChunkSent`], or, at its
    /// end, with [`super::Response::TransferCompleted`] with the last bytes.
    ReceiveChunk,
    /// Give up a transfer. Answered with [`super::Response::TransferCancelled`].
    CancelTransfer,
    /// Remove a file or directory. Answered with [`super::Response::FileRemoved`].
    ///
    /// The documentation leaves it unwritten, and the prototype never sends it: it has the elements of
    /// the other requests that are about one name.
    RemoveFile {
        /// Of the file.
        name: String,
        /// The directory that it is in.
        directory: Directory,
    },
}

impl<'a> Request<'a> {
    /// Reads a request. A chunk is borrowed, except from a pickle of protocol 2. Whatever `bytes` hold,
    /// memory of at most two megabytes and a few times their length is needed.
    ///
    /// # Errors
    /// [`BadMessage`] if it is none: a server answers with [`super::Response::BadRequest`]. So it is, too, if a
    /// size is no integer of 64 bits.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BadMessage> {
        let message = pickle::read(bytes, MAX_VALUES)?;
        let (kind, rest) = elements(&message)?;
        match (member(kind, Enumeration::Request)?, rest) {
            (1, [directory]) => Ok(Self::ListFiles { directory: Directory::read(directory)? }),
            (2, [name, directory]) => {
                Ok(Self::CreateFile { name: text(name)?, directory: Directory::read(directory)? })
            }
            (3, [name, directory]) => {
                Ok(Self::MakeDirectory { name: text(name)?, directory: Directory::read(directory)? })
            }
            (4, [name, directory, file_size, chunk_size]) => Ok(Self::UploadFile {
                name: text(name)?,
                directory: Directory::read(directory)?,
                file_size: integer(file_size)?,
                chunk_size: integer(chunk_size)?,
            }),
            (SEND_CHUNK, [data]) => Ok(Self::SendChunk { data: data.to_bytes().ok_or(BadMessage::Shape)? }),
            (6, [name, directory, chunk_size]) => Ok(Self::DownloadFile {
                name: text(name)?,
                directory: Directory::read(directory)?,
                chunk_size: integer(chunk_size)?,
            }),
            (7, []) => Ok(Self::ReceiveChunk),
            (8, []) => Ok(Self::CancelTransfer),
            (9, [name, directory]) => {
                Ok(Self::RemoveFile { name: text(name)?, directory: Directory::read(directory)? })
            }
            _ => Err(BadMessage::Shape),
        }
    }

    /// Reports whether bytes that are no request were to be the next chunk of an upload: a tuple that begins as one does.
    #[must_use]
    pub fn means_chunk(bytes: &[u8]) -> bool {
        let is_chunk = |kind: &Value<'_>| member(kind, Enumeration::Request) == Ok(SEND_CHUNK);
        match pickle::read(bytes, MAX_VALUES) {
            Ok(message) => elements(&message).is_ok_and(|(kind, _)| is_chunk(kind)),
            Err(_) => pickle::beginning(bytes, MAX_VALUES).as_ref().is_some_and(is_chunk),
        }
    }

    /// The request as a pickle of protocol 4. Directories are written as texts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut elements = vec![Value::Member(Enumeration::Request, self.number())];
        match self {
            Self::ListFiles { directory } => elements.push(directory.to_value()),
            Self::CreateFile { name, directory }
            | Self::MakeDirectory { name, directory }
            | Self::RemoveFile { name, directory } => elements.extend([Value::Text(name), directory.to_value()]),
            Self::UploadFile { name, directory, file_size, chunk_size } => {
                elements.extend([Value::Text(name), directory.to_value()]);
                elements.extend([Value::Int(*file_size), Value::Int(*chunk_size)]);
            }
            Self::SendChunk { data } => elements.push(Value::Bytes(data)),
            Self::DownloadFile { name, directory, chunk_size } => {
                elements.extend([Value::Text(name), directory.to_value(), Value::Int(*chunk_size)]);
            }
            Self::ReceiveChunk | Self::CancelTransfer => {}
        }
        pickle::write(&Value::tuple(elements))
    }

    fn number(&self) -> u8 {
        match self {
            Self::ListFiles { .. } => 1,
            Self::CreateFile { .. } => 2,
            Self::MakeDirectory { .. } => 3,
            Self::UploadFile { .. } => 4,
            Self::SendChunk { .. } => SEND_CHUNK,
            Self::DownloadFile { .. } => 6,
            Self::ReceiveChunk => 7,
            Self::CancelTransfer => 8,
            Self::RemoveFile { .. } => 9,
        }
    }
}
