//! Flags of upstream's kubelet that this one knows and cannot honour.

use std::ffi::OsString;

use crate::exit::Usage;

const FLAGS: [&str; 64] = [
    "allowed-unsafe-sysctls",
    "anonymous-auth",
    "authentication-token-webhook",
    "authentication-token-webhook-cache-ttl",
    "authorization-mode",
    "cgroup-driver",
    "cgroup-root",
    "cgroups-per-qos",
    "cloud-provider",
    "config",
    "config-dir",
    "container-log-max-files",
    "container-log-max-size",
    "container-runtime-endpoint",
    "cpu-cfs-quota",
    "cpu-cfs-quota-period",
    "cpu-manager-policy",
    "enable-controller-attach-detach",
    "enable-debugging-handlers",
    "enable-server",
    "enforce-node-allocatable",
    "event-burst",
    "event-qps",
    "eviction-hard",
    "eviction-max-pod-grace-period",
    "eviction-minimum-reclaim",
    "eviction-pressure-transition-period",
    "eviction-soft",
    "eviction-soft-grace-period",
    "exit-on-lock-contention",
    "fail-swap-on",
    "feature-gates",
    "hairpin-mode",
    "healthz-bind-address",
    "healthz-port",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "image-gc-high-threshold",
    "image-gc-low-threshold",
    "image-service-endpoint",
    "kube-api-burst",
    "kube-api-qps",
    "kube-reserved",
    "lock-file",
    "manifest-url",
    "memory-manager-policy",
    "node-status-update-frequency",
    "pod-manifest-path",
    "pod-max-pids",
    "protect-kernel-defaults",
    "provider-id",
    "read-only-port",
    "register-node",
    "registry-burst",
    "registry-qps",
    "resolv-conf",
    "runtime-cgroups",
    "seccomp-default",
    "serialize-image-pulls",
    "sync-frequency",
    "system-reserved",
    "tls-cipher-suites",
    "tls-min-version",
    "topology-manager-policy",
];

/// The first of the arguments that names one is the refusal.
pub fn refuse(arguments: &[OsString]) -> Result<(), Usage> {
    let flags = arguments.iter().filter_map(|argument| argument.to_str()?.strip_prefix("--"));
    let names = flags.map(|flag| flag.split_once('=').map_or(flag, |(name, _)| name));
    match names.into_iter().find(|name| FLAGS.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Usage(format!(
            "--{name} is a flag of the kubelet that this one cannot honour yet: leave it out, or \
             see `coracle kubelet --help` for those that it does"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_flags_are_refused_by_name() {
        let refusal = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            refuse(&arguments).err().map(|error| error.0)
        };
        assert_eq!(refusal(&["kubelet", "--kubeconfig", "config", "--port=1"]), None);
        for arguments in [&["--config", "f"][..], &["--port=1", "--cgroup-driver=systemd"]] {
            assert!(refusal(arguments).is_some_and(|text| text.contains("cannot honour")));
        }
        assert!(FLAGS.is_sorted());
    }
}
