//! An apiserver alone, over a store in memory: `cargo run -p apiserver --example apiserver -- DIR`
//! writes `DIR/admin.kubeconfig` and serves on a free port until interrupted.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Instant;

use apiserver::{ApiServer, Config};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: apiserver DIR")?);
    let begun = Instant::now();
    let host = certs::HostNames {
        node_name: "localhost".into(),
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        service_address: Some("10.96.0.1".parse()?),
    };
    let pki = certs::ClusterPki::ensure(&directory.join("pki"), &host)?;
    let admin = pki.issue_admin()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let store = store::Embedded::open(store::Config::default()).await?;
    let server =
        ApiServer::new(Config::new(store.clone(), "10.96.0.0/16".parse()?, address)).await?;
    let url = format!("https://{address}");
    let kubeconfig = certs::kubeconfig("coracle", &url, pki.ca.certificate_pem(), &admin);
    std::fs::write(directory.join("admin.kubeconfig"), kubeconfig)?;
    let tls = certs::server_config(
        &pki.apiserver,
        pki.ca.certificate_pem(),
        certs::ClientAuth::Optional,
        &["h2", "http/1.1"],
    )?;
    println!("serving {url} after {:?}", begun.elapsed());
    let cancel = CancellationToken::new();
    tokio::spawn({
        let cancel = cancel.clone();
        async move {
            let _ = tokio::signal::ctrl_c().await;
            cancel.cancel();
        }
    });
    server.serve(listener, tls, cancel).await;
    let stopping = Instant::now();
    server.shutdown().await;
    println!("apiserver stopped after {:?}", stopping.elapsed());
    store.shutdown().await;
    println!("store stopped after {:?}", stopping.elapsed());
    Ok(())
}
