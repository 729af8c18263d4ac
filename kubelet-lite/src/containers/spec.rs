//! OCI runtime configurations, from what is wanted. Decides only: no file is read here.

use std::path::Path;

use serde_json::{Value, json};

use super::capability::Capabilities;
use super::user::Identity;
use crate::runtime::{Mount, Resources};

/// Which namespaces of the pod a container joins, and which it has of its own.
#[derive(Clone, Debug)]
pub(crate) struct PodNamespaces {
    pub pause: i32,
    pub host_network: bool,
    pub host_ipc: bool,
    pub host_pid: bool,
    pub shares_pids: bool,
}

/// A device node of the host, for privileged containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub path: String,
    /// `c` or `b`.
    pub kind: char,
    pub major: u64,
    pub minor: u64,
    pub mode: u32,
}

pub(crate) struct ContainerSpec<'a> {
    pub rootfs: &'a Path,
    pub readonly_rootfs: bool,
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub cwd: &'a str,
    pub identity: &'a Identity,
    pub capabilities: &'a Capabilities,
    pub privileged: bool,
    pub no_new_privs: bool,
    pub namespaces: PodNamespaces,
    /// The pod's `/dev/shm` on the host.
    pub shm: &'a Path,
    /// The pod's own files with their paths in the container, unless the mounts bring some.
    pub etc: &'a [(&'a str, &'a Path)],
    pub mounts: &'a [Mount],
    pub resources: &'a Resources,
    pub cgroup: &'a str,
    pub unified: bool,
    /// Names of the hierarchies below `/sys/fs/cgroup`; none where there is the one of v2.
    pub hierarchies: &'a [String],
    /// The kernel counts swap, so a memory limit can include it.
    pub counts_swap: bool,
    pub devices: &'a [Device],
}

pub(crate) struct PauseSpec<'a> {
    pub rootfs: &'a Path,
    pub hostname: &'a str,
    /// File of the pod's network namespace; `None` is the host's.
    pub netns: Option<&'a Path>,
    pub host_ipc: bool,
    pub host_pid: bool,
    pub sysctls: &'a std::collections::BTreeMap<String, String>,
    pub cgroup: &'a str,
}

/// Paths that tell about the host or change it, as containerd's default has them.
const MASKED: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

impl ContainerSpec<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let capabilities = capabilities(self.capabilities);
        let (masked, readonly) = match self.privileged {
            true => (json!([]), json!([])),
            false => (json!(MASKED), json!(self.readonly_paths())),
        };
        let mut resources = resources(self.resources, self.counts_swap);
        resources["devices"] = json!([{ "allow": self.privileged, "access": "rwm" }]);
        let devices: Vec<Value> = self.devices.iter().map(Device::to_json).collect();
        json!({
            "ociVersion": "1.1.0",
            "root": { "path": self.rootfs, "readonly": self.readonly_rootfs },
            "process": {
                "terminal": false,
                "user": {
                    "uid": self.identity.uid,
                    "gid": self.identity.gid,
                    "additionalGids": self.identity.groups,
                },
                "args": self.args,
                "env": self.env,
                "cwd": self.cwd,
                "capabilities": capabilities,
                "noNewPrivileges": self.no_new_privs,
            },
            "mounts": self.mounts(),
            "linux": {
                "namespaces": self.namespaces(),
                "resources": resources,
                "cgroupsPath": self.cgroup,
                "devices": devices,
                "maskedPaths": masked,
                "readonlyPaths": readonly,
            },
        })
    }

    /// libcontainer binds v1's hierarchies writable whatever the mount says, and a container that
    /// can write there lifts its own limits.
    fn readonly_paths(&self) -> Vec<String> {
        let hierarchies = self.hierarchies.iter().map(|name| format!("/sys/fs/cgroup/{name}"));
        READONLY.iter().map(ToString::to_string).chain(hierarchies).collect()
    }

    fn namespaces(&self) -> Vec<Value> {
        let pod = &self.namespaces;
        let of_pause = |kind: &str, file: &str| json!({ "type": kind, "path": format!("/proc/{}/ns/{file}", pod.pause) });
        let mut namespaces = vec![json!({ "type": "mount" }), of_pause("uts", "uts")];
        if !pod.host_network {
            namespaces.push(of_pause("network", "net"));
        }
        if !pod.host_ipc {
            namespaces.push(of_pause("ipc", "ipc"));
        }
        if pod.shares_pids {
            namespaces.push(of_pause("pid", "pid"));
        } else if !pod.host_pid {
            namespaces.push(json!({ "type": "pid" }));
        }
        if self.unified {
            namespaces.push(json!({ "type": "cgroup" }));
        }
        namespaces
    }

    fn mounts(&self) -> Vec<Value> {
        let access = if self.privileged { "rw" } else { "ro" };
        let mut mounts = vec![
            mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
            device_tmpfs(),
            mount(
                "/dev/pts",
                "devpts",
                "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ),
            mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", access]),
            mount(
                "/sys/fs/cgroup",
                "cgroup",
                "cgroup",
                &["nosuid", "noexec", "nodev", "relatime", access],
            ),
            bind("/dev/shm", self.shm, false),
        ];
        // As in containerd, a root that is read-only has read-only files.
        mounts.extend(self.etc.iter().map(|(at, file)| bind(at, file, self.readonly_rootfs)));
        // A pod's own mount over one of these takes its place.
        let replaced = |at: &Value| {
            let path = at["destination"].as_str().map(Path::new);
            self.mounts.iter().any(|own| Some(own.container_path.as_path()) == path)
        };
        mounts.retain(|mount| !replaced(mount));
        let mut own: Vec<&Mount> = self.mounts.iter().collect();
        // Outer mounts first, or they hide the inner ones.
        own.sort_by_key(|mount| mount.container_path.components().count());
        mounts.extend(
            own.iter().map(|own| {
                bind(&own.container_path.to_string_lossy(), &own.host_path, own.readonly)
            }),
        );
        mounts
    }
}

impl PauseSpec<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let mut namespaces = vec![json!({ "type": "mount" }), json!({ "type": "uts" })];
        if let Some(netns) = self.netns {
            namespaces.push(json!({ "type": "network", "path": netns }));
        }
        if !self.host_ipc {
            namespaces.push(json!({ "type": "ipc" }));
        }
        if !self.host_pid {
            namespaces.push(json!({ "type": "pid" }));
        }
        json!({
            "ociVersion": "1.1.0",
            "hostname": self.hostname,
            "root": { "path": self.rootfs, "readonly": true },
            "process": {
                "terminal": false,
                "user": { "uid": 65535, "gid": 65535 },
                "args": ["/hello", "pause"],
                "env": ["PATH=/"],
                "cwd": "/",
                "capabilities": capabilities(&Capabilities::new()),
                "noNewPrivileges": true,
            },
            "mounts": [
                mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
                device_tmpfs(),
            ],
            "linux": {
                "namespaces": namespaces,
                "sysctl": self.sysctls,
                "resources": {
                    "devices": [{ "allow": false, "access": "rwm" }],
                    "cpu": { "shares": 2 },
                },
                "cgroupsPath": self.cgroup,
                "maskedPaths": MASKED,
                "readonlyPaths": READONLY,
            },
        })
    }
}

impl Device {
    fn to_json(&self) -> Value {
        json!({
            "path": self.path,
            "type": self.kind.to_string(),
            "major": self.major,
            "minor": self.minor,
            "fileMode": self.mode,
            "uid": 0,
            "gid": 0,
        })
    }
}

/// No capability is inheritable or ambient: a program gets them by being root, or not at all.
fn capabilities(granted: &Capabilities) -> Value {
    let names: Vec<String> = granted.iter().map(|name| format!("CAP_{name}")).collect();
    json!({
        "bounding": names,
        "effective": names,
        "permitted": names,
        "inheritable": [],
        "ambient": [],
    })
}

fn resources(wanted: &Resources, counts_swap: bool) -> Value {
    let mut resources = json!({});
    let mut cpu = json!({});
    if let Some(shares) = wanted.cpu_shares {
        cpu["shares"] = json!(shares);
    }
    if let Some(quota) = wanted.cpu_quota {
        cpu["quota"] = json!(quota);
        cpu["period"] = json!(wanted.cpu_period.unwrap_or(100_000));
    }
    if cpu != json!({}) {
        resources["cpu"] = cpu;
    }
    if let Some(limit) = wanted.memory_limit_bytes {
        resources["memory"] = json!({ "limit": limit });
        if counts_swap {
            // A limit that swapping softens is none.
            resources["memory"]["swap"] = json!(limit);
        }
    }
    if let Some(limit) = wanted.pids_limit {
        resources["pids"] = json!({ "limit": limit });
    }
    resources
}

fn device_tmpfs() -> Value {
    mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"])
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "type": kind, "source": source, "options": options })
}

fn bind(destination: &str, source: &Path, readonly: bool) -> Value {
    let access = if readonly { "ro" } else { "rw" };
    json!({
        "destination": destination,
        "type": "bind",
        "source": source,
        "options": ["rbind", "rprivate", access],
    })
}

/// The environment: the image's, then the pod's, later values taking the place of earlier ones.
pub(crate) fn environment(
    image: &[String],
    hostname: &str,
    home: &str,
    tty: bool,
    own: &[(String, String)],
) -> Vec<String> {
    const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut env: Vec<(String, String)> = vec![("PATH".to_owned(), PATH.to_owned())];
    let mut set = |name: &str, value: &str| {
        match env.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => env.push((name.to_owned(), value.to_owned())),
        };
    };
    if tty {
        set("TERM", "xterm");
    }
    set("HOSTNAME", hostname);
    set("HOME", home);
    for pair in image {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        set(name, value);
    }
    for (name, value) in own {
        set(name, value);
    }
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// The command line: the pod's command replaces the image's entrypoint and its cmd, the pod's args
/// replace the cmd alone.
pub(crate) fn command_line(
    entrypoint: &[String],
    cmd: &[String],
    command: &[String],
    args: &[String],
) -> Vec<String> {
    let (program, rest) = match (command.is_empty(), args.is_empty()) {
        (false, _) => (command, args),
        (true, false) => (entrypoint, args),
        (true, true) => (entrypoint, cmd),
    };
    program.iter().chain(rest).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn command_lines_follow_the_table_of_the_documentation() {
        let (entrypoint, cmd) = (strings(&["ep"]), strings(&["cmd"]));
        for (command, args, expected) in [
            (vec![], vec![], vec!["ep", "cmd"]),
            (vec!["c"], vec![], vec!["c"]),
            (vec![], vec!["a"], vec!["ep", "a"]),
            (vec!["c"], vec!["a"], vec!["c", "a"]),
        ] {
            let line = command_line(&entrypoint, &cmd, &strings(&command), &strings(&args));
            assert_eq!(line, strings(&expected), "{command:?} {args:?}");
        }
    }

    #[test]
    fn the_pods_environment_wins() {
        let own = [("A".to_owned(), "2".to_owned()), ("B".to_owned(), "x=y".to_owned())];
        let env = environment(&strings(&["PATH=/bin", "A=1"]), "pod", "/root", false, &own);
        assert_eq!(env, ["PATH=/bin", "HOSTNAME=pod", "HOME=/root", "A=2", "B=x=y"]);
    }

    fn spec(privileged: bool, host: bool, mounts: &[Mount]) -> Value {
        let resources = Resources {
            memory_limit_bytes: Some(1 << 20),
            cpu_quota: Some(50_000),
            ..Resources::default()
        };
        let identity = Identity { uid: 7, gid: 8, groups: vec![9], home: "/".into() };
        ContainerSpec {
            rootfs: Path::new("/r"),
            readonly_rootfs: true,
            args: strings(&["/hello"]),
            env: vec![],
            cwd: "/",
            identity: &identity,
            capabilities: &["KILL"].into_iter().collect(),
            privileged,
            no_new_privs: true,
            namespaces: PodNamespaces {
                pause: 42,
                host_network: host,
                host_ipc: host,
                host_pid: host,
                shares_pids: false,
            },
            shm: Path::new("/s"),
            etc: &[("/etc/resolv.conf", Path::new("/resolv"))],
            mounts,
            resources: &resources,
            cgroup: "/c",
            unified: false,
            hierarchies: &["memory".to_owned()],
            counts_swap: true,
            devices: &[],
        }
        .to_json()
    }

    #[test]
    fn a_container_joins_the_pod_or_the_host() {
        let kinds = |spec: &Value| -> Vec<String> {
            let namespaces = spec["linux"]["namespaces"].as_array().expect("a list").clone();
            namespaces.iter().map(|ns| format!("{} {}", ns["type"], ns["path"])).collect()
        };
        assert_eq!(
            kinds(&spec(false, false, &[])),
            [
                "\"mount\" null",
                "\"uts\" \"/proc/42/ns/uts\"",
                "\"network\" \"/proc/42/ns/net\"",
                "\"ipc\" \"/proc/42/ns/ipc\"",
                "\"pid\" null",
            ]
        );
        assert_eq!(
            kinds(&spec(false, true, &[])),
            ["\"mount\" null", "\"uts\" \"/proc/42/ns/uts\""]
        );
    }

    #[test]
    fn limits_users_and_privilege_are_told() {
        let plain = spec(false, false, &[]);
        assert_eq!(plain["linux"]["resources"]["memory"]["limit"], 1 << 20);
        assert_eq!(plain["linux"]["resources"]["cpu"]["period"], 100_000);
        assert_eq!(plain["process"]["user"]["uid"], 7);
        assert_eq!(plain["process"]["capabilities"]["bounding"], json!(["CAP_KILL"]));
        assert_eq!(plain["linux"]["maskedPaths"].as_array().map(Vec::len), Some(10));
        let readonly = plain["linux"]["readonlyPaths"].as_array().expect("a list");
        assert!(readonly.contains(&json!("/sys/fs/cgroup/memory")));
        let privileged = spec(true, false, &[]);
        assert_eq!(privileged["linux"]["maskedPaths"], json!([]));
        assert_eq!(privileged["linux"]["resources"]["devices"][0]["allow"], true);
    }

    #[test]
    fn own_mounts_replace_the_defaults_and_come_outer_first() {
        let own = |path: &str| Mount {
            host_path: PathBuf::from("/h"),
            container_path: PathBuf::from(path),
            readonly: true,
        };
        let spec = spec(false, false, &[own("/a/b"), own("/a"), own("/etc/resolv.conf")]);
        let mounts = spec["mounts"].as_array().expect("a list");
        let at: Vec<&str> = mounts.iter().filter_map(|m| m["destination"].as_str()).collect();
        assert_eq!(at.iter().filter(|path| **path == "/etc/resolv.conf").count(), 1);
        let position = |path| at.iter().position(|other| *other == path);
        assert!(position("/a") < position("/a/b"));
        assert_eq!(mounts.last().expect("some")["options"][2], "ro");
    }
}
