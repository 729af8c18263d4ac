//! Text as upstream writes it.

/// Whole seconds as Go prints a duration: `10s`, `1m20s`, `5m0s`.
pub fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_read_as_gos() {
        for (seconds, wanted) in
            [(0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3661, "1h1m1s")]
        {
            assert_eq!(super::duration(seconds), wanted);
        }
    }
}
