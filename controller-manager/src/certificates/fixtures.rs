//! Requests for tests.

use certs::x509::{AlternativeNames, KeyAlgorithm, PrivateKey, Request, Subject};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec,
};

pub fn request(common_name: &str, organizations: &[&str], hosts: &[&str]) -> Request {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
    let subject = Subject::new(common_name, organizations);
    let names = AlternativeNames::of_hosts(hosts).expect("names");
    Request::new(&key, &subject, &names, &[]).expect("a request")
}

pub fn csr(
    signer: &str,
    user: &str,
    groups: &[&str],
    common_name: &str,
    organizations: &[&str],
    hosts: &[&str],
    usages: &[&str],
) -> CertificateSigningRequest {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let spec = CertificateSigningRequestSpec {
        request: ByteString(request(common_name, organizations, hosts).to_pem().into_bytes()),
        signer_name: signer.to_owned(),
        username: Some(user.to_owned()),
        groups: Some(owned(groups)),
        usages: Some(owned(usages)),
        ..CertificateSigningRequestSpec::default()
    };
    let mut csr = CertificateSigningRequest { spec, ..CertificateSigningRequest::default() };
    csr.metadata.name = Some("a".to_owned());
    csr
}
