//! Times as kubectl and kubeadm tell them.

use time::{Duration, OffsetDateTime};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Jan 02, 2006 15:04 UTC`.
pub(super) fn date(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    let month = MONTHS[usize::from(u8::from(time.month())) - 1];
    format!(
        "{month} {:02}, {} {:02}:{:02} UTC",
        time.day(),
        time.year(),
        time.hour(),
        time.minute()
    )
}

/// RFC 3339 to the second, as the API writes times.
pub(super) fn timestamp(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// In one unit, or two where one would be coarse; what is over is `expired`.
pub(super) fn residual(left: Duration) -> String {
    let seconds = left.whole_seconds();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |whole, large: &str, rest, small: &str| match rest {
        0 => format!("{whole}{large}"),
        rest => format!("{whole}{large}{rest}{small}"),
    };
    match () {
        () if seconds < 0 => "expired".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 2 * 365 => format!("{days}d"),
        () if days < 8 * 365 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residual_times_read_as_kubectl_s_ages() {
        for (seconds, text) in [
            (-1, "expired"),
            (0, "0s"),
            (119, "119s"),
            (125, "2m5s"),
            (3 * 3600 - 1, "179m"),
            (5 * 3600 + 60, "5h1m"),
            (47 * 3600, "47h"),
            (49 * 3600, "2d1h"),
            (364 * 86_400, "364d"),
            (3 * 365 * 86_400, "3y"),
            (3 * 365 * 86_400 + 86_400, "3y1d"),
            (3650 * 86_400 - 1, "9y"),
        ] {
            assert_eq!(residual(Duration::seconds(seconds)), text);
        }
    }

    #[test]
    fn dates_are_kubeadm_s() {
        let time = OffsetDateTime::from_unix_timestamp(1_136_214_245).expect("a time");
        assert_eq!(date(time), "Jan 02, 2006 15:04 UTC");
        assert_eq!(timestamp(time), "2006-01-02T15:04:05Z");
    }
}
