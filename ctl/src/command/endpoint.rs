//! `endpoint health|status|hashkv`: each endpoint is asked for itself.

use std::time::Instant;

use futures::future::join_all;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::alarm_request::AlarmAction;

use super::{Context, member, within};
use crate::arguments::cluster::{Endpoint, EndpointCommand};
use crate::failure::Told;
use crate::output::{Answer, Health};

pub async fn run(run: &Context, arguments: Endpoint) -> anyhow::Result<()> {
    let endpoints = endpoints(run, arguments.cluster).await?;
    match arguments.command {
        EndpointCommand::Health => health(run, endpoints).await,
        EndpointCommand::Status => status(run, endpoints).await,
        EndpointCommand::Hashkv { rev } => hash_kv(run, endpoints, rev).await,
    }
}

/// Those that were named, or those of all members.
pub async fn endpoints(run: &Context, cluster: bool) -> anyhow::Result<Vec<String>> {
    if cluster { member::client_urls(run).await } else { Ok(run.target.endpoints.clone()) }
}

/// Asks all at once: one that hangs does not keep the others from being told of.
async fn health(run: &Context, endpoints: Vec<String>) -> anyhow::Result<()> {
    let answers = join_all(endpoints.into_iter().map(|endpoint| probe(run, endpoint))).await;
    run.printer.print(&Answer::Health(&answers))?;
    anyhow::ensure!(answers.iter().all(|answer| answer.error.is_empty()), "unhealthy cluster");
    Ok(())
}

/// A linearizable read, which needs a leader and a quorum, and no alarm.
async fn probe(run: &Context, endpoint: String) -> Health {
    let session = match run.target.only(&endpoint).await {
        Ok(session) => session,
        Err(error) => return Health { endpoint, took: None, error: format!("{error:#}") },
    };
    let start = Instant::now();
    let request = pb::RangeRequest { key: "health".into(), ..Default::default() };
    let read = within(run.timeout, session.kv().range(request)).await;
    let took = Some(start.elapsed());
    if let Err(error) = read
        && !error.to_string().contains("permission denied")
    {
        return Health { endpoint, took, error: format!("{error:#}") };
    }
    let request = pb::AlarmRequest { action: AlarmAction::Get.into(), ..Default::default() };
    let error = match within(run.timeout, session.maintenance().alarm(request)).await {
        Ok(response) if response.alarms.is_empty() => String::new(),
        Ok(response) => {
            let alarms = response.alarms.iter().map(|alarm| alarm.alarm().as_str_name());
            format!("Active Alarm(s): {} ", alarms.collect::<Vec<_>>().join(" "))
        }
        Err(_) => "Unable to fetch the alarm list".to_owned(),
    };
    Health { endpoint, took, error }
}

async fn status(run: &Context, endpoints: Vec<String>) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    let mut failed = false;
    for endpoint in endpoints {
        let answer = async {
            let mut client = run.target.only(&endpoint).await?.maintenance();
            within(run.timeout, client.status(pb::StatusRequest {})).await
        };
        match answer.await {
            Ok(status) => answers.push((endpoint, status)),
            Err(error) => {
                failed = true;
                eprintln!("Failed to get the status of endpoint {endpoint} ({error:#})");
            }
        }
    }
    run.printer.print(&Answer::Status(&answers))?;
    if failed { Err(Told.into()) } else { Ok(()) }
}

async fn hash_kv(run: &Context, endpoints: Vec<String>, revision: i64) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    let mut failure = None;
    for endpoint in endpoints {
        let answer = async {
            let mut client = run.target.only(&endpoint).await?.maintenance();
            within(run.timeout, client.hash_kv(pb::HashKvRequest { revision })).await
        };
        match answer.await {
            Ok(hash) => answers.push((endpoint, hash)),
            Err(error) => {
                eprintln!("Failed to get the hash of endpoint {endpoint} ({error:#})");
                failure = Some(error);
            }
        }
    }
    run.printer.print(&Answer::HashKv(&answers))?;
    failure.map_or(Ok(()), Err)
}
