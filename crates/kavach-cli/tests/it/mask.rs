//! Output with everything replaced that is another each time.

/// The text with ids by number (`agt_1` for the first agent that occurs), secrets, hashes and times masked.
pub(crate) fn masked(text: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((id, after)) = id(rest) {
            if !seen.contains(&id.to_owned()) {
                seen.push(id.to_owned());
            }
            let prefix = &id[..4];
            let of_kind = seen.iter().filter(|known| known.starts_with(prefix));
            let number = of_kind.clone().position(|known| known == id).unwrap() + 1;
            out.push_str(&format!("{prefix}{number}"));
            rest = after;
        } else if let Some((mask, after)) = other(rest) {
            out.push_str(mask);
            rest = after;
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn id(text: &str) -> Option<(&str, &str)> {
    let known = ["agt_", "apr_", "dlg_", "evt_", "sub_", "log_"];
    known.iter().find(|prefix| text.starts_with(**prefix))?;
    let digits = text.get(4..30)?;
    let fits = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    fits.then(|| text.split_at(30))
}

/// Years that only tests name.
const LITERAL: [&str; 7] = ["1980", "2001", "2020", "2090", "2091", "2098", "2099"];

fn other(text: &str) -> Option<(&'static str, &str)> {
    if LITERAL.iter().any(|year| text.starts_with(year)) {
        return None;
    }
    let shapes = [
        ("0000-00-00T00:00:00.000000000Z", "<time>"),
        ("0000-00-00T00:00:00Z", "<time>"),
        ("0000-00-00 00:00:00Z", "<time>"),
        ("0000-00-00 00:00:00", "<time>"),
        ("at 00:00)", "at <time>)"),
        (
            "\"time_ns\":\"0000000000000000000\"",
            "\"time_ns\":\"<time>\"",
        ),
    ];
    for (shape, mask) in shapes {
        if has_shape(text, shape) {
            return Some((mask, &text[shape.len()..]));
        }
    }
    if let Some(secret) = text.strip_prefix("kv_") {
        let end = secret
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(secret.len());
        return (end >= 5).then(|| ("kv_<secret>", &secret[end..]));
    }
    if let Some(number) = text.strip_prefix("\"duration_ns\":\"") {
        let end = number.find('"')?;
        return Some(("\"duration_ns\":\"<number>", &number[end..]));
    }
    let hex = text.get(..64)?;
    let is_hash = hex
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then(|| ("<hash>", &text[64..]))
}

fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(byte, want): (u8, u8)| match want {
        b'0' => byte.is_ascii_digit(),
        _ => byte == want,
    };
    text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

#[test]
fn what_is_another_each_time_is_masked() {
    let text = "agt_01jd3v5q4cf7v8e9qk2m5x7y3z agt_01jd3v5q4cf7v8e9qk2m5x7y3y dlg_01jd3v5q4cf7v8e9qk2m5x7y3z \
                agt_01jd3v5q4cf7v8e9qk2m5x7y3z kv_abcdefgh, 2026-11-21T10:00:00Z (by x at 14:23) plain";
    let want = "agt_1 agt_2 dlg_1 agt_1 kv_<secret>, <time> (by x at <time>) plain";
    assert_eq!(masked(text), want);
}
