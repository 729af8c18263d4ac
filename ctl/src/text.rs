//! Byte strings for people.

/// As etcdctl's `--hex`: every byte as `\x6b`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// A key or value for a terminal: as it is, or in hex when asked.
pub fn show(bytes: &[u8], as_hex: bool) -> Vec<u8> {
    if as_hex { hex(bytes).into_bytes() } else { bytes.to_vec() }
}

/// Sizes as etcdctl words them: `25 kB`, `1.2 MB` (powers of ten, two digits below ten). It knows
/// no negative ones: a quota of -1, which is none, reads `18 EB` there.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let bytes = bytes as u64;
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let rounded = (value * 10.0 + 0.5).floor() / 10.0;
    if rounded < 10.0 {
        format!("{rounded:.1} {}", UNITS[unit])
    } else {
        format!("{:.0} {}", rounded.floor(), UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_etcdctls() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (20480, "20 kB"), (1_234_567, "1.2 MB"), (-1, "18 EB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn hex_marks_every_byte() {
        assert_eq!(hex(b"k\0"), "\\x6b\\x00");
    }
}
