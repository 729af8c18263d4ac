//! A member of its own with nothing around it, for profiling: `coracle store` without the rest of the
//! binary, and far quicker to build.

use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Args)]
pub struct Options {
    #[arg(long, default_value = "default")]
    name: String,
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[arg(long, value_name = "URL")]
    listen_client_urls: String,
    #[arg(long)]
    cert_file: Option<PathBuf>,
    #[arg(long)]
    key_file: Option<PathBuf>,
    #[arg(long)]
    trusted_ca_file: Option<PathBuf>,
    /// Taken and left aside: there is one member.
    #[arg(hide = true, long)]
    client_cert_auth: Option<String>,
    #[arg(hide = true, long)]
    advertise_client_urls: Option<String>,
    #[arg(hide = true, long)]
    listen_peer_urls: Option<String>,
    #[arg(hide = true, long)]
    initial_advertise_peer_urls: Option<String>,
    #[arg(hide = true, long)]
    initial_cluster: Option<String>,
    #[arg(hide = true, long)]
    peer_cert_file: Option<PathBuf>,
    #[arg(hide = true, long)]
    peer_key_file: Option<PathBuf>,
    #[arg(hide = true, long)]
    peer_trusted_ca_file: Option<PathBuf>,
    #[arg(hide = true, long)]
    peer_client_cert_auth: Option<String>,
}

pub async fn run(options: Options) -> anyhow::Result<()> {
    let address = options.listen_client_urls.rsplit('/').next().unwrap_or_default().to_owned();
    let security = match (&options.cert_file, &options.key_file, &options.trusted_ca_file) {
        (Some(certificate), Some(key), Some(authority)) => {
            let read = std::fs::read_to_string::<&PathBuf>;
            let pair = certs::Pair { certificate: read(certificate)?, key: read(key)? };
            let (authority, required) = (read(authority)?, certs::ClientAuth::Required);
            certs::server_config(&pair, &authority, required, &["h2", "http/1.1"])?.into()
        }
        _ => store::server::Security::Plain,
    };
    let config = store::Config {
        data_dir: Some(options.data_dir),
        name: options.name,
        client_urls: vec![options.listen_client_urls],
        ..Default::default()
    };
    let member = store::Embedded::open(config).await?;
    let listener = TcpListener::bind(&address).await?;
    let stop = CancellationToken::new();
    let serving = store::server::serve_clients(member.clone(), listener, security, stop.clone());
    let serving = tokio::spawn(serving);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    terminate.recv().await;
    stop.cancel();
    serving.await?;
    member.shutdown().await;
    Ok(())
}
