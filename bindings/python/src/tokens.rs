//! Tokens of a server with many users: those that the program itself keeps, and those in a file.

use crate::errors::errno;
use crate::secrets;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyError, PyOSError, PyPermissionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::store::PrivateFileError;
use remofile::tokens::{
    LiveTokens, TokenEntry, TokenName, TokenRights, TokenUsage, TokenUsages, Tokens, TokensError, TokensFile,
    TokensFileError, read_usages,
};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Name, rights, directory, end, quota, file size limit, rate, sessions, last use, bytes used; times in seconds since 1970.
type Row = (
    String,
    &'static str,
    String,
    Option<f64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<usize>,
    Option<f64>,
    Option<u64>,
);

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeTokens {
    place: Place,
}

/// The place that tokens are kept in.
pub(crate) enum Place {
    Memory(LiveTokens),
    File(TokensFile),
}

#[pymethods]
impl NativeTokens {
    /// The tokens of a file, which need not exist; without one those that this object keeps.
    #[new]
    fn new(path: Option<PathBuf>) -> PyResult<Self> {
        let place = match path {
            None => Place::Memory(LiveTokens::default()),
            Some(path) => Place::File(TokensFile::open(path).map_err(of_file)?),
        };
        Ok(Self { place })
    }

    /// Adds a token, which is generated if none is given, and returns it. With `replace` it takes the place of one of that name.
    fn add(
        &self,
        py: Python<'_>,
        name: &str,
        token: Option<&str>,
        replace: bool,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<String> {
        let (name, token) = (name_of(name)?, given_or_generated(token)?);
        let settings = settings_of(settings)?;
        py.detach(|| {
            let mut entry = TokenEntry::new(name, &token);
            settings.into_iter().for_each(|setting| setting.put_into(&mut entry));
            self.place.change(|tokens| match tokens.get(&entry.name) {
                Some(_) if replace => tokens.replace(entry).map(drop),
                _ => tokens.add(entry),
            })?;
            Ok(token.reveal().to_owned())
        })
        .map_err(of_file)
    }

    /// Changes settings of a token, and leaves the others.
    fn change(&self, py: Python<'_>, name: &str, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let (name, settings) = (name_of(name)?, settings_of(settings)?);
        let change = |tokens: &mut Tokens| {
            let mut entry = tokens.get(&name).cloned().ok_or_else(|| TokensError::Unknown(name.clone()))?;
            settings.into_iter().for_each(|setting| setting.put_into(&mut entry));
            tokens.replace(entry).map(drop)
        };
        py.detach(|| self.place.change(change)).map_err(of_file)
    }

    fn remove(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let name = name_of(name)?;
        py.detach(|| self.place.change(|tokens| tokens.remove(&name).map(drop))).map_err(of_file)
    }

    /// Puts a token in the place of the one of a name, and returns it. The former one is taken for `grace` seconds longer.
    fn rotate(&self, py: Python<'_>, name: &str, token: Option<&str>, grace: f64) -> PyResult<String> {
        let (name, token) = (name_of(name)?, given_or_generated(token)?);
        let grace = Duration::try_from_secs_f64(grace)
            .map_err(|_| PyValueError::new_err("grace must be a number of seconds, 0 or more"))?;
        py.detach(|| {
            self.place.change(|tokens| tokens.rotate_to(&name, &token, grace, SystemTime::now()))?;
            Ok(token.reveal().to_owned())
        })
        .map_err(of_file)
    }

    fn list(&self, py: Python<'_>) -> PyResult<Vec<Row>> {
        let list = || {
            let (tokens, usages) = self.place.read()?;
            Ok(tokens.iter().map(|entry| row(entry, usages.get(&entry.name).copied().unwrap_or_default())).collect())
        };
        py.detach(list).map_err(of_file)
    }
}

impl NativeTokens {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl Place {
    fn change(&self, change: impl FnOnce(&mut Tokens) -> Result<(), TokensError>) -> Result<(), TokensFileError> {
        match self {
            Self::Memory(tokens) => tokens.change(|tokens| {
                tokens.forget_superseded(SystemTime::now());
                change(tokens).map_err(TokensFileError::Change)
            }),
            Self::File(file) => file.change(change),
        }
    }

    fn read(&self) -> Result<(Tokens, TokenUsages), TokensFileError> {
        match self {
            Self::Memory(tokens) => Ok(((*tokens.snapshot()).clone(), tokens.usages())),
            Self::File(file) => match file.read() {
                // It is made with the first token.
                Err(TokensFileError::Missing(_)) => Ok((Tokens::new(), TokenUsages::new())),
                // What use was made of them is a help, nothing more.
                read => Ok((read?.tokens, read_usages(file).unwrap_or_default())),
            },
        }
    }
}

/// A setting of a token.
enum Setting {
    Rights(TokenRights),
    Below(RemotePath),
    Expires(Option<SystemTime>),
    Quota(Option<u64>),
    FileSizeLimit(Option<u64>),
    Bwlimit(Option<u64>),
    Sessions(Option<usize>),
}

impl Setting {
    fn put_into(self, entry: &mut TokenEntry) {
        match self {
            Self::Rights(rights) => entry.rights = rights,
            Self::Below(below) => entry.below = below,
            Self::Expires(expires) => entry.expires = expires,
            Self::Quota(quota) => entry.quota = quota,
            Self::FileSizeLimit(limit) => entry.file_size_limit = limit,
            Self::Bwlimit(rate) => entry.bwlimit = rate,
            Self::Sessions(sessions) => entry.sessions = sessions,
        }
    }
}

fn settings_of(given: &Bound<'_, PyDict>) -> PyResult<Vec<Setting>> {
    given.iter().map(|(name, value)| setting(&name.extract::<String>()?, &value)).collect()
}

fn setting(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Setting> {
    Ok(match name {
        "rights" => Setting::Rights(value.extract::<String>()?.parse().map_err(PyValueError::new_err::<String>)?),
        "below" => Setting::Below(below(&value.extract::<String>()?)?),
        "expires" => Setting::Expires(value.extract::<Option<f64>>()?.map(moment).transpose()?),
        "quota" => Setting::Quota(bound(name, value.extract()?)?),
        "file_size_limit" => Setting::FileSizeLimit(bound(name, value.extract()?)?),
        "bwlimit" => Setting::Bwlimit(bound(name, value.extract()?)?),
        "sessions" => {
            let sessions = bound(name, value.extract()?)?.map(usize::try_from).transpose();
            Setting::Sessions(sessions.map_err(|error| PyValueError::new_err(error.to_string()))?)
        }
        _ => return Err(PyTypeError::new_err(format!("a token has no setting {name:?}"))),
    })
}

fn below(path: &str) -> PyResult<RemotePath> {
    if !path.starts_with('/') {
        return Err(PyValueError::new_err("below must be a path from the root directory on, such as '/inbox'"));
    }
    RemotePath::parse(path).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn bound(name: &str, value: Option<i128>) -> PyResult<Option<u64>> {
    let number = |value: i128| u64::try_from(value).ok().filter(|&value| value > 0);
    let wrong = || PyValueError::new_err(format!("{name} must be 1 or more; None is no limit"));
    value.map(|value| number(value).ok_or_else(wrong)).transpose()
}

/// A moment that is not over, and that a file can say.
fn moment(seconds: f64) -> PyResult<SystemTime> {
    let time = Duration::try_from_secs_f64(seconds).ok().and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    match time.filter(|&time| remofile::tokens::show_time(time).is_some()) {
        Some(time) if time > SystemTime::now() => Ok(time),
        Some(_) => Err(PyValueError::new_err("expires is over already: say a time to come")),
        None => Err(PyValueError::new_err("expires is too far off: None is a token that does not end")),
    }
}

fn name_of(name: &str) -> PyResult<TokenName> {
    name.parse().map_err(|error: remofile::tokens::InvalidTokenName| PyValueError::new_err(error.to_string()))
}

fn given_or_generated(token: Option<&str>) -> PyResult<Token> {
    token.map_or_else(|| Ok(Token::generate()), secrets::token)
}

fn row(entry: &TokenEntry, usage: TokenUsage) -> Row {
    (
        entry.name.to_string(),
        entry.rights.name(),
        entry.below.to_string(),
        entry.expires.map(since_1970),
        entry.quota,
        entry.file_size_limit,
        entry.bwlimit,
        entry.sessions,
        usage.last_used.map(since_1970),
        usage.used,
    )
}

fn since_1970(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The exception for tokens that cannot be read or changed.
pub(crate) fn of_file(error: TokensFileError) -> PyErr {
    let message = error.to_string();
    match error {
        TokensFileError::Missing(path) => {
            let path = path.to_string_lossy().into_owned();
            PyFileNotFoundError::new_err((
                errno::NOENT,
                "there is no such tokens file: Tokens(path).add makes it",
                path,
            ))
        }
        TokensFileError::File { path, source } => {
            let path = path.to_string_lossy().into_owned();
            match source {
                PrivateFileError::System(source) => {
                    PyOSError::new_err((source.raw_os_error().unwrap_or(errno::IO), source.to_string(), path))
                }
                source @ (PrivateFileError::OpenToOthers | PrivateFileError::OfAnotherUser) => {
                    PyPermissionError::new_err((errno::ACCES, source.to_string(), path))
                }
                source => PyOSError::new_err((errno::IO, source.to_string(), path)),
            }
        }
        TokensFileError::Change(TokensError::Unknown(name)) => PyKeyError::new_err(name.to_string()),
        TokensFileError::Empty(_)
        | TokensFileError::BrokenOff { .. }
        | TokensFileError::Format { .. }
        | TokensFileError::Change(_) => PyValueError::new_err(message),
    }
}
