//! The configuration of one container: what its spec says, with everything that it refers to
//! filled in. Makes the files that are bound into it. Blocking.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::env::{self, References};
use super::expand::expand;
use super::field::Facts;
use super::qos;
use super::sandbox;
use super::security;
use super::services::{self, Service};
use super::shared::Shared;
use super::types::{Container as Spec, Pod};
use crate::layout::Layout;
use crate::runtime::{ContainerConfig, Image, Mount, Sandbox};
use crate::volume::bind;

const TERMINATION_LOG: &str = "/dev/termination-log";

pub struct Input<'a> {
    pub pod: &'a Pod,
    pub sandbox: &'a Sandbox,
    pub spec: &'a Spec,
    pub attempt: u32,
    pub image: &'a Image,
    pub references: &'a References,
    pub services: &'a [Service],
}

/// Errors are words for `CreateContainerConfigError`.
pub fn configure(shared: &Shared, input: &Input<'_>) -> Result<ContainerConfig, String> {
    let Input { pod, spec, .. } = *input;
    if !spec.volume_devices.is_empty() {
        return Err("volumeDevices are not supported yet".to_owned());
    }
    let security =
        security::security(pod, spec, input.image, shared.config.runtime.applies_seccomp())?;
    let pod_ips = if pod.spec.host_network {
        vec![shared.node_ip.clone()]
    } else {
        input.sandbox.ips.clone()
    };
    let facts = Facts {
        node_name: &shared.config.node_name,
        host_ip: &shared.node_ip,
        pod_ips: &pod_ips,
        allocatable: &shared.allocatable,
    };
    let links = pod.spec.enable_service_links.unwrap_or(true);
    let services = services::variables(input.services, pod.namespace(), links);
    let env = env::environment(pod, spec, &services, input.references, &facts)
        .map_err(|error| error.to_string())?;
    let lookup =
        |name: &str| env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let expand_all = |words: &[String]| words.iter().map(|word| expand(word, lookup)).collect();
    let mut mounts = bind::mounts(&shared.layout, pod, spec, &env)?;
    let files = own_files(shared, input, &mut mounts, &pod_ips);
    files.map_err(|error| format!("files of the container: {error}"))?;
    let memory = i64::try_from(shared.config.capacity.memory_bytes).unwrap_or(i64::MAX);
    Ok(ContainerConfig {
        name: spec.name.clone(),
        is_init: super::actual::runs_before_others(pod, spec),
        attempt: input.attempt,
        image: spec.image.clone(),
        command: expand_all(&spec.command),
        args: expand_all(&spec.args),
        working_dir: spec.working_dir.clone(),
        mounts,
        labels: labels(pod, spec),
        log_path: shared.layout.pod_logs(pod).join(Layout::log(&spec.name, input.attempt)),
        tty: spec.tty,
        stdin: spec.stdin,
        resources: qos::container_resources(pod, spec, memory),
        security,
        env,
    })
}

/// As upstream labels containers in the runtime.
fn labels(pod: &Pod, spec: &Spec) -> std::collections::BTreeMap<String, String> {
    [
        ("io.kubernetes.container.name", spec.name.as_str()),
        ("io.kubernetes.pod.name", pod.name()),
        ("io.kubernetes.pod.namespace", pod.namespace()),
        ("io.kubernetes.pod.uid", pod.uid()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The hosts file, the termination message file and the log's directory. A mount of the pod's own
/// at the same place wins.
fn own_files(
    shared: &Shared,
    input: &Input<'_>,
    mounts: &mut Vec<Mount>,
    pod_ips: &[String],
) -> io::Result<()> {
    let Input { pod, spec, .. } = *input;
    let layout = &shared.layout;
    fs::create_dir_all(layout.pod_logs(pod).join(&spec.name))?;
    let taken = |path: &str| mounts.iter().any(|mount| mount.container_path == Path::new(path));
    let (has_hosts, said_at) =
        (taken("/etc/hosts"), spec.termination_message_path.as_deref().unwrap_or(TERMINATION_LOG));
    let has_log = said_at.is_empty() || taken(said_at);
    if !has_hosts {
        let path = layout.etc_hosts(pod.uid());
        let text = if pod.spec.host_network {
            host_hosts(&fs::read_to_string("/etc/hosts").unwrap_or_default(), pod)
        } else {
            hosts(pod, pod_ips, shared)
        };
        if !fs::read_to_string(&path).is_ok_and(|known| known == text) {
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        }
        mounts.push(Mount {
            host_path: path,
            container_path: "/etc/hosts".into(),
            readonly: false,
        });
    }
    if !has_log {
        let path = layout.termination_log(pod.uid(), &spec.name, input.attempt);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, "")?;
        // Any user of the container may write it, as upstream.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        mounts.push(Mount { host_path: path, container_path: said_at.into(), readonly: false });
    }
    Ok(())
}

/// The hosts file of a pod with a network of its own, as upstream writes it.
fn hosts(pod: &Pod, pod_ips: &[String], shared: &Shared) -> String {
    let mut text = String::from(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n",
    );
    let name = sandbox::hostname(pod);
    let subdomain = pod.spec.subdomain.as_deref().filter(|subdomain| !subdomain.is_empty());
    let domain = shared.config.cluster_dns.as_ref().map_or("cluster.local", |dns| &dns.domain);
    for ip in pod_ips {
        text += &match subdomain {
            Some(subdomain) => {
                format!("{ip}\t{name}.{subdomain}.{}.svc.{domain}\t{name}\n", pod.namespace())
            }
            None => format!("{ip}\t{name}\n"),
        };
    }
    text + &aliases(pod)
}

fn host_hosts(host: &str, pod: &Pod) -> String {
    format!("# Kubernetes-managed hosts file (host network).\n{host}{}", aliases(pod))
}

fn aliases(pod: &Pod) -> String {
    if pod.spec.host_aliases.is_empty() {
        return String::new();
    }
    let lines = pod.spec.host_aliases.iter();
    let lines = lines.map(|alias| format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
    format!("\n# Entries added by HostAliases.\n{}", lines.collect::<String>())
}
