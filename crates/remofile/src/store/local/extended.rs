//! Extended attributes of open files and directories, access control lists among them.

#[cfg(target_os = "linux")]
use crate::store::system;
use remofile_protocol::wire::ExtendedAttribute;
use rustix::fd::AsFd;
use rustix::io::Errno;

/// Room for names and for a value that is tried first. Most files have no more.
#[cfg(target_os = "linux")]
const FIRST_BYTES: usize = 512;

/// The most that a system gives: names, or one value.
#[cfg(target_os = "linux")]
const MOST_BYTES: usize = 64 * 1024;

/// The beginning of the names that are this program's own and never transferred.
pub(super) const OWN: &str = "user.remofile.";

/// Returns the extended attributes that are transferred, in the order of their names. A file system without any has none.
#[cfg(target_os = "linux")]
pub(super) fn read(file: impl AsFd + Copy) -> Result<Vec<ExtendedAttribute>, Errno> {
    let names = match in_room(|room| system::flistxattr(file, room)) {
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        names => names?,
    };
    let mut all = Vec::new();
    for name in names.split(|&byte| byte == 0) {
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| is_transferred(name)) else { continue };
        match get(file, name) {
            Ok(Some(value)) => all.push(ExtendedAttribute { name: name.to_owned(), value }),
            // Removed meanwhile, or not for this user.
            Ok(None) | Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_file: impl AsFd + Copy) -> Result<Vec<ExtendedAttribute>, Errno> {
    Ok(Vec::new())
}

/// Returns the value of an extended attribute; `None` if there is none of that name.
#[cfg(target_os = "linux")]
pub(super) fn get(file: impl AsFd + Copy, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    match in_room(|room| system::fgetxattr(file, name, room)) {
        Err(Errno::NODATA) => Ok(None),
        value => value.map(Some),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn get(_file: impl AsFd + Copy, _name: &str) -> Result<Option<Vec<u8>>, Errno> {
    Ok(None)
}

/// Sets an extended attribute; without a value it is removed.
#[cfg(target_os = "linux")]
pub(super) fn set(file: impl AsFd + Copy, name: &str, value: Option<&[u8]>) -> Result<(), Errno> {
    match value {
        Some(value) => system::fsetxattr(file, name, value),
        None => match system::fremovexattr(file, name) {
            Err(Errno::NODATA) => Ok(()),
            removed => removed,
        },
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn set(_file: impl AsFd + Copy, _name: &str, _value: Option<&[u8]>) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Reports whether an extended attribute is transferred: those of users, of administrators, capabilities and labels, and access
/// control lists. What else a system shows is made of other attributes, or means nothing elsewhere.
pub(super) fn is_transferred(name: &str) -> bool {
    let is_list = matches!(name, "system.posix_acl_access" | "system.posix_acl_default");
    let is_of_space = ["user.", "trusted.", "security."].iter().any(|space| name.starts_with(space));
    (is_list || is_of_space) && !name.starts_with(OWN)
}

/// Reports whether an error means that the user, or the file system, cannot have an extended attribute.
pub(super) fn is_refused(errno: Errno) -> bool {
    use Errno as E;
    matches!(errno, E::PERM | E::ACCESS | E::OPNOTSUPP | E::INVAL | E::RANGE | E::TOOBIG | E::NOSPC | E::DQUOT)
}

#[cfg(target_os = "linux")]
fn in_room(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; FIRST_BYTES];
    let count = match read(&mut bytes) {
        Err(Errno::RANGE) => {
            bytes.resize(MOST_BYTES, 0);
            read(&mut bytes)?
        }
        count => count?,
    };
    bytes.truncate(count);
    Ok(bytes)
}
