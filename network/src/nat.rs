//! The way out of the cluster: forwarding, and pods' addresses hidden behind the node's.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ipnet::Ipv4Net;

use crate::{Error, Names};

const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
/// Besides PATH, which a service's environment may cut short.
const NFT_PLACES: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"];

/// Whether pods reach the world outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Masquerade {
    Installed,
    /// There is no `nft` here: pods reach the node and each other only.
    NoNft,
}

/// Lets the kernel route between the pods and the world. Stays set when the cluster ends, since
/// others may have come to rely on it.
pub fn enable_forwarding() -> Result<(), Error> {
    let current = fs::read_to_string(IP_FORWARD).map_err(Error::io("read", IP_FORWARD))?;
    if current.trim() == "1" {
        return Ok(());
    }
    fs::write(IP_FORWARD, "1").map_err(Error::io("write", IP_FORWARD))
}

/// Masquerades what pods of `pods` send beyond `cluster`. Replaces the cluster's table atomically.
pub fn install_masquerade(
    names: &Names,
    pods: Ipv4Net,
    cluster: Ipv4Net,
) -> Result<Masquerade, Error> {
    let table = names.nft_table();
    match run_nft(&table, &ruleset(&table, pods, cluster))? {
        true => Ok(Masquerade::Installed),
        false => Ok(Masquerade::NoNft),
    }
}

/// Removes the cluster's table. Idempotent.
pub fn remove_masquerade(names: &Names) -> Result<(), Error> {
    let table = names.nft_table();
    run_nft(&table, &format!("add table ip {table}\ndelete table ip {table}\n")).map(|_| ())
}

/// Adding a table before its deletion makes the deletion good whether or not there was one.
fn ruleset(table: &str, pods: Ipv4Net, cluster: Ipv4Net) -> String {
    format!(
        "add table ip {table}\n\
         delete table ip {table}\n\
         table ip {table} {{\n\
         \tchain postrouting {{\n\
         \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
         \t\tip saddr {pods} ip daddr != {cluster} ip daddr != 224.0.0.0/4 masquerade\n\
         \t}}\n\
         }}\n"
    )
}

/// False without an `nft` to run.
fn run_nft(table: &str, rules: &str) -> Result<bool, Error> {
    let Some(program) = find_nft() else {
        return Ok(false);
    };
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("run", "nft"))?;
    let mut stdin = child.stdin.take().expect("stdin was asked to be a pipe");
    let written = stdin.write_all(rules.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(Error::io("run", "nft"))?;
    if !output.status.success() {
        return Err(Error::Nft {
            table: table.to_owned(),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    written.map_err(Error::io("write to", "nft"))?;
    Ok(true)
}

fn find_nft() -> Option<&'static Path> {
    NFT_PLACES.iter().map(Path::new).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_pods_and_spare_the_cluster() {
        let rules = ruleset(
            "coracle-abcd",
            "10.244.0.0/24".parse().expect("a literal network"),
            "10.244.0.0/16".parse().expect("a literal network"),
        );
        assert!(rules.contains("ip saddr 10.244.0.0/24 ip daddr != 10.244.0.0/16"));
        assert_eq!(rules.matches('{').count(), rules.matches('}').count());
    }
}
