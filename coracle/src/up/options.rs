//! The flags of `coracle up`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use certs::x509::KeyAlgorithm;
use kubelet_lite::RuntimeKind;

use crate::exit::Usage;

/// A third of it has to be enough to notice a new certificate and to take it up.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(9);
const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Lives of certificates in that of an authority. It rolls over in its last third, and waits for one
/// life before it signs, and for one until what the former has signed is over.
const LIVES: u32 = 6;

/// What `coracle up` is told. Its help text stands with the command, in `cli.rs`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the cluster lives [default: /var/lib/coracle for root, else $XDG_DATA_HOME/coracle]
    #[arg(long, value_name = "DIR", env = "CORACLE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Number of nodes; more than one are hollow
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub nodes: u32,
    /// What runs the pods: real containers, pods that only pretend, or no node at all
    #[arg(long, value_name = "auto|containers|cri|hollow|none", default_value = "auto")]
    pub runtime: RuntimeKind,
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    pub bind_address: IpAddr,
    /// Port of the Kubernetes API, 0 for a free one
    #[arg(long, value_name = "P", default_value_t = 6443)]
    pub secure_port: u16,
    /// Port of the etcd API, 0 for a free one
    #[arg(long, value_name = "P", default_value_t = 2379)]
    pub client_port: u16,
    /// Port for other members of the store, 0 for a free one
    #[arg(long, value_name = "P", default_value_t = 2380)]
    pub peer_port: u16,
    /// Keep the store to this process: do not listen for etcd clients or peers
    #[arg(long)]
    pub no_etcd_listener: bool,
    /// Kind of new keys: RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384
    ///
    /// As kubeadm's encryptionAlgorithm. Keys that exist stay until their certificates are renewed.
    #[arg(long, value_name = "ALGORITHM", default_value = "ECDSA-P256", value_parser = certs::cluster::key_algorithm)]
    pub key_algorithm: KeyAlgorithm,
    /// How long the cluster's own certificates last; they are renewed at two thirds of it
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = duration)]
    pub cert_lifetime: Duration,
    /// How long its authorities last; at two thirds of it they make their successors
    #[arg(long, value_name = "DURATION", default_value = "87600h", value_parser = duration)]
    pub ca_lifetime: Duration,
    /// How long certificates last that are asked for through the API, unless less is asked
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = duration)]
    pub cluster_signing_duration: Duration,
    /// Use a temporary data directory that is removed at exit
    #[arg(long, conflicts_with_all = ["data_dir", "memory"])]
    pub ephemeral: bool,
    /// Keep the store in memory: nothing survives the process, nothing waits for a disk
    #[arg(long)]
    pub memory: bool,
}

impl Options {
    /// Finds contradictions that the parser cannot see.
    pub fn check(&self) -> Result<(), Usage> {
        if self.nodes > 1 && self.runtime == RuntimeKind::Containers {
            return Err(Usage(format!(
                "--nodes {} needs --runtime hollow: one host runs real containers as one node",
                self.nodes
            )));
        }
        if self.nodes > 1 && self.runtime == RuntimeKind::None {
            return Err(Usage("--runtime none starts no node, so leave out --nodes".to_owned()));
        }
        self.check_lifetimes()?;
        let ports = [
            ("--secure-port", self.secure_port),
            ("--client-port", self.client_port),
            ("--peer-port", self.peer_port),
        ];
        for (at, (name, port)) in ports.iter().enumerate() {
            for (other, taken) in &ports[..at] {
                if *port != 0 && port == taken {
                    return Err(Usage(format!("{name} and {other} are both {port}")));
                }
            }
        }
        Ok(())
    }
}

impl Options {
    fn check_lifetimes(&self) -> Result<(), Usage> {
        let bounds = [
            ("--cert-lifetime", self.cert_lifetime, SHORTEST_LIFETIME, LONGEST_LIFETIME),
            ("--ca-lifetime", self.ca_lifetime, self.cert_lifetime * LIVES, LONGEST_LIFETIME),
        ];
        for (name, lifetime, shortest, longest) in bounds {
            if lifetime > longest {
                return Err(Usage(format!("{name} is longer than a hundred years")));
            }
            if lifetime < shortest {
                let least = shortest.as_secs();
                let reason = if name == "--ca-lifetime" {
                    "six times --cert-lifetime, or it could not roll over in time"
                } else {
                    "or nobody could take it up before it ends"
                };
                return Err(Usage(format!("{name} has to be at least {least}s, {reason}")));
            }
        }
        Ok(())
    }
}

/// A duration as upstream's flags take it.
pub fn duration(text: &str) -> Result<Duration, String> {
    match store::care::go_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        Some(_) | None => Err("a duration such as 8760h or 90m is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        options: Options,
    }

    fn refusal(arguments: &[&str]) -> Option<String> {
        let arguments = std::iter::once(&"up").chain(arguments);
        let wrapper = Wrapper::try_parse_from(arguments).map_err(|error| error.to_string());
        match wrapper {
            Ok(wrapper) => wrapper.options.check().err().map(|error| error.to_string()),
            Err(error) => Some(error),
        }
    }

    #[test]
    fn contradictions_name_their_flags() {
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&["--cert-lifetime", "9s", "--ca-lifetime", "54s"]), None);
        assert_eq!(refusal(&["--nodes", "3", "--runtime", "hollow"]), None);
        assert_eq!(refusal(&["--secure-port", "0", "--client-port", "0"]), None);
        for (arguments, flag) in [
            (&["--nodes", "3", "--runtime", "containers"][..], "--runtime hollow"),
            (&["--nodes", "0"], "--nodes"),
            (&["--runtime", "docker"], "docker"),
            (&["--key-algorithm", "RSA-1024"], "RSA-2048"),
            (&["--client-port", "6443"], "--secure-port"),
            (&["--ephemeral", "--data-dir", "/tmp/x"], "--data-dir"),
            (&["--cluster-signing-duration", "soon"], "--cluster-signing-duration"),
            (&["--ephemeral", "--memory"], "--memory"),
            (&["--cert-lifetime", "2s"], "--cert-lifetime"),
            (&["--cert-lifetime", "9s", "--ca-lifetime", "53s"], "--ca-lifetime"),
            (&["--ca-lifetime", "1000000h"], "--ca-lifetime"),
        ] {
            let message = refusal(arguments).unwrap_or_default();
            assert!(message.contains(flag), "{arguments:?}: {message:?}");
        }
    }
}
