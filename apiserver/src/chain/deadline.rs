//! How long a request may take: `?timeout=`, in Go's notation, up to the server's own limit.

use std::time::Duration;

use api::Status;

/// Time that anything but a watch or a followed log may take, as upstream.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Decides. Absent, empty and zero mean the server's limit.
pub fn deadline(asked: Option<&str>) -> Result<Duration, Status> {
    let Some(asked) = asked else { return Ok(REQUEST_TIMEOUT) };
    let asked = parse(asked)
        .ok_or_else(|| Status::bad_request("invalid timeout specified in the request URI"))?;
    Ok(if asked.is_zero() { REQUEST_TIMEOUT } else { asked.min(REQUEST_TIMEOUT) })
}

/// `1h2m3.5s`, `300ms`, `0`.
fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        rest = &rest[letters..];
        seconds += number * unit;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_shorten_but_not_lengthen() {
        let rows = [
            (None, Some(60_000)),
            (Some("0"), Some(60_000)),
            (Some("0s"), Some(60_000)),
            (Some("34s"), Some(34_000)),
            (Some("1m0s"), Some(60_000)),
            (Some("1h"), Some(60_000)),
            (Some("1.5s"), Some(1_500)),
            (Some("300ms"), Some(300)),
            (Some("10"), None),
            (Some("soon"), None),
            (Some("-1s"), None),
        ];
        for (asked, expected) in rows {
            let found = deadline(asked).ok().map(|deadline| deadline.as_millis());
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}
