//! Values with a notation of their own: sizes and permissions.

/// A size in bytes, at least 1: digits, then perhaps K, M, G or T (times 1024), `KiB` or `KB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "a size is a number of bytes, such as 8192, 64K or 4G".to_owned())?;
    let power = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 1,
        "M" | "MB" | "MIB" => 2,
        "G" | "GB" | "GIB" => 3,
        "T" | "TB" | "TIB" => 4,
        _ => return Err(format!("{unit:?} is no unit: use K, M, G or T")),
    };
    match number.checked_mul(1 << (10 * power)) {
        None => Err("the size is too large".to_owned()),
        Some(0) => Err("a size is at least 1".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// A size that fits into 32 bits.
pub(crate) fn size_u32(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| "the size is too large: at most 4294967295".to_owned())
}

/// Permissions of files: readable and writable by the user, never executable.
pub(crate) fn file_mode(text: &str) -> Result<u32, String> {
    let mode = octal(text)?;
    if mode & 0o111 != 0 {
        return Err("files are never executable: use a mode such as 644, 640 or 600".to_owned());
    }
    if mode & 0o600 != 0o600 {
        return Err("the user must be able to read and write: use a mode such as 644, 640 or 600".to_owned());
    }
    Ok(mode)
}

/// Permissions of directories: the user may do everything.
pub(crate) fn directory_mode(text: &str) -> Result<u32, String> {
    let mode = octal(text)?;
    if mode & 0o700 != 0o700 {
        return Err("the user must have all rights: use a mode such as 755, 750 or 700".to_owned());
    }
    Ok(mode)
}

fn octal(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("permissions are octal, 0 to 777".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_binary_suffixes() {
        for (text, bytes) in
            [("1", 1), ("512", 512), ("8k", 8192), ("4G", 1 << 32), ("2MiB", 2 << 20), ("1TB", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0K", "-1", "K", "1X", "1.5G", "99999999999999999999", "999999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(size_u32("4G").is_err());
    }

    #[test]
    fn modes_are_octal_and_keep_the_user_in() {
        assert_eq!(file_mode("0640"), Ok(0o640));
        assert_eq!(file_mode("0o600"), Ok(0o600));
        assert_eq!(directory_mode("750"), Ok(0o750));
        for text in ["755", "400", "1644", "9", "", "+600", "-1"] {
            assert!(file_mode(text).is_err(), "{text}");
        }
        for text in ["650", "1777"] {
            assert!(directory_mode(text).is_err(), "{text}");
        }
    }
}
