//! The real paths behind local paths with links.

use std::path::{Path, PathBuf};

/// Tells whether a local path leads to a directory.
#[must_use]
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// Tells whether a local path leads to a file of so many bytes at least.
#[must_use]
pub fn is_file_of(path: &Path, least_bytes: u64) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() >= least_bytes)
}

/// The path without links of what exists, or could be made where it is; `None` for anything else.
#[must_use]
pub fn real_path_to_be(local: &Path) -> Option<PathBuf> {
    // Only a path that exists has a canonical form: otherwise that of its parent is used.
    let beside = || {
        let parent = local.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(parent.canonicalize().ok()?.join(local.file_name()?))
    };
    local.canonicalize().ok().or_else(beside)
}

/// The path without links, of which only a beginning need exist: what does not exist leads nowhere else. `None` if it could
/// lead anywhere.
#[must_use]
pub fn real_path(path: &Path) -> Option<PathBuf> {
    let mut above = path;
    let mut below = Vec::new();
    loop {
        let here = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        if let Ok(mut real) = here.canonicalize() {
            real.extend(below.iter().rev());
            return Some(real);
        }
        below.push(above.file_name()?);
        above = above.parent()?;
    }
}
