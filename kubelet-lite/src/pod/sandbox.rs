//! Making a pod's sandbox: what it is asked to be, its volumes and directories first.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::EventType::Warning;

use super::env;
use super::qos;
use super::time::NANOS_PER_SECOND;
use super::types::{Pod, PodDnsConfig};
use super::worker::Worker;
use super::{references, shared::Shared};
use crate::runtime::{DnsConfig, SandboxConfig};
use crate::volume::payload::Context;
use crate::volume::setup;

/// Pauses after a failed sandbox or volume: doubled from the first to the last.
const RETRY_SECONDS: (i64, i64) = (1, 16);
/// Longest hostname that Linux takes.
const MAX_HOSTNAME: usize = 63;

impl Worker {
    pub(super) async fn create_sandbox(&mut self, pod: &Arc<Pod>, attempt: u32) -> bool {
        if self.retry_at.contains_key("") {
            return false;
        }
        if let Err(message) = self.prepare(pod).await {
            self.shared.event(pod, Warning, "FailedMount", message);
            return self.sandbox_failed();
        }
        let config = match sandbox_config(&self.shared, pod, attempt) {
            Ok(config) => config,
            Err(reason) => return self.no_sandbox(pod, &reason),
        };
        match self.shared.config.runtime.run_pod_sandbox(config).await {
            Ok(_) => {
                self.sandbox_failures = 0;
                true
            }
            Err(error) => self.no_sandbox(pod, &error.to_string()),
        }
    }

    fn no_sandbox(&mut self, pod: &Pod, reason: &str) -> bool {
        let message = format!("Failed to create pod sandbox: {reason}");
        self.shared.event(pod, Warning, "FailedCreatePodSandBox", message);
        self.sandbox_failed()
    }

    fn sandbox_failed(&mut self) -> bool {
        let doubled = RETRY_SECONDS.0.checked_shl(self.sandbox_failures).unwrap_or(RETRY_SECONDS.1);
        let pause = doubled.clamp(RETRY_SECONDS.0, RETRY_SECONDS.1);
        self.sandbox_failures = self.sandbox_failures.saturating_add(1).min(30);
        let again = self.shared.now().saturating_add(pause * NANOS_PER_SECOND);
        self.retry_at.insert(String::new(), again);
        false
    }

    /// Directories and volumes. Nothing for a runtime that pretends.
    pub(super) async fn prepare(&mut self, pod: &Arc<Pod>) -> Result<(), String> {
        if self.shared.config.runtime.pretends() || self.volumes_ready {
            return Ok(());
        }
        let references = self.references(pod).await?;
        self.set_up_volumes(pod, references).await?;
        self.volumes_ready = true;
        Ok(())
    }

    /// ConfigMaps and Secrets of the pod, watched from now on.
    pub(super) async fn references(&mut self, pod: &Pod) -> Result<env::References, String> {
        let wanted = references::wanted(pod);
        let shared = self.shared.clone();
        shared.references.hold(&mut self.held, pod.namespace(), wanted, &self.handle);
        self.held.values().await.map_err(|error| error.to_string())
    }

    pub(super) async fn set_up_volumes(
        &self,
        pod: &Arc<Pod>,
        references: env::References,
    ) -> Result<(), String> {
        let (shared, pod) = (self.shared.clone(), pod.clone());
        let stamp = stamp(shared.now());
        let work = move || {
            let context =
                Context { pod: &pod, references: &references, allocatable: &shared.allocatable };
            std::fs::create_dir_all(shared.layout.pod(pod.uid()))
                .and_then(|()| std::fs::create_dir_all(shared.layout.pod_logs(&pod)))
                .map_err(|error| error.to_string())?;
            setup::set_up(&shared.layout, &context, &stamp).map_err(|error| error.to_string())
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Brings files up to date, and lets containers that waited for an object try again.
    pub(super) async fn use_new_references(&mut self, pod: &Arc<Pod>) {
        self.retry_at.clear();
        if !self.volumes_ready || self.handle.is_ending() {
            return;
        }
        let result = match self.references(pod).await {
            Ok(references) => self.set_up_volumes(pod, references).await,
            Err(error) => Err(error),
        };
        if let Err(message) = result {
            self.shared.event(pod, Warning, "FailedMount", message);
        }
    }

    /// Frees what deleted pods must not hold any more: their volumes.
    pub(super) async fn unmount(&mut self, pod: &Pod) {
        if self.shared.config.runtime.pretends() {
            return;
        }
        self.volumes_ready = false;
        let (layout, uid) = (self.shared.layout.clone(), pod.uid().to_owned());
        let result = tokio::task::spawn_blocking(move || setup::tear_down(&layout, &uid)).await;
        if let Ok(Err(error)) = result {
            tracing::warn!(pod = pod.key(), %error, "pod directory not removed");
        }
    }

    /// Removes the last files of a pod that is gone: volumes and logs.
    pub(super) async fn clean_up(&mut self, pod: &Pod) {
        self.unmount(pod).await;
        if self.shared.config.runtime.pretends() {
            return;
        }
        let logs = self.shared.layout.pod_logs(pod);
        let result = tokio::task::spawn_blocking(move || setup::remove(&logs)).await;
        if let Ok(Err(error)) = result {
            tracing::warn!(pod = pod.key(), %error, "pod logs not removed");
        }
    }
}

/// Upstream's name of an atomic writer's directory, to the second.
fn stamp(now: i64) -> String {
    let time = super::time::Time::from_nanos(now).to_string();
    time.trim_end_matches('Z').replace(['-', ':', 'T'], "_")
}

/// The name of the host inside the pod, and its domain if it has one.
pub fn hostname(pod: &Pod) -> &str {
    let name = pod.spec.hostname.as_deref().filter(|name| !name.is_empty()).unwrap_or(pod.name());
    let cut = name.get(..MAX_HOSTNAME).unwrap_or(name);
    cut.trim_end_matches(['-', '.'])
}

fn sandbox_config(shared: &Shared, pod: &Pod, attempt: u32) -> Result<SandboxConfig, String> {
    let spec = &pod.spec;
    if let Some(class) = spec.runtime_class_name.as_deref().filter(|class| !class.is_empty()) {
        return Err(format!("RuntimeClass {class:?} is not supported yet"));
    }
    if spec.host_users == Some(false) && !shared.config.runtime.pretends() {
        return Err("hostUsers: false (a user namespace) is not supported yet".to_owned());
    }
    let mut hostname = hostname(pod).to_owned();
    if spec.set_hostname_as_fqdn == Some(true) {
        let domain = shared.config.cluster_dns.as_ref().map_or("cluster.local", |dns| &dns.domain);
        if let Some(subdomain) = spec.subdomain.as_deref().filter(|name| !name.is_empty()) {
            hostname = format!("{hostname}.{subdomain}.{}.svc.{domain}", pod.namespace());
        }
    }
    let sysctls = spec.security_context.iter().flat_map(|context| &context.sysctls);
    Ok(SandboxConfig {
        name: pod.name().to_owned(),
        namespace: pod.namespace().to_owned(),
        uid: pod.uid().to_owned(),
        attempt,
        hostname,
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        annotations: pod.metadata.annotations.clone().unwrap_or_default(),
        host_network: spec.host_network,
        host_pid: spec.host_pid,
        host_ipc: spec.host_ipc,
        share_process_namespace: spec.share_process_namespace,
        dns: dns(shared, pod),
        sysctls: sysctls.map(|sysctl| (sysctl.name.clone(), sysctl.value.clone())).collect(),
        log_directory: shared.layout.pod_logs(pod),
        resources: qos::pod_resources(pod),
    })
}

/// The pod's resolver by its dnsPolicy, then what its dnsConfig adds. Empty keeps the host's.
fn dns(shared: &Shared, pod: &Pod) -> DnsConfig {
    let spec = &pod.spec;
    let own = spec.dns_config.as_deref();
    let cluster = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "None" => {
            return own.map_or_else(DnsConfig::default, |own| merge(DnsConfig::default(), own));
        }
        "ClusterFirst" if !spec.host_network => shared.config.cluster_dns.as_ref(),
        "ClusterFirstWithHostNet" => shared.config.cluster_dns.as_ref(),
        _ => None,
    };
    match (cluster, own) {
        (None, None) => DnsConfig::default(),
        (cluster, own) => {
            let host = host_dns(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
            let base =
                cluster.map_or_else(|| host.clone(), |dns| dns.config(pod.namespace(), &host));
            own.map_or_else(|| base.clone(), |own| merge(base.clone(), own))
        }
    }
}

/// Lists are joined without repeats; an option of the pod's own wins.
fn merge(mut base: DnsConfig, own: &PodDnsConfig) -> DnsConfig {
    let add = |list: &mut Vec<String>, more: &[String]| {
        for item in more {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
    };
    add(&mut base.nameservers, &own.nameservers);
    add(&mut base.searches, &own.searches);
    let mut options: BTreeMap<String, Option<String>> = base
        .options
        .iter()
        .map(|option| match option.split_once(':') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (option.clone(), None),
        })
        .collect();
    options.extend(own.options.iter().map(|option| (option.name.clone(), option.value.clone())));
    let text = |(name, value): (String, Option<String>)| match value {
        Some(value) => format!("{name}:{value}"),
        None => name,
    };
    base.options = options.into_iter().map(text).collect();
    base
}

fn host_dns(resolv_conf: &str) -> DnsConfig {
    let mut dns = DnsConfig::default();
    for line in resolv_conf.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => dns.nameservers.extend(words.next().map(str::to_owned)),
            // The last line of these two kinds wins.
            Some("search" | "domain") => dns.searches = words.map(str::to_owned).collect(),
            Some("options") => dns.options.extend(words.map(str::to_owned)),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_merged_without_repeats() {
        let host =
            host_dns("nameserver 1.1.1.1\ndomain a\nsearch b c # x\noptions ndots:2 rotate\n");
        assert_eq!(host.nameservers, ["1.1.1.1"]);
        assert_eq!(host.searches[..2], ["b", "c"]);
        let own: PodDnsConfig = serde_json::from_value(serde_json::json!({
            "nameservers": ["1.1.1.1", "9.9.9.9"], "searches": ["c", "d"],
            "options": [{"name": "ndots", "value": "7"}, {"name": "edns0"}]
        }))
        .expect("a config");
        let merged = merge(host, &own);
        assert_eq!(merged.nameservers, ["1.1.1.1", "9.9.9.9"]);
        assert!(merged.searches.ends_with(&["d".to_owned()]));
        assert_eq!(merged.options, ["edns0", "ndots:7", "rotate"]);
    }
}
