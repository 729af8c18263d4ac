//! `/metrics` in Prometheus' text format, under etcd's names, so that its dashboards and alerts
//! work. Only what is really measured is there.

use std::fmt::{Display, Write};

use super::grpc_counts::GrpcCounts;
use crate::ETCD_VERSION;
use crate::care::Measures;
use crate::wal::SyncTimes;

/// The content type of the text format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page. Writing into a string cannot fail, so the results are dropped.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.value(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.value(name, value);
    }

    fn calls(&mut self, counts: &GrpcCounts) {
        let received = "Bytes that gRPC clients sent.";
        self.counter("etcd_network_client_grpc_received_bytes_total", received, counts.received());
        let sent = "Bytes sent to gRPC clients.";
        self.counter("etcd_network_client_grpc_sent_bytes_total", sent, counts.sent());
        let name = "grpc_server_handled_total";
        self.head(name, "counter", "Calls that ended, by code.");
        for (((service, method, kind), code), count) in counts.all_handled() {
            let labels = format!(
                "grpc_code=\"{code}\",grpc_method=\"{method}\",grpc_service=\"{service}\",\
                 grpc_type=\"{kind}\""
            );
            self.value(&format!("{name}{{{labels}}}"), count);
        }
    }

    fn syncs(&mut self, name: &str, help: &str, times: &SyncTimes) {
        self.head(name, "histogram", help);
        for (bound, count) in times.cumulative() {
            self.value(&format!("{name}_bucket{{le=\"{bound}\"}}"), count);
        }
        self.value(&format!("{name}_bucket{{le=\"+Inf\"}}"), times.count());
        self.value(&format!("{name}_sum"), times.total_seconds());
        self.value(&format!("{name}_count"), times.count());
    }
}

pub(super) fn page(measures: &Measures, counts: &GrpcCounts) -> String {
    let mut page = Page(String::new());
    let has_leader = u8::from(measures.has_leader);
    page.gauge("etcd_server_has_leader", "Whether there is a leader.", has_leader);
    let is_leader = u8::from(measures.is_leader);
    page.gauge("etcd_server_is_leader", "Whether this member leads.", is_leader);
    // A single voter elects itself when it starts, and never again.
    page.counter("etcd_server_leader_changes_seen_total", "Leaders seen.", has_leader);
    page.gauge(
        "etcd_server_proposals_committed_total",
        "Index of the last committed entry.",
        measures.committed_index,
    );
    page.gauge(
        "etcd_server_proposals_applied_total",
        "Index of the last applied entry.",
        measures.applied_index,
    );
    page.gauge(
        "etcd_server_proposals_pending",
        "Proposals that wait for their commit.",
        measures.proposals_pending,
    );
    page.counter(
        "etcd_server_proposals_failed_total",
        "Proposals without an answer.",
        measures.proposals_failed,
    );
    page.head("etcd_server_version", "gauge", "The version whose behaviour is served.");
    page.value(&format!("etcd_server_version{{server_version=\"{ETCD_VERSION}\"}}"), 1);
    page.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes on disk.", measures.size);
    page.gauge(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "Bytes of live keys in memory.",
        measures.size_in_use,
    );
    page.gauge("etcd_debugging_mvcc_keys_total", "Live keys.", measures.keys);
    let revision = measures.revision;
    page.gauge("etcd_debugging_mvcc_current_revision", "The current revision.", revision);
    page.gauge(
        "etcd_debugging_mvcc_compact_revision",
        "The last compacted revision.",
        measures.compact_revision,
    );
    if let Some(times) = &measures.syncs {
        let help = "How long the write-ahead log's syncs took.";
        page.syncs("etcd_disk_wal_fsync_duration_seconds", help, times);
    }
    page.calls(counts);
    page.0
}
