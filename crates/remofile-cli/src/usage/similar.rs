//! Slips of the fingers.

use strsim::osa_distance;

/// Reports whether one name may be a slip for the other. The parser's own measure takes `--partial` for `--port`, and leaves
/// `--jsn` unanswered.
pub(crate) fn looks_alike(wrong: &str, right: &str) -> bool {
    let (wrong, right) = (wrong.trim_start_matches('-'), right.trim_start_matches('-'));
    let right = right.split([' ', '=', '[']).next().unwrap_or(right);
    let is_part = wrong.len().min(right.len()) > 2 && (wrong.starts_with(right) || right.starts_with(wrong));
    is_part || osa_distance(wrong, right) <= 1 + right.len() / 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_alike_is_no_slip() {
        assert!(looks_alike("--progess", "--progress") && looks_alike("--host", "--hostname"));
        assert!(looks_alike("--jsn", "--json") && !looks_alike("--t", "--timeout"));
        assert!(!looks_alike("--partial", "--port") && !looks_alike("--inplace", "--include"));
        assert!(looks_alike("--jsno", "--json"), "two letters in the other order are one slip");
    }
}
