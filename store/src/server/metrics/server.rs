//! The member: Raft, keys, disk, health.

use std::sync::atomic::Ordering;

use super::Meters;
use super::page::Page;
use crate::server::http::{CHECKS, cluster_version};
use crate::{ETCD_VERSION, Embedded};

pub(super) fn write(page: &mut Page, store: &Embedded, meters: &Meters) {
    let measures = store.measures();
    let has_leader = u8::from(measures.has_leader);
    page.gauge("etcd_server_has_leader", "Whether there is a leader.", has_leader);
    let is_leader = u8::from(measures.is_leader);
    page.gauge("etcd_server_is_leader", "Whether this member leads.", is_leader);
    let is_learner = u8::from(store.is_learner());
    page.gauge("etcd_server_is_learner", "Whether this member is a learner.", is_learner);
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
    let auth_revision = store.published.state.load().side.auth.revision;
    page.gauge("etcd_debugging_auth_revision", "Changes of users and roles.", auth_revision);
    let waiting = meters.access.waiting();
    page.gauge("etcd_server_proposals_queued", "Writes that wait for their turn.", waiting);
    page.head("etcd_server_version", "gauge", "The version whose behaviour is served.");
    page.labelled("etcd_server_version", &[("server_version", ETCD_VERSION)], 1);
    let cluster = cluster_version();
    let minor = cluster.strip_suffix(".0").unwrap_or(&cluster);
    page.head("etcd_cluster_version", "gauge", "The version that the members agree on.");
    page.labelled("etcd_cluster_version", &[("cluster_version", minor)], 1);
    page.head("etcd_server_id", "gauge", "This member's id in hexadecimal.");
    let id = format!("{:x}", store.published.identity.member_id);
    page.labelled("etcd_server_id", &[("server_id", &id)], 1);
    let quota = store.config.care.quota().unwrap_or(0);
    page.gauge("etcd_server_quota_backend_bytes", "Bytes that the store may take.", quota);
    known_peers(page, store);
    keys(page, &measures);
    done(page, store);
    if let Some(times) = &measures.syncs {
        let help = "How long the write-ahead log's syncs took.";
        page.histogram("etcd_disk_wal_fsync_duration_seconds", help, times);
    }
    health(page, meters);
}

fn keys(page: &mut Page, measures: &crate::care::Measures) {
    page.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes on disk.", measures.size);
    page.gauge(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "Bytes of live keys in memory.",
        measures.size_in_use,
    );
    let quota = measures.quota.map_or(-1, |quota| i64::try_from(quota).unwrap_or(i64::MAX));
    page.gauge("etcd_server_quota_backend_bytes", "The quota in force, -1 for none.", quota);
    let stalls = measures.disk_stalls;
    page.counter("coracle_store_disk_stalls_total", "Stalls of the log's disk.", stalls);
    page.gauge("etcd_debugging_mvcc_keys_total", "Live keys.", measures.keys);
    let revision = measures.revision;
    page.gauge("etcd_debugging_mvcc_current_revision", "The current revision.", revision);
    page.gauge(
        "etcd_debugging_mvcc_compact_revision",
        "The last compacted revision.",
        measures.compact_revision,
    );
}

/// As in etcd, one series for each member that this one knows, itself among them.
fn known_peers(page: &mut Page, store: &Embedded) {
    let name = "etcd_network_known_peers";
    page.head(name, "gauge", "The members that this one knows.");
    let local = format!("{:x}", store.published.identity.member_id);
    for member in store.known_members() {
        let remote = format!("{:x}", member.id);
        page.labelled(name, &[("Local", &local), ("Remote", &remote)], 1);
    }
}

/// What was done since the start.
fn done(page: &mut Page, store: &Embedded) {
    let meters = &store.published.meters;
    let (watchers, slow) = store.published.hub.watchers();
    page.gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", watchers);
    page.gauge("etcd_debugging_mvcc_slow_watcher_total", "Watchers that are behind.", slow);
    let help = "Watch streams of clients.";
    let streams = meters.watch_streams.load(Ordering::Relaxed);
    page.gauge("etcd_debugging_mvcc_watch_stream_total", help, streams);
    let help = "Bytes of keys and values that were put.";
    let bytes = meters.put_bytes.load(Ordering::Relaxed);
    page.gauge("etcd_debugging_mvcc_total_put_size_in_bytes", help, bytes);
    for (name, help, count) in [
        ("etcd_server_leader_changes_seen_total", "Leaders seen.", &meters.leader_changes),
        ("etcd_mvcc_put_total", "Puts applied.", &meters.puts),
        ("etcd_mvcc_delete_total", "Deletes applied.", &meters.deletes),
        ("etcd_mvcc_txn_total", "Transactions applied that changed something.", &meters.txns),
        ("etcd_mvcc_range_total", "Ranges that clients asked for.", &meters.ranges),
        ("etcd_debugging_mvcc_events_total", "Events sent to clients.", &meters.events),
        ("etcd_debugging_lease_granted_total", "Leases granted.", &meters.leases_granted),
        ("etcd_debugging_lease_revoked_total", "Leases revoked.", &meters.leases_revoked),
        (
            "etcd_debugging_server_lease_expired_total",
            "Leases that ran out.",
            &meters.leases_expired,
        ),
        ("etcd_debugging_lease_renewed_total", "Renewals asked for.", &meters.leases_renewed),
    ] {
        page.counter(name, help, count.load(Ordering::Relaxed));
    }
}

fn health(page: &mut Page, meters: &Meters) {
    let counts = &meters.health;
    let well = counts.well.load(Ordering::Relaxed);
    page.counter("etcd_server_health_success", "Checks of /health that went well.", well);
    let unwell = counts.unwell.load(Ordering::Relaxed);
    page.counter("etcd_server_health_failures", "Checks of /health that did not.", unwell);
    let name = "etcd_server_healthcheck";
    page.head(name, "gauge", "How each check of /livez and /readyz ended last.");
    let each = || CHECKS.iter().zip(&counts.checks);
    for ((probe, check), (_, _, last)) in each() {
        let last = last.load(Ordering::Relaxed);
        if last >= 0 {
            page.labelled(name, &[("name", check.name()), ("type", probe)], last);
        }
    }
    let name = "etcd_server_healthchecks_total";
    page.head(name, "counter", "Checks of /livez and /readyz, by how they ended.");
    for ((probe, check), (good, bad, _)) in each() {
        for (status, count) in [("success", good), ("error", bad)] {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels = [("name", check.name()), ("status", status), ("type", probe)];
                page.labelled(name, &labels, count);
            }
        }
    }
}
