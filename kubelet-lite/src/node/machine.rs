//! Facts of the machine: read once at start, from `/proc`, `/sys` and `/etc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::object::Pressure;

/// Pods per node unless told otherwise, as upstream.
pub const MAX_PODS: u32 = 110;

/// Available memory below which the node reports pressure: upstream's hard eviction threshold.
const MEMORY_PRESSURE_BYTES: u64 = 100 << 20;
/// Free disk is short below this part of the disk, in percent, but only when it is also less than
/// [`DISK_PRESSURE_BYTES`]. Upstream's `nodefs.available` is 10 % whatever the size, made for disks
/// that are a node's own; on a workstation or a CI machine that refuses pods with tens of gigabytes
/// to spare.
const DISK_PRESSURE_PERCENT: u64 = 5;
/// Free disk that is enough for any node of this kind, in bytes.
const DISK_PRESSURE_BYTES: u64 = 2 << 30;
/// Part of the process ids that may be in use, in percent.
const PID_PRESSURE_PERCENT: u64 = 95;

/// What a node offers to pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub milli_cpu: u64,
    pub memory_bytes: u64,
    pub ephemeral_storage_bytes: u64,
    pub pods: u32,
}

impl Capacity {
    /// Processors that this process may use, all memory, and the size of the file system at `root`
    /// or at its nearest existing parent.
    pub fn of_machine(root: &Path) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let memory_bytes = memory_bytes(&read("/proc/meminfo")).unwrap_or(0);
        let ephemeral_storage_bytes = root
            .ancestors()
            .find_map(|path| nix::sys::statvfs::statvfs(path).ok())
            .map_or(0, |stat| stat.blocks().saturating_mul(stat.fragment_size()));
        Self {
            milli_cpu: cpus as u64 * 1000,
            memory_bytes,
            ephemeral_storage_bytes,
            pods: MAX_PODS,
        }
    }

    /// As the API writes a resource list.
    pub fn list(&self) -> BTreeMap<String, String> {
        let cpu = if self.milli_cpu.is_multiple_of(1000) {
            (self.milli_cpu / 1000).to_string()
        } else {
            format!("{}m", self.milli_cpu)
        };
        let kibibytes = |bytes: u64| format!("{}Ki", bytes / 1024);
        BTreeMap::from([
            ("cpu".to_owned(), cpu),
            ("memory".to_owned(), kibibytes(self.memory_bytes)),
            ("ephemeral-storage".to_owned(), kibibytes(self.ephemeral_storage_bytes)),
            ("pods".to_owned(), self.pods.to_string()),
        ])
    }
}

/// `status.nodeInfo`, apart from versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    pub machine_id: String,
    pub system_uuid: String,
    pub boot_id: String,
    pub kernel_version: String,
    pub os_image: String,
    /// Go's name, as labels use it: `amd64`.
    pub architecture: &'static str,
    pub swap_bytes: Option<u64>,
}

impl Machine {
    pub fn read() -> Self {
        let machine_id = first_line(&read("/etc/machine-id"));
        let system_uuid = first_line(&read("/sys/class/dmi/id/product_uuid"));
        Self {
            system_uuid: if system_uuid.is_empty() { machine_id.clone() } else { system_uuid },
            machine_id,
            boot_id: first_line(&read("/proc/sys/kernel/random/boot_id")),
            kernel_version: first_line(&read("/proc/sys/kernel/osrelease")),
            os_image: os_image(&read("/etc/os-release")),
            architecture: architecture(std::env::consts::ARCH),
            swap_bytes: meminfo(&read("/proc/meminfo"), "SwapTotal"),
        }
    }
}

/// Whether memory, disk or process ids run short, by upstream's default thresholds except for the
/// disk's. What cannot be measured is not short.
pub fn pressure(root: &Path) -> Pressure {
    let available = meminfo(&read("/proc/meminfo"), "MemAvailable");
    let disk = root.ancestors().find_map(|path| nix::sys::statvfs::statvfs(path).ok());
    let number = |path: &str| first_line(&read(path)).parse::<u64>().ok();
    let threads = read("/proc/loadavg");
    let threads = threads.split_whitespace().nth(3).and_then(|text| text.split_once('/'));
    let threads = threads.and_then(|(_, all)| all.parse::<u64>().ok());
    Pressure {
        memory: available.is_some_and(|bytes| bytes < MEMORY_PRESSURE_BYTES),
        disk: disk.is_some_and(|stat| {
            let unit = stat.fragment_size();
            disk_is_short(stat.blocks_available() * unit, stat.blocks() * unit)
        }),
        pids: threads.zip(number("/proc/sys/kernel/pid_max")).is_some_and(|(used, max)| {
            used.saturating_mul(100) / max.max(1) > PID_PRESSURE_PERCENT
        }),
    }
}

/// Both in bytes; a disk of unknown size is not short.
fn disk_is_short(free: u64, size: u64) -> bool {
    free < DISK_PRESSURE_BYTES && free < size / 100 * DISK_PRESSURE_PERCENT
}

/// A file that is not there reads as empty: each fact has its own way to be unknown.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn memory_bytes(text: &str) -> Option<u64> {
    meminfo(text, "MemTotal")
}

fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn os_image(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}

fn architecture(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_short_when_little_is_left_both_ways() {
        const GIB: u64 = 1 << 30;
        for (free, size, short) in [
            (12 * GIB, 252 * GIB, false),
            (3 * GIB, 252 * GIB, false),
            (GIB, 252 * GIB, true),
            (GIB, 10 * GIB, false),
            (GIB / 4, 10 * GIB, true),
            (0, GIB, true),
            (0, 0, false),
        ] {
            assert_eq!(disk_is_short(free, size), short, "{free} of {size}");
        }
    }

    #[test]
    fn reads_the_files_formats() {
        let text = "MemTotal:        2048 kB\nMemFree: 1 kB\nSwapTotal:       0 kB\n";
        assert_eq!(memory_bytes(text), Some(2 << 20));
        assert_eq!(meminfo(text, "SwapTotal"), Some(0));
        assert_eq!(meminfo("", "MemTotal"), None);
        assert_eq!(os_image("ID=x\nPRETTY_NAME=\"Debian 12\"\n"), "Debian 12");
        assert_eq!(os_image(""), "Linux");
        assert_eq!(architecture("x86_64"), "amd64");
    }

    #[test]
    fn capacity_is_written_as_quantities() {
        let capacity =
            Capacity { milli_cpu: 1500, memory_bytes: 4096, ephemeral_storage_bytes: 0, pods: 7 };
        let list = capacity.list();
        assert_eq!((list["cpu"].as_str(), list["memory"].as_str()), ("1500m", "4Ki"));
        assert_eq!((list["pods"].as_str(), list["ephemeral-storage"].as_str()), ("7", "0Ki"));
    }

    #[test]
    fn this_machine_has_a_kernel_and_memory() {
        assert!(!Machine::read().kernel_version.is_empty());
        let capacity = Capacity::of_machine(Path::new("/no/such/place"));
        assert!(capacity.memory_bytes > 0 && capacity.ephemeral_storage_bytes > 0);
    }
}
