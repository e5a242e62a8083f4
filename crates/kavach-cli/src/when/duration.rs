//! How long: `90s`, `30m`, `1h`, `7d`.

/// The seconds in a number and a unit: `s`, `m`, `h`, `d` (24 hours) or `w`.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let words = "a duration is a number and one of `s`, `m`, `h`, `d`, `w`, as in `30m` or `7d`";
    let unit_at = text.find(|character: char| !character.is_ascii_digit());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let factor: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(words.to_owned()),
    };
    if number.is_empty() {
        return Err(words.to_owned());
    }
    let counted: Option<u64> = number.parse().ok();
    counted
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| {
            "the duration is longer than any calendar; shorten it, or leave it out".to_owned()
        })
}
