//! Sizes as people write them.

/// The units of sizes, in words.
const UNITS: &str = "K, M, G or T (times 1024; Ki and KiB are the same)";

/// Most digits behind the point of a size.
const FRACTION_DIGITS: usize = 9;

/// Parses a size in bytes: digits, then perhaps K, M, G or T (times 1024), `KiB` or `KB`. A size with a unit may have a fraction, such
/// as `1.5G`, of which whole bytes count.
///
/// # Errors
/// A sentence that says how sizes are written.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let is_fraction = |text: &&str| !text.is_empty() && text.len() <= FRACTION_DIGITS && !text.contains('.');
    let whole: u64 = whole
        .parse()
        .ok()
        .filter(|_| fraction.is_none_or(|text| is_fraction(&text)))
        .ok_or_else(|| format!("a size is a number of bytes, perhaps with {UNITS}, such as 8192, 64K or 1.5G"))?;
    let power = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KI" | "KIB" => 1,
        "M" | "MB" | "MI" | "MIB" => 2,
        "G" | "GB" | "GI" | "GIB" => 3,
        "T" | "TB" | "TI" | "TIB" => 4,
        _ => return Err(format!("{unit:?} is no unit: use {UNITS}")),
    };
    let bytes = 1_u64 << (10 * power);
    let part = match fraction {
        Some(_) if power == 0 => return Err("there are no parts of a byte: a fraction has a unit behind it".to_owned()),
        Some(text) => part_of(bytes, text),
        None => 0,
    };
    let whole = whole.checked_mul(bytes).and_then(|whole| whole.checked_add(part));
    whole.ok_or_else(|| "the size is too large".to_owned())
}

/// Returns the part of some bytes that the digits behind a point are, rounded down.
fn part_of(bytes: u64, digits: &str) -> u64 {
    // Nine digits and a terabyte are far from what 128 bits hold.
    let (parts, of) = digits
        .bytes()
        .fold((0_u128, 1_u128), |(parts, of), digit| (parts * 10 + u128::from(digit.saturating_sub(b'0')), of * 10));
    u64::try_from(u128::from(bytes) * parts / of).unwrap_or(bytes)
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
        for text in ["", "K", "-1", "1X", "99999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_with_a_unit_may_have_a_fraction() {
        for (text, bytes) in
            [("1.5G", 3 << 29), ("0.5k", 512), ("2.0MiB", 2 << 20), ("0.999999999K", 1023), ("1.10T", 1209462790553)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["1.5", "1.5B", "1.", "1.G", ".5G", ".", "1.5.5G", "1.x", "-1.5G", "1.0000000001G", "16777216.0T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
