//! The conformance cases through our own server, over gRPC and mutual TLS.

use std::time::Duration;

use super::*;
use crate::conformance::{self, wire};
use crate::server::testing::Served;

/// A case that stands still counts as a difference.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_served_store_conforms() {
    let mut differ = Vec::new();
    for case in conformance::cases() {
        let served = Served::start().await;
        if !case.holds_for(served.connect().await).await {
            differ.push(case.name);
        }
        served.stop().await;
    }
    assert!(differ.is_empty(), "the served store differs in {differ:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_served_store_conforms_on_the_wire() {
    let wanted = std::env::var("ETCD_CASES").unwrap_or_default();
    let mut differ = Vec::new();
    for case in wire::cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        let served = Served::start().await;
        let holding = case.holds_for(served.connect().await.channel());
        if !matches!(tokio::time::timeout(PATIENCE, holding).await, Ok(true)) {
            differ.push(case.name);
        }
        served.stop().await;
    }
    assert!(differ.is_empty(), "the served store differs in {differ:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_passed_over() {
    let served = Served::start().await;
    let mut options = served.options();
    // A port that was just given back.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = gone.local_addr().expect("a bound listener has an address");
    drop(gone);
    options.endpoints.insert(0, format!("https://{address}"));
    Remote::connect(&options).await.expect("the second endpoint answers");
    options.endpoints.truncate(1);
    let refused = Remote::connect(&options).await;
    assert!(matches!(refused, Err(ConnectError::Unreachable { .. })), "{refused:?}");
    options.endpoints.clear();
    assert!(matches!(Remote::connect(&options).await, Err(ConnectError::NoEndpoint)));
    served.stop().await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let served = Served::start().await;
    let mut options = served.options();
    options.tls.as_mut().expect("the server wants TLS").identity = None;
    let refused = Remote::connect(&options).await;
    assert!(refused.is_err(), "{refused:?}");
    served.stop().await;
}
