//! Times as tables show them: `5m`, `3h12m`, `2d4h`.

use serde_json::Value;

use super::fields::text;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Unix seconds of an RFC 3339 time, with or without a fraction.
pub fn unix_seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_second())
}

/// The age of the object at `now` (Unix seconds); `<unknown>` before it is created.
pub fn age(object: &Value, now: i64) -> String {
    since(text(object, "metadata.creationTimestamp"), now)
}

/// Time from `time` (RFC 3339) to `now`, or `<unknown>` where there is no time.
pub fn since(time: &str, now: i64) -> String {
    match unix_seconds(time) {
        Some(then) => human_duration(now - then),
        None => "<unknown>".to_owned(),
    }
}

/// Seconds as upstream's `HumanDuration`: two to three digits of precision, from seconds up to
/// years. Clocks may differ by a second; what lies further in the future is `<invalid>`.
pub fn human_duration(seconds: i64) -> String {
    let pair = |count: i64, unit: char, rest: i64, rest_unit: char| match rest {
        0 => format!("{count}{unit}"),
        rest => format!("{count}{unit}{rest}{rest_unit}"),
    };
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => pair(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => pair(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => pair(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        _ if seconds < 2 * 365 * DAY => format!("{}d", seconds / DAY),
        _ if seconds < 8 * 365 * DAY => pair(seconds / (365 * DAY), 'y', seconds / DAY % 365, 'd'),
        _ => format!("{}y", seconds / (365 * DAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_520, "3h12m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (187_200, "2d4h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, wanted) in cases {
            assert_eq!(human_duration(seconds), wanted, "{seconds}");
        }
    }

    #[test]
    fn ages() {
        assert_eq!(since("2026-01-01T00:00:00Z", 1_767_225_905), "5m5s");
        assert_eq!(since("2026-01-01T00:00:00.123456Z", 1_767_225_601), "1s");
        assert_eq!(since("", 0), "<unknown>");
    }
}
