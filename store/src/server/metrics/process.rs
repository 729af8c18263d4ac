//! What the system knows of this process, under the names of Prometheus' Go client. Read from
//! `/proc` when the page is made; what cannot be read is left out.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::page::Page;

/// Clock ticks per second in `/proc`: the kernel's `USER_HZ`, 100 wherever this runs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc/self/stat` tells.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    /// Since the machine's start.
    start_seconds: f64,
    virtual_bytes: u64,
}

pub(super) fn write(page: &mut Page) {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
    if let Some(stat) = read("stat").as_deref().and_then(stat) {
        let help = "CPU time used, in seconds.";
        page.counter("process_cpu_seconds_total", help, stat.cpu_seconds);
        let help = "Address space in bytes.";
        page.gauge("process_virtual_memory_bytes", help, stat.virtual_bytes);
        if let Some(start) = start_time(stat.start_seconds) {
            let help = "When the process began, in seconds since 1970.";
            page.gauge("process_start_time_seconds", help, start.as_secs_f64());
        }
    }
    if let Some(bytes) = read("status").as_deref().and_then(resident_bytes) {
        page.gauge("process_resident_memory_bytes", "Memory in use, in bytes.", bytes);
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // Not the one that this look opened.
        let open = descriptors.count().saturating_sub(1);
        page.gauge("process_open_fds", "Open file descriptors.", open);
        page.gauge("os_fd_used", "Open file descriptors.", open);
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(limit) = limit {
        page.gauge("process_max_fds", "Most file descriptors.", limit);
        page.gauge("os_fd_limit", "Most file descriptors.", limit);
    }
    if let Some((received, sent)) = read("net/dev").as_deref().map(network_bytes) {
        let help = "Bytes that the network of this process received.";
        page.counter("process_network_receive_bytes_total", help, received);
        let help = "Bytes that the network of this process sent.";
        page.counter("process_network_transmit_bytes_total", help, sent);
    }
}

fn stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in brackets, and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_seconds: (field(14)? + field(15)?) as f64 / TICKS_PER_SECOND,
        start_seconds: field(22)? as f64 / TICKS_PER_SECOND,
        virtual_bytes: field(23)?,
    })
}

/// When the process began, given how long after the machine's start that was.
fn start_time(after_boot: f64) -> Option<Duration> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let age = Duration::try_from_secs_f64(uptime - after_boot).ok()?;
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(age)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Bytes received and sent on all interfaces.
fn network_bytes(devices: &str) -> (u64, u64) {
    let counts = devices.lines().filter_map(|line| line.split_once(':')).map(|(_, counts)| {
        let counts: Vec<&str> = counts.split_ascii_whitespace().collect();
        let count = |at: usize| counts.get(at).and_then(|count| count.parse().ok()).unwrap_or(0);
        (count(0), count(8))
    });
    counts.fold((0_u64, 0_u64), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_tells_is_read() {
        let text = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 4 0 12345 987654 21";
        let expected = Stat { cpu_seconds: 3.0, start_seconds: 123.45, virtual_bytes: 987_654 };
        assert_eq!(stat(text), Some(expected));
        assert_eq!(stat("7 (short) S 1"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        let devices = "Inter-|   Receive\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 1 0\n  eth0: 5 1 0 0 0 0 0 0 6 1\n";
        assert_eq!(network_bytes(devices), (15, 26));
    }

    #[test]
    fn this_process_is_measured() {
        let mut page = Page::default();
        write(&mut page);
        let page = page.finish();
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_start_time_seconds",
        ] {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value: f64 = line.unwrap_or_else(|| panic!("{name}: {page}")).parse().expect("it");
            assert!(value >= 0.0, "{name} {value}");
        }
    }
}
