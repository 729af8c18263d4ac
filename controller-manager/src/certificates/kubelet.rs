//! The forms of a kubelet's requests, as upstream demands them.

use std::collections::BTreeSet;

use certs::x509::{Request, oid};

const NODES: &str = "system:nodes";
const USER_PREFIX: &str = "system:node:";

/// Why a request is not of that form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("subject organization is not system:nodes")]
    Organization,
    #[error("subject common name does not begin with system:node:")]
    CommonName,
    #[error("subject has more than one common name")]
    SeveralNames,
    #[error("DNS or IP subjectAltName is required")]
    NoNames,
    #[error("{0} subjectAltNames are not allowed")]
    Names(&'static str),
    #[error("usages did not match [{0}]")]
    Usages(&'static str),
}

/// Whether this asks for a client certificate of a kubelet.
pub fn check_client(request: &Request, usages: &BTreeSet<&str>) -> Result<(), Fault> {
    check_organization(request)?;
    let names = request.alternative_names();
    for (kind, is_absent) in [
        ("DNS", names.hosts.is_empty()),
        ("Email", names.emails.is_empty()),
        ("IP", names.addresses.is_empty()),
        ("URI", names.uris.is_empty()),
    ] {
        if !is_absent {
            return Err(Fault::Names(kind));
        }
    }
    check_common_name(request)?;
    if is_exactly(usages, "client auth") {
        return Ok(());
    }
    Err(Fault::Usages("client auth digital signature key encipherment"))
}

/// Whether this asks for a serving certificate of a kubelet.
pub fn check_serving(request: &Request, usages: &BTreeSet<&str>) -> Result<(), Fault> {
    check_organization(request)?;
    let names = request.alternative_names();
    if names.hosts.is_empty() && names.addresses.is_empty() {
        return Err(Fault::NoNames);
    }
    for (kind, is_absent) in [("Email", names.emails.is_empty()), ("URI", names.uris.is_empty())] {
        if !is_absent {
            return Err(Fault::Names(kind));
        }
    }
    if !is_exactly(usages, "server auth") {
        return Err(Fault::Usages("digital signature key encipherment server auth"));
    }
    check_common_name(request)
}

/// The node that a request's subject names.
pub fn node_of(request: &Request) -> Option<&str> {
    let node = request.subject().common_name()?.strip_prefix(USER_PREFIX)?;
    (!node.is_empty()).then_some(node)
}

fn check_organization(request: &Request) -> Result<(), Fault> {
    if request.subject().organizations() == [NODES] { Ok(()) } else { Err(Fault::Organization) }
}

/// One common name, so that whoever reads the certificate reads the one that was looked at.
fn check_common_name(request: &Request) -> Result<(), Fault> {
    if request.subject().values(&oid::common_name()).len() > 1 {
        return Err(Fault::SeveralNames);
    }
    if node_of(request).is_some() { Ok(()) } else { Err(Fault::CommonName) }
}

/// `purpose` and digital signature, with or without key encipherment, which only RSA can do.
fn is_exactly(usages: &BTreeSet<&str>, purpose: &str) -> bool {
    let mut rest = usages.clone();
    rest.remove("key encipherment");
    rest.remove("digital signature") && rest.remove(purpose) && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::request;
    use super::*;

    const CLIENT: [&str; 2] = ["digital signature", "client auth"];
    const SERVING: [&str; 3] = ["digital signature", "key encipherment", "server auth"];

    #[test]
    fn clients() {
        let check = |name: &str, organizations: &[&str], hosts: &[&str], usages: &[&str]| {
            let usages = usages.iter().copied().collect();
            check_client(&request(name, organizations, hosts), &usages)
        };
        let nodes = &["system:nodes"][..];
        assert_eq!(check("system:node:n", nodes, &[], &CLIENT), Ok(()));
        let with_rsa = ["key encipherment", "digital signature", "client auth"];
        assert_eq!(check("system:node:n", nodes, &[], &with_rsa), Ok(()));
        for (name, organizations, hosts, usages, fault) in [
            (
                "system:node:n",
                &["system:nodes", "a"][..],
                &[][..],
                &CLIENT[..],
                Fault::Organization,
            ),
            ("system:node:n", &[], &[], &CLIENT, Fault::Organization),
            ("jane", nodes, &[], &CLIENT, Fault::CommonName),
            ("system:node:", nodes, &[], &CLIENT, Fault::CommonName),
            ("system:node:n", nodes, &["n"], &CLIENT, Fault::Names("DNS")),
            ("system:node:n", nodes, &["10.0.0.1"], &CLIENT, Fault::Names("IP")),
            ("system:node:n", nodes, &["a@b.c"], &CLIENT, Fault::Names("Email")),
            ("system:node:n", nodes, &["urn:a:b"], &CLIENT, Fault::Names("URI")),
        ] {
            assert_eq!(check(name, organizations, hosts, usages), Err(fault), "{name} {hosts:?}");
        }
        for usages in [&["client auth"][..], &SERVING, &["digital signature", "client auth", "any"]]
        {
            assert!(matches!(check("system:node:n", nodes, &[], usages), Err(Fault::Usages(_))));
        }
    }

    #[test]
    fn servers() {
        let check = |name: &str, hosts: &[&str], usages: &[&str]| {
            let usages = usages.iter().copied().collect();
            check_serving(&request(name, &["system:nodes"], hosts), &usages)
        };
        assert_eq!(check("system:node:n", &["n", "10.0.0.1"], &SERVING), Ok(()));
        assert_eq!(check("system:node:n", &[], &SERVING), Err(Fault::NoNames));
        assert_eq!(check("system:node:n", &["n", "urn:a:b"], &SERVING), Err(Fault::Names("URI")));
        assert_eq!(check("jane", &["n"], &SERVING), Err(Fault::CommonName));
        assert!(matches!(check("system:node:n", &["n"], &CLIENT), Err(Fault::Usages(_))));
    }

    #[test]
    fn two_names_are_refused() {
        use certs::x509::{AlternativeNames, KeyAlgorithm, PrivateKey, Subject};
        let mut subject = Subject::new("system:node:a", &["system:nodes"]);
        subject.push(oid::common_name(), ["system:node:b"]);
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = Request::new(&key, &subject, &AlternativeNames::default(), &[]).unwrap();
        let checked = check_client(&request, &CLIENT.into_iter().collect());
        assert_eq!(checked, Err(Fault::SeveralNames));
    }
}
