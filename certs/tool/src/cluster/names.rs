//! Flags that say under which names and addresses the cluster is reached, by the names of
//! `kubeadm init`.

use std::net::IpAddr;

use certs::HostNames;

use crate::command::Call;
use crate::failure::Usage;
use crate::flag::Flag;

pub(super) const NODE_NAME: Flag =
    Flag::text("node-name", "name of the node [default: this host's]");
pub(super) const ADVERTISE_ADDRESS: Flag = Flag::text(
    "apiserver-advertise-address",
    "address of the API [default: that of this host's default route]",
);
pub(super) const SERVICE_CIDR: Flag =
    Flag::text("service-cidr", "range of Service addresses").with_default("10.96.0.0/12");

pub(super) fn host_names(call: &Call<'_>) -> anyhow::Result<HostNames> {
    let node_name = match call.flags.text(NODE_NAME) {
        Some(name) if is_node_name(name) => name.to_owned(),
        Some(name) => {
            return Err(Usage::error(format!(
                "--node-name {name:?}: lower-case letters, digits, - and . are expected"
            )));
        }
        None => call.host.node_name.clone(),
    };
    let address = match call.flags.text(ADVERTISE_ADDRESS) {
        Some(text) => Some(address(ADVERTISE_ADDRESS, text)?),
        None => call.host.address,
    };
    let cidr = call.flags.text(SERVICE_CIDR).unwrap_or_default();
    Ok(HostNames {
        node_name,
        addresses: address.into_iter().collect(),
        service_address: Some(first_address(cidr)?),
    })
}

/// The API under its first address, as kubeconfigs name it.
pub(super) fn server_of(host: &HostNames) -> String {
    const PORT: u16 = 6443;
    match host.addresses.first() {
        Some(IpAddr::V6(address)) => format!("https://[{address}]:{PORT}"),
        Some(address) => format!("https://{address}:{PORT}"),
        None => format!("https://127.0.0.1:{PORT}"),
    }
}

fn is_node_name(name: &str) -> bool {
    let valid =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.bytes().all(valid)
        && end(name.bytes().next())
        && end(name.bytes().last())
        && name.len() <= 253
}

fn address(flag: Flag, text: &str) -> anyhow::Result<IpAddr> {
    text.parse()
        .map_err(|_| Usage::error(format!("--{} {text}: an address is expected", flag.name)))
}

/// The address after that of the range itself, which is the Service `default/kubernetes`.
fn first_address(cidr: &str) -> anyhow::Result<IpAddr> {
    let refuse =
        || Usage::error(format!("--service-cidr {cidr}: a range like 10.96.0.0/12 is expected"));
    let (network, prefix) = cidr.split_once('/').ok_or_else(refuse)?;
    let network: IpAddr = network.parse().map_err(|_| refuse())?;
    let prefix: u32 = prefix.parse().map_err(|_| refuse())?;
    match network {
        IpAddr::V4(network) if prefix <= 30 => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ok(IpAddr::V4(((network.to_bits() & mask) + 1).into()))
        }
        IpAddr::V6(network) if prefix <= 126 => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ok(IpAddr::V6(((network.to_bits() & mask) + 1).into()))
        }
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_of_a_range() {
        for (cidr, address) in [
            ("10.96.0.0/12", "10.96.0.1"),
            ("10.97.3.4/12", "10.96.0.1"),
            ("fd00:10:96::/112", "fd00:10:96::1"),
            ("0.0.0.0/0", "0.0.0.1"),
        ] {
            assert_eq!(first_address(cidr).expect(cidr).to_string(), address);
        }
        for cidr in ["", "10.96.0.0", "10.96.0.0/33", "10.96.0.0/31", "x/8", "10.96.0.0/-1"] {
            assert!(first_address(cidr).is_err_and(|error| error.is::<Usage>()), "{cidr}");
        }
    }

    #[test]
    fn a_server_is_a_url() {
        let host = |address: &str| HostNames {
            addresses: vec![address.parse().expect("literal")],
            ..HostNames::default()
        };
        assert_eq!(server_of(&host("192.0.2.1")), "https://192.0.2.1:6443");
        assert_eq!(server_of(&host("2001:db8::1")), "https://[2001:db8::1]:6443");
    }
}
