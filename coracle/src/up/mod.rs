//! `coracle up`: a whole cluster in this process.
//!
//! Order at start: what may refuse comes first (data directory, ports, certificates), then the
//! store, the API on it, and everything that speaks to the API. At the end the same in reverse, so
//! that no component outlives what it talks to.

mod authority;
mod control_plane;
mod data_dir;
mod listeners;
mod node;
mod options;
mod pod_network;
mod ready;
mod rotation;
mod run_file;
mod signals;
mod tls;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use api::Identity;
use certs::HostNames;
use certs::cluster::Settings;
use client::EventRecorder;

use self::control_plane::ControlPlane;
use self::data_dir::DataDir;
use self::listeners::{Listeners, local_url};
use self::node::Nodes;
use self::rotation::Rotation;
use self::run_file::RunFile;
use self::tls::Tls;

pub use self::control_plane::Group;
pub use self::data_dir::{default_path as default_data_dir, images_path, store_path};
pub use self::listeners::advertised_address;
pub use self::node::{NodePlan, containers_node, host_name, runtime_kind};
pub use self::options::{Options, duration};
pub use self::signals::{Caught, Signals};

/// How long tasks that ignore their end may hold up the exit.
const LAST_TASKS: std::time::Duration = std::time::Duration::from_secs(1);

pub fn run(options: Options) -> anyhow::Result<()> {
    let started = Instant::now();
    options.check()?;
    let data_dir = DataDir::open(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let result = runtime.block_on(serve(&options, &data_dir, started));
    runtime.shutdown_timeout(LAST_TASKS);
    data_dir.close().and(result)
}

async fn serve(options: &Options, data_dir: &DataDir, started: Instant) -> anyhow::Result<()> {
    // Installed before anything starts: a Ctrl-C during the start must stop in order too.
    let mut signals = signals::Signals::install()?;
    let listeners = Listeners::bind(options).await?;
    let node_address = advertised_address(options.bind_address);
    let urls = Urls::of(&listeners)?;
    let place = rotation::Place {
        pki: data_dir.pki(),
        host: host_names(options, node_address),
        settings: settings(options),
        kubeconfig: data_dir.kubeconfig(),
        server: urls.apiserver.clone(),
    };
    let rotation = tokio::task::spawn_blocking(move || Rotation::start(place));
    let store = control_plane::open_store(options, data_dir, &urls).await?;
    let rotation = rotation.await.context("making certificates was interrupted")?;
    let (rotation, found) = rotation.context("cannot prepare the certificates")?;
    let tls = Arc::new(Tls::open(&data_dir.pki()).context("cannot use the certificates")?);

    let Listeners { apiserver, kubelet, etcd } = listeners;
    let sockets = control_plane::Sockets { node_address, apiserver, etcd };
    let cluster =
        ControlPlane::start(options, data_dir, sockets, store.clone(), &tls, found).await?;
    let nodes = Nodes::start(options, data_dir, &cluster, kubelet, &tls).await?;
    let upkeep = keep(rotation, &tls, &cluster);
    let kubeconfig = data_dir.kubeconfig();
    let outcome = tokio::select! {
        ready = ready::wait(&cluster, &nodes) => ready,
        signal = signals.next() => Err(anyhow::anyhow!("stopped by {signal} before it was ready")),
        failure = cluster.failed() => Err(failure),
    };
    let outcome = match outcome {
        Ok(()) => {
            announce(data_dir, &urls, &kubeconfig, started)?;
            tokio::select! {
                signal = signals.next() => {
                    tracing::info!("{signal}: stopping; once more to stop at once");
                    Ok(())
                }
                failure = cluster.failed() => Err(failure),
            }
        }
        failure => failure,
    };
    let stop = async {
        upkeep.stop().await;
        nodes.stop().await;
        cluster.stop().await;
        store.shutdown().await;
    };
    tokio::select! {
        () = stop => {}
        signal = signals.next() => anyhow::bail!("stopped at once by a second {signal}"),
    }
    // Only a running cluster says where it is.
    let _ = std::fs::remove_file(data_dir.run_file());
    outcome
}

/// Where this host's own programs reach the cluster.
pub struct Urls {
    pub apiserver: String,
    pub client: Option<String>,
    pub peer: Option<String>,
}

impl Urls {
    fn of(listeners: &Listeners) -> std::io::Result<Self> {
        let etcd = listeners.etcd.as_ref();
        Ok(Self {
            apiserver: local_url(&listeners.apiserver)?,
            client: etcd.map(|etcd| local_url(&etcd.client)).transpose()?,
            peer: etcd.map(|etcd| local_url(&etcd.peer)).transpose()?,
        })
    }
}

fn host_names(options: &Options, node_address: IpAddr) -> HostNames {
    HostNames {
        node_name: node::host_name(),
        addresses: vec![options.bind_address, node_address],
        service_address: control_plane::first_service_address(),
    }
}

fn settings(options: &Options) -> Settings {
    let span = |lifetime: std::time::Duration| {
        time::Duration::seconds(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX))
    };
    Settings {
        key_algorithm: options.key_algorithm,
        leaf_lifetime: span(options.cert_lifetime),
        authority_lifetime: span(options.ca_lifetime),
        ..Settings::default()
    }
}

/// Keeps certificates, and notices who is revoked.
fn keep(rotation: Rotation, tls: &Arc<Tls>, cluster: &ControlPlane) -> Group {
    let upkeep = Group::default();
    let client = (cluster.connector)(Identity::new("system:apiserver", &["system:masters"]));
    let events = EventRecorder::start(client, "coracle", &node::host_name(), upkeep.token());
    let (token, tls) = (upkeep.token(), Arc::clone(tls));
    upkeep.spawn(async move { token.run_until_cancelled(tls.follow()).await });
    let token = upkeep.token();
    upkeep.spawn(async move { token.run_until_cancelled(rotation.run(events)).await });
    upkeep
}

fn announce(
    data_dir: &DataDir,
    urls: &Urls,
    kubeconfig: &Path,
    started: Instant,
) -> anyhow::Result<()> {
    let run = RunFile {
        pid: std::process::id(),
        apiserver: urls.apiserver.clone(),
        client: urls.client.clone(),
        peer: urls.peer.clone(),
        kubeconfig: kubeconfig.to_owned(),
    };
    run.write(&data_dir.run_file())?;
    let mut output = std::io::stdout().lock();
    use std::io::Write;
    // Whoever started us may have closed the pipe; the cluster runs all the same.
    let _ = writeln!(output, "ready in {:.3} s", started.elapsed().as_secs_f64());
    let _ = writeln!(output, "export KUBECONFIG={}", kubeconfig.display());
    let _ = output.flush();
    Ok(())
}
