//! Sizes in words.

use std::fmt;

/// A number of bytes as people read it.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let power = self.0.checked_ilog2().unwrap_or(0) as usize / 10;
        match power.checked_sub(1).and_then(|unit| units.get(unit)) {
            None => write!(f, "{} bytes", self.0),
            Some(unit) => write!(f, "{:.1} {unit}", self.0 as f64 / (1_u64 << (10 * power)) as f64),
        }
    }
}
