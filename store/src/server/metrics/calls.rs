//! What gRPC clients asked.

use std::sync::atomic::Ordering;

use super::page::Page;
use crate::server::calls::{CallCounts, MethodCounts};

pub(super) fn write(page: &mut Page, counts: &CallCounts) {
    let received = counts.received_bytes.load(Ordering::Relaxed);
    let name = "etcd_network_client_grpc_received_bytes_total";
    page.counter(name, "Bytes that gRPC clients sent.", received);
    let sent = counts.sent_bytes.load(Ordering::Relaxed);
    let name = "etcd_network_client_grpc_sent_bytes_total";
    page.counter(name, "Bytes sent to gRPC clients.", sent);
    let name = "etcd_server_client_requests_total";
    page.head(name, "counter", "Requests by type and by the version that the client tells.");
    for (kind, version, count) in counts.versions() {
        page.labelled(name, &[("client_api_version", &version), ("type", kind)], count);
    }
    let name = "grpc_server_handled_total";
    page.head(name, "counter", "Calls that ended, by code.");
    for ([service, method, kind], counts) in counts.methods() {
        for (code, count) in counts.handled() {
            let labels = [
                ("grpc_code", code),
                ("grpc_method", method),
                ("grpc_service", service),
                ("grpc_type", kind),
            ];
            page.labelled(name, &labels, count);
        }
    }
    let mut by_method = |name: &str, help: &str, count: fn(&_) -> u64| {
        page.head(name, "counter", help);
        for ([service, method, kind], counts) in counts.methods() {
            let labels = [("grpc_method", method), ("grpc_service", service), ("grpc_type", kind)];
            page.labelled(name, &labels, count(counts));
        }
    };
    by_method("grpc_server_started_total", "Calls that began.", |counts: &MethodCounts| {
        counts.started.load(Ordering::Relaxed)
    });
    by_method("grpc_server_msg_received_total", "Messages from clients.", |counts| {
        counts.received.load(Ordering::Relaxed)
    });
    by_method("grpc_server_msg_sent_total", "Messages to clients.", |counts| {
        counts.sent.load(Ordering::Relaxed)
    });
}
