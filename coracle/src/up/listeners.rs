//! The ports, taken before anything else starts: an occupied one must cost nothing.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::anyhow;
use tokio::net::TcpListener;

use super::Options;

/// The default port of a kubelet. Another cluster on this host may hold it: then any free one
/// serves, because the Node object tells which it is.
const KUBELET_PORT: u16 = 10250;

pub struct Listeners {
    pub apiserver: TcpListener,
    pub kubelet: TcpListener,
    /// For etcd clients and peers, unless `--no-etcd-listener`.
    pub etcd: Option<EtcdListeners>,
}

pub struct EtcdListeners {
    pub client: TcpListener,
    pub peer: TcpListener,
}

impl Listeners {
    pub async fn bind(options: &Options) -> anyhow::Result<Self> {
        let ip = options.bind_address;
        let apiserver = bind(ip, options.secure_port, "--secure-port").await?;
        let etcd = if options.no_etcd_listener {
            None
        } else {
            Some(EtcdListeners {
                client: bind(ip, options.client_port, "--client-port").await?,
                peer: bind(ip, options.peer_port, "--peer-port").await?,
            })
        };
        let kubelet = match TcpListener::bind((ip, KUBELET_PORT)).await {
            Ok(listener) => listener,
            Err(_) => bind(ip, 0, "kubelet port").await?,
        };
        Ok(Self { apiserver, kubelet, etcd })
    }
}

async fn bind(ip: IpAddr, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((ip, port)).await.map_err(|error| {
        let address = SocketAddr::new(ip, port);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => anyhow!(
                "cannot listen on {address}: the port is in use; stop what uses it, or choose \
                 another with {flag} (0 takes a free one)"
            ),
            std::io::ErrorKind::AddrNotAvailable => anyhow!(
                "cannot listen on {address}: this host has no such address; choose another with \
                 --bind-address"
            ),
            _ => anyhow!("cannot listen on {address} ({flag}): {error}"),
        }
    })
}

/// The address under which this host's own programs reach a listener.
pub fn local_url(listener: &TcpListener) -> std::io::Result<String> {
    let address = listener.local_addr()?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Ok(format!("https://{}", SocketAddr::new(ip, address.port())))
}

/// The address under which others reach this host: the one it binds, or, when that is "all", the
/// source address of its default route. No packet is sent to find out.
pub fn advertised_address(bind_address: IpAddr) -> IpAddr {
    if !bind_address.is_unspecified() {
        return bind_address;
    }
    let routed = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        // TEST-NET-1: connecting a datagram socket only looks up the route.
        socket.connect("192.0.2.1:9")?;
        Ok(socket.local_addr()?.ip())
    };
    routed().unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_occupied_port_names_itself_and_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("free port");
        let port = taken.local_addr().expect("bound").port();
        let error = bind([127, 0, 0, 1].into(), port, "--secure-port").await.expect_err("taken");
        let message = error.to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--secure-port"));
    }

    #[tokio::test]
    async fn an_unspecified_address_is_reached_on_loopback() {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("free port");
        let port = listener.local_addr().expect("bound").port();
        assert_eq!(local_url(&listener).expect("bound"), format!("https://127.0.0.1:{port}"));
    }
}
