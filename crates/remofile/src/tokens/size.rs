//! Sizes as people write them.

/// The units of sizes, in words.
const UNITS: &str = "K, M, G or T (times 1024; Ki and KiB are the same)";

/// Parses a size in bytes: digits, then perhaps K, M, G or T (times 1024), `KiB` or `KB`.
///
/// # Errors
/// A sentence that says how sizes are written.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("a size is a number of bytes, perhaps with {UNITS}, such as 8192, 64K or 4G"))?;
    let power = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KI" | "KIB" => 1,
        "M" | "MB" | "MI" | "MIB" => 2,
        "G" | "GB" | "GI" | "GIB" => 3,
        "T" | "TB" | "TI" | "TIB" => 4,
        _ => return Err(format!("{unit:?} is no unit: use {UNITS}")),
    };
    number.checked_mul(1 << (10 * power)).ok_or_else(|| "the size is too large".to_owned())
}

/// Returns a size as [`parse_size`] takes it: `5G` rather than `5368709120`, and exact.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let units = [('T', 40), ('G', 30), ('M', 20), ('K', 10)];
    let fits = units.into_iter().find(|&(_, bits)| bytes > 0 && bytes.trailing_zeros() >= bits);
    fits.map_or_else(|| bytes.to_string(), |(unit, bits)| format!("{}{unit}", bytes >> bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_as_it_is_parsed() {
        for (bytes, shown) in [(0, "0"), (1, "1"), (1000, "1000"), (2048, "2K"), (5 << 30, "5G"), (3 << 42, "12T")] {
            assert_eq!(show_size(bytes), shown);
            assert_eq!(parse_size(shown), Ok(bytes));
        }
        assert_eq!(parse_size(&show_size(u64::MAX)), Ok(u64::MAX));
        for text in ["", "K", "-1", "1X", "1.5G", "99999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
