//! Durations as Go writes them: `8760h`, `1h30m`, `1.5h`, `-5m`.

use time::Duration;

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// As Go's int64 nanoseconds allow: 292 years.
const MAX_SECONDS: f64 = 9.2e9;

/// Reads a duration; the refusal says what is expected.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || {
        format!(
            "{text:?} is not a duration: write hours, minutes and seconds as in 8760h or 1h30m \
             (there are no days)"
        )
    };
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(refuse());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| refuse())?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, factor) = UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(refuse)?;
        seconds += number * factor;
        rest = after;
    }
    if seconds > MAX_SECONDS {
        return Err(format!("{text:?} is longer than 292 years"));
    }
    Ok(Duration::seconds_f64(sign * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        let rows = [
            ("8760h", 31_536_000),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("90s", 90),
            ("-5m", -300),
            ("0", 0),
            ("+2m", 120),
            ("1500ms", 1),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse(text).expect(text).whole_seconds(), seconds, "{text}");
        }
        for refused in ["", "h", "5", "5d", "1y", "1h 30m", "-", "..5h", "99999999h", "1e3h"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
