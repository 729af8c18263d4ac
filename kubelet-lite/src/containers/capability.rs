//! Linux capabilities of a container.

use std::collections::BTreeSet;

/// Every capability, in the kernel's numbering.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What containerd gives a container that asks for nothing.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

pub(crate) type Capabilities = BTreeSet<&'static str>;

/// What this process could hand on. A container cannot get more, whatever it asks for.
pub(crate) fn available() -> Capabilities {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    from_mask(mask)
}

fn from_mask(mask: u64) -> Capabilities {
    let numbered = NAMES.iter().enumerate();
    numbered.filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, name)| *name).collect()
}

/// The default set without `drop`, with `add`, within `available`. `ALL` stands for all; what is
/// added explicitly outlasts a dropped `ALL`.
pub(crate) fn granted(
    privileged: bool,
    add: &[String],
    drop: &[String],
    available: &Capabilities,
) -> Result<Capabilities, String> {
    if privileged {
        return Ok(available.clone());
    }
    let mut granted: Capabilities = DEFAULT.into_iter().collect();
    let has_all = |list: &[String]| list.iter().any(|name| name.eq_ignore_ascii_case("ALL"));
    if has_all(add) {
        granted = available.clone();
    }
    if has_all(drop) {
        granted.clear();
    }
    for name in drop.iter().filter(|name| !name.eq_ignore_ascii_case("ALL")) {
        granted.remove(known(name)?);
    }
    for name in add.iter().filter(|name| !name.eq_ignore_ascii_case("ALL")) {
        granted.insert(known(name)?);
    }
    Ok(granted.intersection(available).copied().collect())
}

/// Kubernetes leaves `CAP_` off, others do not.
fn known(name: &str) -> Result<&'static str, String> {
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let found = NAMES.iter().find(|known| **known == plain);
    found.copied().ok_or_else(|| format!("unknown capability {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(add: &[&str], drop: &[&str]) -> Result<Vec<&'static str>, String> {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        // As on a machine whose root lacks SYS_RESOURCE.
        let available = from_mask(!(1 << 24));
        granted(false, &own(add), &own(drop), &available).map(|set| set.into_iter().collect())
    }

    #[test]
    fn the_default_set_is_changed_as_asked() {
        assert_eq!(grant(&[], &[]).unwrap().len(), DEFAULT.len());
        assert_eq!(grant(&["NET_ADMIN"], &["ALL"]).unwrap(), ["NET_ADMIN"]);
        assert!(!grant(&[], &["cap_net_raw"]).unwrap().contains(&"NET_RAW"));
        assert!(grant(&["ALL"], &["KILL"]).unwrap().contains(&"SYS_ADMIN"));
        assert!(!grant(&["ALL"], &["KILL"]).unwrap().contains(&"KILL"));
        assert_eq!(grant(&["SYS_RESOURCE"], &["ALL"]).unwrap(), [""; 0]);
        assert_eq!(grant(&["FLY"], &[]).unwrap_err(), "unknown capability \"FLY\"");
    }
}
