//! What the kernel says of this process. Zeroes where there is no `/proc`.

/// Linux reports times in hundredths of a second on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

const PAGE_BYTES: i64 = 4096;

#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: i64,
    pub virtual_bytes: i64,
    pub open_fds: i64,
    pub threads: i64,
}

pub fn usage() -> Usage {
    let mut usage = Usage::default();
    if let Some(fields) = stat() {
        let number =
            |at: usize| fields.get(at).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        usage.cpu_seconds = (number(11) + number(12)) as f64 / TICKS_PER_SECOND;
        usage.threads = number(17);
        usage.virtual_bytes = number(20);
        usage.resident_bytes = number(21) * PAGE_BYTES;
    }
    usage.open_fds = std::fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count() as i64);
    usage
}

/// Unix time at which the process began.
pub fn start_time() -> Option<f64> {
    let ticks: f64 = stat()?.get(19)?.parse().ok()?;
    let boot: f64 = std::fs::read_to_string("/proc/stat")
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()?;
    Some(boot + ticks / TICKS_PER_SECOND)
}

/// Fields of `/proc/self/stat` behind the command's name, which may hold blanks.
fn stat() -> Option<Vec<String>> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = usage();
        assert!(usage.resident_bytes > 0 && usage.threads > 0 && usage.open_fds > 0);
        assert!(start_time().unwrap() > 1.0e9);
    }
}
