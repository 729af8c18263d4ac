//! What the kernel says of a process: memory, CPU time.

use std::time::Duration;

use anyhow::Context;

/// MiB, for memory.
const MIB: f64 = 1024.0 * 1024.0;

fn status_field(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).context("no such field")?;
    let kib: f64 = line.split_whitespace().nth(1).context("a value")?.parse()?;
    Ok(kib * 1024.0 / MIB)
}

/// Resident memory now, in MiB.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    status_field(pid, "VmRSS:")
}

/// Peak resident memory since start or the last reset, in MiB.
pub fn peak(pid: u32) -> anyhow::Result<f64> {
    status_field(pid, "VmHWM:")
}

/// Lets the peak start anew from the present.
pub fn reset_peak(pid: u32) -> anyhow::Result<()> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// CPU time used so far, user and system.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command, in parentheses, may hold spaces.
    let (_, fields) = stat.rsplit_once(')').context("malformed stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}
