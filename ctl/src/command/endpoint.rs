//! `endpoint health|status`: each endpoint is asked for itself.

use std::time::{Duration, Instant};

use anyhow::bail;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;

use super::{member, within};
use crate::arguments::Endpoint;
use crate::connect::{Target, kv};
use crate::output::Printer;

/// What one endpoint said.
pub struct Health {
    pub endpoint: String,
    pub took: Duration,
    pub error: Option<String>,
}

pub async fn run(
    target: &Target,
    command: Endpoint,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    match command {
        Endpoint::Health { cluster } => health(target, cluster, printer, timeout).await,
        Endpoint::Status { cluster } => status(target, cluster, printer, timeout).await,
    }
}

async fn endpoints(
    target: &Target,
    cluster: bool,
    timeout: Duration,
) -> anyhow::Result<Vec<String>> {
    if !cluster {
        return Ok(target.endpoints.clone());
    }
    let members = member::list(target.any().await?, timeout).await?;
    Ok(members.members.into_iter().flat_map(|member| member.client_ur_ls).collect())
}

async fn health(
    target: &Target,
    cluster: bool,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for endpoint in endpoints(target, cluster, timeout).await? {
        let start = Instant::now();
        let error = probe(target, &endpoint, timeout).await.err().map(|error| format!("{error:#}"));
        answers.push(Health { endpoint, took: start.elapsed(), error });
    }
    printer.endpoint_health(&answers)?;
    let unhealthy = answers.iter().filter(|answer| answer.error.is_some()).count();
    if unhealthy > 0 {
        bail!("unhealthy cluster");
    }
    Ok(())
}

/// A linearizable read: it needs a leader and a quorum, as etcdctl's own check does.
async fn probe(target: &Target, endpoint: &str, timeout: Duration) -> anyhow::Result<()> {
    let request = pb::RangeRequest { key: "health".into(), ..Default::default() };
    within(timeout, kv(target.connect(endpoint).await?).range(request)).await.map(|_| ())
}

async fn status(
    target: &Target,
    cluster: bool,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    let mut failed = 0;
    for endpoint in endpoints(target, cluster, timeout).await? {
        let answer = async {
            let mut client = MaintenanceClient::new(target.connect(&endpoint).await?);
            within(timeout, client.status(pb::StatusRequest {})).await
        };
        match answer.await {
            Ok(status) => answers.push((endpoint, status)),
            Err(error) => {
                failed += 1;
                eprintln!("Failed to get the status of endpoint {endpoint} ({error:#})");
            }
        }
    }
    printer.endpoint_status(&answers)?;
    if failed > 0 {
        bail!("{failed} endpoint(s) did not answer");
    }
    Ok(())
}
