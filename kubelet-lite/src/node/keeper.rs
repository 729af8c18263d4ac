//! Registers the Node and keeps it alive.
//!
//! ```text
//!  register ──► renew the Lease every 10 s ──► status when it changed, or after 5 min
//!     ▲                                          │
//!     └────────── the Node is not there ◄────────┘
//! ```
//!
//! The Lease is the heartbeat: it is small, and it is what the node lifecycle controller reads. The
//! Node itself is watched, so that a deleted one is back at once.

use std::time::Duration;

use client::EventRecorder;
use client::EventType;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::machine::Machine;
use super::object::{self, Facts, Pressure, Transitions};
use crate::config::KubeletConfig;
use crate::pod::time::Time;
use crate::rest::{self, PatchKind};

/// As upstream: a quarter of the lease's duration.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// As upstream's nodeStatusReportFrequency.
const REPORT_EVERY: Duration = Duration::from_secs(300);
/// Pauses between attempts to register: doubled up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

pub struct Keeper {
    config: KubeletConfig,
    client: Client,
    events: EventRecorder,
    machine: Machine,
    uid: String,
    /// The Node was in the list that the watch began with.
    listed: bool,
    /// What was last written, without the heartbeat's times.
    written: Value,
    pressure: Pressure,
}

impl Keeper {
    pub fn new(config: KubeletConfig, client: Client, events: EventRecorder) -> Self {
        Self {
            config,
            client,
            events,
            machine: Machine::read(),
            uid: String::new(),
            listed: false,
            written: Value::Null,
            pressure: Pressure::default(),
        }
    }

    /// Runs until cancelled. `registered` is told once the Node is there for the first time.
    pub async fn run(
        mut self,
        cancel: CancellationToken,
        registered: tokio::sync::watch::Sender<bool>,
    ) {
        let first = cancel.run_until_cancelled(self.register()).await;
        if first.is_none() {
            return;
        }
        registered.send_replace(true);
        self.announce("Starting", "Starting kubelet.");
        let nodes: Api<client::light::Node> = Api::all(self.client.clone());
        let name = format!("metadata.name={}", self.config.node_name);
        let watch = watcher(nodes, watcher::Config::default().fields(&name));
        let mut watch = std::pin::pin!(kube::runtime::WatchStreamExt::default_backoff(watch));
        let mut renew = tokio::time::interval_at(self.first_renewal(), RENEW_EVERY);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut report = tokio::time::Instant::now() + REPORT_EVERY;
        loop {
            let lost = tokio::select! {
                () = cancel.cancelled() => return,
                event = watch.next() => self.is_gone(event),
                _ = renew.tick() => self.beat(&mut report).await,
            };
            if lost && cancel.run_until_cancelled(self.register()).await.is_none() {
                return;
            }
        }
    }

    /// Spread over the period, so that a thousand nodes of one process do not beat at once.
    fn first_renewal(&self) -> tokio::time::Instant {
        let part: f64 = rand::random();
        tokio::time::Instant::now() + RENEW_EVERY.mul_f64(part)
    }

    /// Takes in one event of the watch. True if the Node is not there.
    fn is_gone(
        &mut self,
        event: Option<watcher::Result<watcher::Event<client::light::Node>>>,
    ) -> bool {
        match event {
            Some(Ok(watcher::Event::Init)) => self.listed = false,
            Some(Ok(watcher::Event::InitApply(node) | watcher::Event::Apply(node))) => {
                self.listed = true;
                // Somebody else may have made it anew: it is ours all the same.
                self.uid = node.metadata.uid.unwrap_or_default();
            }
            Some(Ok(watcher::Event::InitDone)) => return !self.listed,
            Some(Ok(watcher::Event::Delete(node))) => {
                return node.metadata.uid.as_deref() == Some(self.uid.as_str());
            }
            Some(Err(error)) => {
                tracing::debug!(node = self.config.node_name, %error, "watch of the own node");
            }
            None => {}
        }
        false
    }

    /// Renews the lease and writes the status if that is due. True if the Node is gone.
    async fn beat(&mut self, report: &mut tokio::time::Instant) -> bool {
        if let Err(error) = self.renew().await {
            tracing::warn!(node = self.config.node_name, %error, "lease not renewed");
        }
        let status = self.status().await;
        let due = tokio::time::Instant::now() >= *report;
        let pressure = self.measure();
        if !due && status == self.written && pressure == self.pressure {
            return false;
        }
        match self.write_status(status, pressure).await {
            Ok(()) => *report = tokio::time::Instant::now() + REPORT_EVERY,
            Err(error) if rest::is_not_found(&error) => return true,
            Err(error) => {
                tracing::warn!(node = self.config.node_name, %error, "node status not written");
            }
        }
        false
    }

    /// Creates the Node, or takes over the one that is there. Tries until it succeeds.
    async fn register(&mut self) {
        let mut pause = RETRY.0;
        loop {
            match self.try_register().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(node = self.config.node_name, %error, "node not registered yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    async fn try_register(&mut self) -> kube::Result<()> {
        let mut node = object::node(&self.facts());
        let status = self.status().await;
        let pressure = self.measure();
        let now = Time::from_nanos((self.config.clock)());
        let mut full = status.clone();
        full["conditions"] = json!(object::conditions(pressure, &Transitions::default(), now));
        node["status"] = full;
        match rest::create::<Value>(&self.client, "/api/v1/nodes", &node).await {
            Ok(created) => {
                self.uid = uid(&created);
                if created.pointer("/status/conditions").is_some() {
                    (self.written, self.pressure) = (status, pressure);
                } else {
                    self.write_status(status, pressure).await?;
                }
            }
            Err(error) if rest::code(&error) == Some(409) => {
                let labels = json!({"metadata": {"labels": node["metadata"]["labels"]}});
                let path = self.path();
                let known: Value =
                    rest::patch(&self.client, &path, PatchKind::Merge, &labels).await?;
                self.uid = uid(&known);
                self.write_status(status, pressure).await?;
            }
            Err(error) => return Err(error),
        }
        self.renew().await
    }

    fn path(&self) -> String {
        format!("/api/v1/nodes/{}", self.config.node_name)
    }

    fn facts(&self) -> Facts<'_> {
        let config = &self.config;
        Facts {
            name: &config.node_name,
            ip: config.node_ip.to_string(),
            port: config.kubelet_port,
            pod_cidr: &config.pod_cidr,
            labels: &config.labels,
            taints: &config.taints,
            capacity: &config.capacity,
            machine: &self.machine,
            runtime_version: config.runtime.version(),
        }
    }

    async fn status(&self) -> Value {
        let images = self.config.runtime.list_images().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "images not listed");
            Vec::new()
        });
        object::status(&self.facts(), &images)
    }

    /// A hollow node is never under pressure: nothing runs on it.
    fn measure(&self) -> Pressure {
        if self.config.runtime.pretends() {
            return Pressure::default();
        }
        let pressure = super::machine::pressure(&self.config.root_dir);
        if pressure != self.pressure && pressure != Pressure::default() {
            tracing::warn!(
                node = self.config.node_name,
                memory = pressure.memory,
                disk = pressure.disk,
                pids = pressure.pids,
                "this machine runs short: the node is tainted and takes no new pods"
            );
        }
        pressure
    }

    async fn write_status(&mut self, status: Value, pressure: Pressure) -> kube::Result<()> {
        let path = self.path();
        let known: Value = rest::get(&self.client, &path).await?;
        let now = Time::from_nanos((self.config.clock)());
        let mut full = status.clone();
        full["conditions"] = json!(object::conditions(pressure, &Transitions::of(&known), now));
        let body = json!({"status": full});
        let path = format!("{path}/status");
        rest::patch::<Value>(&self.client, &path, PatchKind::Strategic, &body).await?;
        (self.written, self.pressure) = (status, pressure);
        Ok(())
    }

    async fn renew(&self) -> kube::Result<()> {
        let now = (self.config.clock)();
        let name = &self.config.node_name;
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
        let path = format!("{leases}/{name}");
        let renewal = object::renewal(name, &self.uid, now);
        match rest::patch::<Value>(&self.client, &path, PatchKind::Merge, &renewal).await {
            Err(error) if rest::is_not_found(&error) => {
                let lease = object::lease(name, &self.uid, now);
                rest::create::<Value>(&self.client, leases, &lease).await.map(|_| ())
            }
            result => result.map(|_| ()),
        }
    }

    fn announce(&self, reason: &str, message: &str) {
        // As upstream, the Node's name stands in for its uid in the kubelet's own events.
        let regarding = ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(self.config.node_name.clone()),
            uid: Some(self.config.node_name.clone()),
            ..ObjectReference::default()
        };
        self.events.event_about(regarding, EventType::Normal, reason, message);
    }
}

fn uid(node: &Value) -> String {
    node.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned()
}
