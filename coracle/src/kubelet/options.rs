//! The flags: upstream's where they exist, and `--runtime`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use certs::PairFiles;
use clap::ArgAction;
use ipnet::Ipv4Net;
use kubelet_lite::certificate::Paths;
use kubelet_lite::{ClusterDns, RuntimeKind};
use serde_json::{Value, json};

use crate::exit::Usage;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How to reach the API; written when the node joins
    #[arg(long, value_name = "FILE", value_parser = absolute)]
    pub kubeconfig: PathBuf,
    /// With what to join, once: the kubeconfig is missing then, or its certificate has ended
    #[arg(long, value_name = "FILE", value_parser = absolute)]
    pub bootstrap_kubeconfig: Option<PathBuf>,
    /// Where the kubelet lives: pods, volumes, logs
    #[arg(long, value_name = "DIR", value_parser = absolute, default_value = "/var/lib/kubelet")]
    pub root_dir: PathBuf,
    /// Where its certificates lie [default: pki in the root directory]
    #[arg(long, value_name = "DIR", value_parser = absolute)]
    pub cert_dir: Option<PathBuf>,
    /// Name of the node [default: this host's]
    #[arg(long, value_name = "NAME")]
    pub hostname_override: Option<String>,
    /// Address of the node [default: the one that is listened on, or that of the default route]
    #[arg(long, value_name = "IP")]
    pub node_ip: Option<IpAddr>,
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    pub address: IpAddr,
    /// Port to listen on, 0 for a free one
    #[arg(long, value_name = "P", default_value_t = 10250)]
    pub port: u16,
    /// What runs the pods: real containers, or pods that only pretend
    #[arg(long, value_name = "auto|containers|hollow", default_value = "auto")]
    pub runtime: RuntimeKind,
    /// Addresses of hollow pods [default: a /24 of 10.128.0.0/10 by the node's name]
    #[arg(long, value_name = "CIDR")]
    pub pod_cidr: Option<Ipv4Net>,
    /// Most pods that the node takes
    #[arg(long, value_name = "N")]
    pub max_pods: Option<u32>,
    /// Address of the cluster's DNS
    #[arg(long, value_name = "IP")]
    pub cluster_dns: Option<IpAddr>,
    /// Domain of the cluster, for --cluster-dns
    #[arg(long, value_name = "NAME", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Labels that the node registers with: a=b,c=d
    #[arg(long, value_name = "LABELS", value_delimiter = ',', value_parser = label)]
    pub node_labels: Vec<(String, String)>,
    /// Taints that the node registers with: key=value:effect, separated by commas
    #[arg(long, value_name = "TAINTS", value_delimiter = ',', value_parser = taint)]
    pub register_with_taints: Vec<Value>,
    /// Renew the client certificate before it ends
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub rotate_certificates: bool,
    /// Ask the cluster for a serving certificate and renew it; without, --tls-cert-file is needed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub rotate_server_certificates: bool,
    /// Serve with this certificate instead of asking the cluster for one
    #[arg(long, value_name = "FILE", value_parser = absolute, requires = "tls_private_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", value_parser = absolute, requires = "tls_cert_file")]
    pub tls_private_key_file: Option<PathBuf>,
    /// Who signs clients of this kubelet [default: the cluster's authority]
    #[arg(long, value_name = "FILE", value_parser = absolute)]
    pub client_ca_file: Option<PathBuf>,
}

impl Options {
    /// Finds contradictions that the parser cannot see.
    pub fn check(&self) -> Result<(), Usage> {
        if self.runtime == RuntimeKind::None {
            return Err(Usage(
                "--runtime none is no node: use auto, containers or hollow".to_owned(),
            ));
        }
        if !self.rotate_server_certificates && self.tls_cert_file.is_none() {
            return Err(Usage(
                "--rotate-server-certificates=false leaves nothing to serve with: give \
                 --tls-cert-file and --tls-private-key-file"
                    .to_owned(),
            ));
        }
        if self.pod_cidr.is_some() && self.runtime == RuntimeKind::Containers {
            return Err(Usage(
                "--pod-cidr is for hollow pods: the range of containers is chosen by what is free \
                 on this host"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    pub fn paths(&self) -> Paths {
        Paths {
            kubeconfig: self.kubeconfig.clone(),
            bootstrap_kubeconfig: self.bootstrap_kubeconfig.clone(),
            certificates: self.cert_dir.clone().unwrap_or_else(|| self.root_dir.join("pki")),
        }
    }

    /// What is served with, when it is not the cluster's.
    pub fn own_pair(&self) -> Option<PairFiles> {
        let certificate = self.tls_cert_file.clone()?;
        Some(PairFiles { certificate, key: self.tls_private_key_file.clone()? })
    }

    pub fn dns(&self) -> Option<ClusterDns> {
        let address = self.cluster_dns?;
        Some(ClusterDns { address, domain: self.cluster_domain.clone() })
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        self.node_labels.iter().cloned().collect()
    }
}

/// Paths are written into the kubeconfig, where they would be relative to another directory.
fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label such as tier=gold is expected".to_owned()),
    }
}

fn taint(text: &str) -> Result<Value, String> {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let expected =
        || format!("a taint such as key=value:NoSchedule is expected, with one of {EFFECTS:?}");
    let (key, effect) = text.rsplit_once(':').ok_or_else(expected)?;
    let (key, value) = key.split_once('=').unwrap_or((key, ""));
    if key.is_empty() || !EFFECTS.contains(&effect) {
        return Err(expected());
    }
    Ok(json!({"key": key, "value": value, "effect": effect}))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Cli;
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let arguments = ["kubelet", "--kubeconfig", "/k/conf"].iter().chain(arguments);
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        cli.options.check().map_err(|error| error.0)?;
        Ok(cli.options)
    }

    #[test]
    fn flags_are_upstreams() {
        let options = parse(&[
            "--root-dir=/r",
            "--node-labels=a=b,c=",
            "--register-with-taints=x=y:NoSchedule,z:NoExecute",
            "--rotate-certificates=false",
            "--rotate-server-certificates",
        ])
        .expect("accepted");
        assert_eq!(options.paths().certificates, PathBuf::from("/r/pki"));
        assert!(
            parse(&["--cert-dir", "pki"]).expect("accepted").paths().certificates.is_absolute()
        );
        assert_eq!(options.labels().len(), 2);
        assert_eq!(options.register_with_taints[1]["effect"], "NoExecute");
        assert!(!options.rotate_certificates && options.rotate_server_certificates);
        for (arguments, part) in [
            (&["--runtime", "none"][..], "--runtime"),
            (&["--rotate-server-certificates=false"], "--tls-cert-file"),
            (&["--tls-cert-file", "a"], "--tls-private-key-file"),
            (&["--node-labels", "a"], "tier=gold"),
            (&["--register-with-taints", "a=b:Never"], "NoSchedule"),
            (&["--sideways"], "--sideways"),
        ] {
            let refusal = parse(arguments).err().unwrap_or_default();
            assert!(refusal.contains(part), "{arguments:?}: {refusal}");
        }
    }
}
