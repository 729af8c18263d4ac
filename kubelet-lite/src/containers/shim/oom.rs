//! Whether the kernel's out-of-memory killer was at work in a cgroup.
//!
//! Read once, when a container has ended: the counters stay until the cgroup goes. Watching them as
//! events would tell the same a moment earlier and cost a descriptor per container.

use std::fs;

use crate::containers::cgroup;

/// Number of processes that the killer took in this container.
pub(super) fn kills(path: &str) -> u64 {
    let unified = cgroup::root().join(path.trim_start_matches('/')).join("memory.events");
    let legacy =
        cgroup::root().join("memory").join(path.trim_start_matches('/')).join("memory.oom_control");
    [legacy, unified]
        .iter()
        .find_map(|file| counter(&fs::read_to_string(file).ok()?, "oom_kill"))
        .unwrap_or(0)
}

fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hierarchies_name_the_counter_alike() {
        let legacy = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        let unified = "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0\n";
        assert_eq!(counter(legacy, "oom_kill"), Some(2));
        assert_eq!(counter(unified, "oom_kill"), Some(1));
        assert_eq!(counter("under_oom 0\n", "oom_kill"), None);
    }
}
