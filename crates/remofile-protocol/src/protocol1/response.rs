//! The responses of protocol 1.

use super::{BadMessage, elements, integer, member, text};
use crate::pickle::{self, Enumeration, Value};
use std::borrow::Cow;
use std::collections::HashSet;

/// Values that a response may hold beyond one for each of its bytes.
const SPARE_VALUES: usize = 64;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseKind {
    /// The request was fulfilled, or a transfer has begun or goes on.
    Accepted = 1,
    /// The request was refused, as things are on the server.
    Refused = 2,
    /// The request makes no sense, or the server failed.
    Error = 3,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $kind:ident;)*) => {
        /// The reason of an answer, or its kind of data. The numbers are those on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl Reason {
            /// Every reason there is, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The only kind of response it comes with.
            #[must_use]
            pub fn kind(self) -> ResponseKind {
                match self { $(Self::$name => ResponseKind::$kind,)* }
            }

            fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// The files in a directory follow.
    FilesListed = 1, Accepted;
    /// A file is there now.
    FileCreated = 2, Accepted;
    /// A directory is there now.
    DirectoryCreated = 3, Accepted;
    /// The server does not admit the name.
    InvalidFileName = 4, Refused;
    /// There is no such file.
    FileNotFound = 5, Refused;
    /// The name is taken.
    FileAlreadyExists = 6, Refused;
    /// A file was needed.
    NotAFile = 7, Refused;
    /// An existing directory was needed.
    NotADirectory = 8, Refused;
    /// The size is zero, negative or beyond the server's limit.
    IncorrectFileSize = 9, Refused;
    /// The server wants larger or smaller chunks.
    IncorrectChunkSize = 10, Refused;
    /// A transfer has begun.
    TransferAccepted = 11, Accepted;
    /// A chunk of an upload has arrived, and more are wanted.
    ChunkReceived = 12, Accepted;
    /// A chunk of a download follows, but not the last one.
    ChunkSent = 13, Accepted;
    /// The transfer is at its end.
    TransferCompleted = 14, Accepted;
    /// The transfer was given up.
    TransferCancelled = 15, Accepted;
    /// The request makes no sense, or not now.
    BadRequest = 16, Error;
    /// The server failed; a text tells how.
    UnknownError = 17, Error;
}

/// A file or directory in a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedFile {
    /// Its name in the directory that was listed, unchecked.
    pub name: String,
    /// True if it is a directory.
    pub is_directory: bool,
    /// In bytes; 0 for a directory. At most `i64::MAX`: more is sent as that.
    pub size: u64,
    /// Seconds since 1970, a finite number.
    pub modified: f64,
}

/// A response of protocol 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Response<'a> {
    /// The files in the directory, in the server's order, each name once.
    FilesListed(Vec<ListedFile>),
    /// The file is there now.
    FileCreated,
    /// The directory is there now.
    DirectoryCreated,
    /// The file is gone: accepted, without a reason.
    ///
    /// The documentation leaves the answer unwritten, and none of the seventeen reasons says it. A new
    /// one could not be unpickled by those who do not know it, and any of the seventeen would say
    /// something that is not so.
    FileRemoved,
    /// The server does not admit the name.
    InvalidFileName,
    /// There is no such file.
    FileNotFound,
    /// The name is taken.
    FileAlreadyExists,
    /// A file was needed.
    NotAFile,
    /// An existing directory was needed.
    NotADirectory,
    /// The size is zero, negative or beyond the server's limit.
    IncorrectFileSize,
    /// The server wants larger or smaller chunks.
    IncorrectChunkSize,
    /// The transfer has begun.
    TransferAccepted {
        /// Of the file that will be downloaded, in bytes, at most `i64::MAX`; `None` for an upload. The
        /// prototype sends none for an empty file.
        file_size: Option<u64>,
    },
    /// The chunk has arrived, and more are wanted.
    ChunkReceived,
    /// The next bytes of a download, but not the last ones.
    ChunkSent(Cow<'a, [u8]>),
    /// The transfer is at its end.
    TransferCompleted {
        /// The last bytes of a download; `None` for an upload, and from the prototype where there are
        /// no bytes.
        data: Option<Cow<'a, [u8]>>,
    },
    /// The transfer was given up.
    TransferCancelled,
    /// The request makes no sense, or not now.
    BadRequest,
    /// The server failed, in its own words.
    UnknownError(String),
}

impl<'a> Response<'a> {
    /// Reads a response. Chunks are borrowed, except from a pickle of protocol 2. A pickle made
    /// for it may need a hundred times its length in memory, so bound the length of what you read.
    ///
    /// # Errors
    /// [`BadMessage`] if it is none, a reason is of the wrong kind, a size is negative, a time is not
    /// finite, or a name is listed twice.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BadMessage> {
        let message = pickle::read(bytes, bytes.len().saturating_add(SPARE_VALUES))?;
        let (kind, rest) = elements(&message)?;
        let kind = member(kind, Enumeration::Response)?;
        let Some((reason, payload)) = rest.split_first() else {
            return if kind == ResponseKind::Accepted as u8 { Ok(Self::FileRemoved) } else { Err(BadMessage::Shape) };
        };
        let reason = Reason::from_number(member(reason, Enumeration::Reason)?).ok_or(BadMessage::Shape)?;
        if reason.kind() as u8 != kind {
            return Err(BadMessage::Shape);
        }
        match payload {
            [] => Self::without_payload(reason),
            [payload] => Self::with_payload(reason, payload),
            _ => Err(BadMessage::Shape),
        }
    }

    /// The same, with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Response<'static> {
        let owned = |data: Cow<'a, [u8]>| Cow::Owned(data.into_owned());
        match self {
            Self::FilesListed(files) => Response::FilesListed(files),
            Self::FileCreated => Response::FileCreated,
            Self::DirectoryCreated => Response::DirectoryCreated,
            Self::FileRemoved => Response::FileRemoved,
            Self::InvalidFileName => Response::InvalidFileName,
            Self::FileNotFound => Response::FileNotFound,
            Self::FileAlreadyExists => Response::FileAlreadyExists,
            Self::NotAFile => Response::NotAFile,
            Self::NotADirectory => Response::NotADirectory,
            Self::IncorrectFileSize => Response::IncorrectFileSize,
            Self::IncorrectChunkSize => Response::IncorrectChunkSize,
            Self::TransferAccepted { file_size } => Response::TransferAccepted { file_size },
            Self::ChunkReceived => Response::ChunkReceived,
            Self::ChunkSent(data) => Response::ChunkSent(owned(data)),
            Self::TransferCompleted { data } => Response::TransferCompleted { data: data.map(owned) },
            Self::TransferCancelled => Response::TransferCancelled,
            Self::BadRequest => Response::BadRequest,
            Self::UnknownError(message) => Response::UnknownError(message),
        }
    }

    /// The response as a pickle of protocol 4.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut elements = vec![Value::Member(Enumeration::Response, self.kind() as u8)];
        elements.extend(self.reason().map(|reason| Value::Member(Enumeration::Reason, reason as u8)));
        elements.extend(self.payload());
        pickle::write(&Value::tuple(elements))
    }

    /// Reports whether the request was fulfilled.
    #[must_use]
    pub fn kind(&self) -> ResponseKind {
        self.reason().map_or(ResponseKind::Accepted, Reason::kind)
    }

    /// The reason it comes with; `None` for [`Response::FileRemoved`], which has none.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::FileRemoved => return None,
            Self::FilesListed(_) => Reason::FilesListed,
            Self::FileCreated => Reason::FileCreated,
            Self::DirectoryCreated => Reason::DirectoryCreated,
            Self::InvalidFileName => Reason::InvalidFileName,
            Self::FileNotFound => Reason::FileNotFound,
            Self::FileAlreadyExists => Reason::FileAlreadyExists,
            Self::NotAFile => Reason::NotAFile,
            Self::NotADirectory => Reason::NotADirectory,
            Self::IncorrectFileSize => Reason::IncorrectFileSize,
            Self::IncorrectChunkSize => Reason::IncorrectChunkSize,
            Self::TransferAccepted { .. } => Reason::TransferAccepted,
            Self::ChunkReceived => Reason::ChunkReceived,
            Self::ChunkSent(_) => Reason::ChunkSent,
            Self::TransferCompleted { .. } => Reason::TransferCompleted,
            Self::TransferCancelled => Reason::TransferCancelled,
            Self::BadRequest => Reason::BadRequest,
            Self::UnknownError(_) => Reason::UnknownError,
        })
    }

    pub(super) fn without_payload(reason: Reason) -> Result<Self, BadMessage> {
        Ok(match reason {
            Reason::FileCreated => Self::FileCreated,
            Reason::DirectoryCreated => Self::DirectoryCreated,
            Reason::InvalidFileName => Self::InvalidFileName,
            Reason::FileNotFound => Self::FileNotFound,
            Reason::FileAlreadyExists => Self::FileAlreadyExists,
            Reason::NotAFile => Self::NotAFile,
            Reason::NotADirectory => Self::NotADirectory,
            Reason::IncorrectFileSize => Self::IncorrectFileSize,
            Reason::IncorrectChunkSize => Self::IncorrectChunkSize,
            Reason::TransferAccepted => Self::TransferAccepted { file_size: None },
            Reason::ChunkReceived => Self::ChunkReceived,
            Reason::TransferCompleted => Self::TransferCompleted { data: None },
            Reason::TransferCancelled => Self::TransferCancelled,
            Reason::BadRequest => Self::BadRequest,
            Reason::FilesListed | Reason::ChunkSent | Reason::UnknownError => return Err(BadMessage::Shape),
        })
    }

    fn with_payload(reason: Reason, payload: &Value<'a>) -> Result<Self, BadMessage> {
        match reason {
            Reason::FilesListed => read_listing(payload).map(Self::FilesListed),
            Reason::TransferAccepted => Ok(Self::TransferAccepted { file_size: Some(read_size(payload)?) }),
            Reason::ChunkSent => payload.to_bytes().map(Self::ChunkSent).ok_or(BadMessage::Shape),
            Reason::TransferCompleted => {
                Ok(Self::TransferCompleted { data: Some(payload.to_bytes().ok_or(BadMessage::Shape)?) })
            }
            Reason::UnknownError => text(payload).map(Self::UnknownError),
            _ => Err(BadMessage::Shape),
        }
    }

    fn payload(&self) -> Option<Value<'_>> {
        match self {
            Self::FilesListed(files) => Some(listing(files)),
            Self::TransferAccepted { file_size } => file_size.map(size),
            Self::ChunkSent(data) => Some(Value::Bytes(data)),
            Self::TransferCompleted { data } => data.as_deref().map(Value::Bytes),
            Self::UnknownError(message) => Some(Value::Text(message)),
            _ => None,
        }
    }
}

fn listing(files: &[ListedFile]) -> Value<'_> {
    let entry = |file: &ListedFile| {
        Value::tuple([Value::Bool(file.is_directory), size(file.size), Value::Float(file.modified)])
    };
    Value::Dictionary(files.iter().map(|file| (&*file.name, entry(file))).collect())
}

/// No file system holds a file whose size does not fit.
fn size<'a>(bytes: u64) -> Value<'a> {
    Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX))
}

fn read_listing(value: &Value<'_>) -> Result<Vec<ListedFile>, BadMessage> {
    let Value::Dictionary(entries) = value else {
        return Err(BadMessage::Shape);
    };
    let mut names = HashSet::with_capacity(entries.len());
    let mut files = Vec::with_capacity(entries.len());
    for (name, properties) in entries {
        if !names.insert(*name) {
            return Err(BadMessage::Shape);
        }
        files.push(read_listed(name, properties)?);
    }
    Ok(files)
}

fn read_listed(name: &str, properties: &Value<'_>) -> Result<ListedFile, BadMessage> {
    let Value::Tuple(properties) = properties else {
        return Err(BadMessage::Shape);
    };
    let [Value::Bool(is_directory), size, modified] = &**properties else {
        return Err(BadMessage::Shape);
    };
    let modified = match modified {
        Value::Float(seconds) if seconds.is_finite() => *seconds,
        Value::Int(seconds) => *seconds as f64,
        _ => return Err(BadMessage::Shape),
    };
    Ok(ListedFile { name: name.to_owned(), is_directory: *is_directory, size: read_size(size)?, modified })
}

fn read_size(value: &Value<'_>) -> Result<u64, BadMessage> {
    u64::try_from(integer(value)?).map_err(|_| BadMessage::Shape)
}
