//! Real namespaces, bridges and interfaces: needs root.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use network::{Ipam, Names, PodLink, attach_pod, cleanup, detach_pod, ensure_bridge, leftovers};
use network::{nat, netns};

fn require_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes network namespaces and needs root: run it as root"
    );
}

/// A /24 of the documentation range that nothing else here uses.
const CIDR: &str = "198.51.100.0/24";

#[tokio::test]
async fn pods_reach_each_other_and_nothing_stays() {
    require_root();
    let names = Names::of(&format!("network-test-{}", std::process::id()));
    let cidr: ipnet::Ipv4Net = CIDR.parse().expect("a literal network");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut ipam = Ipam::open(dir.path().join("ipam.json"), cidr).unwrap();
    let bridge = ensure_bridge(&names, cidr).await.unwrap();
    assert_eq!(ensure_bridge(&names, cidr).await.unwrap(), bridge, "an existing bridge is adopted");

    let mut pods = vec![];
    for id in ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] {
        let link = PodLink {
            netns: names.netns(id),
            veth: names.veth(id),
            bridge,
            address: ipam.assign(id).unwrap(),
            prefix_len: cidr.prefix_len(),
            gateway: ipam.gateway(),
        };
        let attached = link.clone();
        tokio::task::spawn_blocking(move || attach_pod(attached)).await.unwrap().unwrap();
        pods.push(link);
    }

    // A server in the first pod, asked by the host and by the second pod.
    let server = netns::within(&pods[0].netns, || TcpListener::bind("0.0.0.0:8080")).unwrap();
    let server = server.unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.write_all(b"hello");
        }
    });
    let address = pods[0].address;
    assert_eq!(ask(address), "hello");
    let from_pod = netns::within(&pods[1].netns, move || ask(address)).unwrap();
    assert_eq!(from_pod, "hello");
    let loopback = netns::within(&pods[1].netns, || TcpListener::bind("127.0.0.1:0").is_ok());
    assert!(loopback.unwrap(), "loopback is up");

    detach_pod(&pods[0].netns, &pods[0].veth).await.unwrap();
    detach_pod(&pods[0].netns, &pods[0].veth).await.unwrap();
    let left = leftovers(&names).await.unwrap();
    assert_eq!(left.namespaces, [pods[1].netns.clone()]);

    cleanup(&names).await.unwrap();
    assert!(leftovers(&names).await.unwrap().is_empty());
    cleanup(&names).await.unwrap();
}

#[tokio::test]
async fn a_failed_attachment_leaves_nothing() {
    require_root();
    let names = Names::of(&format!("network-fail-{}", std::process::id()));
    let link = PodLink {
        netns: names.netns("cccccccc"),
        veth: names.veth("cccccccc"),
        bridge: u32::MAX / 2,
        address: Ipv4Addr::new(198, 51, 100, 9),
        prefix_len: 24,
        gateway: Ipv4Addr::new(198, 51, 100, 1),
    };
    let failed = tokio::task::spawn_blocking(move || attach_pod(link)).await.unwrap();
    assert!(failed.is_err());
    assert!(leftovers(&names).await.unwrap().is_empty());
}

#[test]
fn rules_come_and_go_where_nft_is() {
    require_root();
    let names = Names::of(&format!("network-nat-{}", std::process::id()));
    let pods = "198.51.100.0/24".parse().expect("a literal network");
    // Twice, since a restart replaces what a crash left. Without nft both say so.
    let first = nat::install_masquerade(&names, pods, pods).unwrap();
    assert_eq!(nat::install_masquerade(&names, pods, pods).unwrap(), first);
    nat::remove_masquerade(&names).unwrap();
    nat::remove_masquerade(&names).unwrap();
}

fn ask(address: Ipv4Addr) -> String {
    let address = SocketAddr::from((address, 8080));
    let mut stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("the pod answers");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
