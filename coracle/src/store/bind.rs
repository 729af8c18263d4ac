//! Sockets, bound before anything else starts: an occupied port must cost nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use store::server::Listener;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use super::urls::{Bind, Url};

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: u32 = 4096;

/// A socket with the URL that it was bound for; the port is the real one where 0 was asked for.
pub struct Bound {
    pub listener: Listener,
    pub url: Url,
    pub file: SocketFile,
}

/// The file of a Unix socket, removed when it is dropped.
#[derive(Default)]
pub struct SocketFile(Option<PathBuf>);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Binds all of `urls`, which the flag `flag` named.
pub async fn all(urls: &[Url], flag: &str, reuse_port: bool) -> anyhow::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    for url in urls {
        let one = one(url, reuse_port).await;
        bound.push(one.with_context(|| format!("cannot listen on {url} (--{flag})"))?);
    }
    Ok(bound)
}

async fn one(url: &Url, reuse_port: bool) -> anyhow::Result<Bound> {
    match url.bind()? {
        Bind::Unix(path) => {
            let listener = unix(&path).await?;
            let file = SocketFile(Some(path));
            Ok(Bound { listener: listener.into(), url: url.clone(), file })
        }
        Bind::Tcp(address, port) => tcp_bound(url, tcp(address, port, reuse_port)?),
        Bind::Localhost(port) => {
            let listener = match tcp(Ipv4Addr::LOCALHOST.into(), port, reuse_port) {
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                    tcp(Ipv6Addr::LOCALHOST.into(), port, reuse_port)?
                }
                listener => listener?,
            };
            tcp_bound(url, listener)
        }
    }
}

fn tcp_bound(url: &Url, listener: TcpListener) -> anyhow::Result<Bound> {
    let port = listener.local_addr()?.port();
    let url = url.at(url.host().unwrap_or_default(), port);
    Ok(Bound { listener: listener.into(), url, file: SocketFile::default() })
}

fn tcp(address: IpAddr, port: u16, reuse_port: bool) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    if reuse_port {
        socket.set_reuseport(true)?;
    }
    socket.bind(SocketAddr::new(address, port))?;
    socket.listen(BACKLOG)
}

/// A socket file that nobody listens on is what a killed process left: it is replaced.
async fn unix(path: &Path) -> anyhow::Result<UnixListener> {
    let stale = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if stale {
        if UnixStream::connect(path).await.is_ok() {
            bail!("another process listens on {}", path.display());
        }
        std::fs::remove_file(path)?;
    }
    Ok(UnixListener::bind(path)?)
}
