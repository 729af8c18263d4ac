//! Requests by verb, resource and outcome.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as Metricset;

use super::classic::classic;
use super::process;
use crate::config::CertificateEnds;
use crate::registry::Registry;

/// Upstream's buckets for request durations, in seconds.
const BUCKETS: [f64; 24] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0,
];

/// Upstream's buckets for what is left of a client's certificate, in seconds: up to a year.
const CERTIFICATE_BUCKETS: [f64; 15] = [
    0.0,
    1_800.0,
    3_600.0,
    7_200.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    345_600.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    23_328_000.0,
    31_104_000.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    pub verb: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub scope: String,
    pub code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DurationLabels {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ObjectLabels {
    resource: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CertificateLabels {
    name: String,
}

pub struct Metrics {
    set: Metricset,
    total: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
    objects: Family<ObjectLabels, Gauge>,
    client_certificates: Histogram,
    certificates: Family<CertificateLabels, Gauge<f64, AtomicU64>>,
    certificate_ends: Option<CertificateEnds>,
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    virtual_memory: Gauge,
    open_fds: Gauge,
    threads: Gauge,
}

impl Metrics {
    pub fn new(certificate_ends: Option<CertificateEnds>) -> Self {
        let mut set = Metricset::default();
        let total = Family::default();
        // The encoder appends `_total` to counters itself.
        set.register(
            "apiserver_request",
            "Counter of apiserver requests broken out for each verb, group, version, resource, scope and HTTP response code",
            total.clone(),
        );
        let durations =
            Family::<DurationLabels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        set.register(
            "apiserver_request_duration_seconds",
            "Response latency in seconds for each verb, group, version, resource, subresource and scope",
            durations.clone(),
        );
        let objects = Family::default();
        set.register(
            "apiserver_storage_objects",
            "Number of stored objects, by resource",
            objects.clone(),
        );
        let client_certificates = Histogram::new(CERTIFICATE_BUCKETS);
        set.register(
            "apiserver_client_certificate_expiration_seconds",
            "Distribution of the remaining lifetime on the certificate used to authenticate a request",
            client_certificates.clone(),
        );
        let certificates = Family::default();
        set.register(
            "coracle_certificate_expiration_seconds",
            "Seconds until a certificate of this cluster ends",
            certificates.clone(),
        );
        let cpu = Counter::default();
        set.register(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds",
            cpu.clone(),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            set.register(name, help, gauge.clone());
            gauge
        };
        let resident = gauge("process_resident_memory_bytes", "Resident memory size in bytes");
        let virtual_memory = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes");
        let open_fds = gauge("process_open_fds", "Number of open file descriptors");
        let threads = gauge("process_threads", "Number of OS threads in the process");
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        started.set(process::start_time().unwrap_or_default());
        set.register(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds",
            started,
        );
        Self {
            set,
            total,
            durations,
            objects,
            client_certificates,
            certificates,
            certificate_ends,
            cpu,
            resident,
            virtual_memory,
            open_fds,
            threads,
        }
    }

    /// Counts a finished request. A watch's duration would be its life, so it is not timed.
    pub fn observe(&self, labels: RequestLabels, took: Duration) {
        if labels.verb != "watch" {
            let timed = DurationLabels {
                verb: labels.verb.clone(),
                group: labels.group.clone(),
                version: labels.version.clone(),
                resource: labels.resource.clone(),
                subresource: labels.subresource.clone(),
                scope: labels.scope.clone(),
            };
            self.durations.get_or_create(&timed).observe(took.as_secs_f64());
        }
        self.total.get_or_create(&labels).inc();
    }

    /// Counts a request by what is left of the certificate that it came with.
    pub fn observe_client_certificate(&self, left: Duration) {
        self.client_certificates.observe(left.as_secs_f64());
    }

    fn render_certificates(&self, now: SystemTime) {
        for (name, end) in self.certificate_ends.iter().flat_map(|ends| ends()) {
            let left = match end.duration_since(now) {
                Ok(left) => left.as_secs_f64(),
                Err(over) => -over.duration().as_secs_f64(),
            };
            self.certificates.get_or_create(&CertificateLabels { name }).set(left);
        }
    }

    /// The exposition, in Prometheus' text format.
    pub fn render(&self, registry: &Registry) -> Result<String, std::fmt::Error> {
        for kind in registry.kinds() {
            let resource = kind.row.group_resource();
            self.objects.get_or_create(&ObjectLabels { resource }).set(kind.cache.len() as i64);
        }
        self.render_certificates(SystemTime::now());
        let now = process::usage();
        self.cpu.inc_by((now.cpu_seconds - self.cpu.get()).max(0.0));
        self.resident.set(now.resident_bytes);
        self.virtual_memory.set(now.virtual_bytes);
        self.open_fds.set(now.open_fds);
        self.threads.set(now.threads);
        let mut text = String::new();
        encode(&mut text, &self.set)?;
        Ok(classic(&text))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(None)
    }
}
