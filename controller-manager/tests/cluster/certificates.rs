//! Requests for certificates and bootstrap tokens.

use std::sync::Arc;
use std::time::Duration;

use certs::x509::{
    AlternativeNames, Certificate, ExtendedKeyUsage, Extension, Issuer, KeyAlgorithm, KeyUsage,
    ObjectIdentifier, PrivateKey, Request, Subject, Template, self_sign,
};
use controller_manager::{Authority, Signing};
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{Cluster, condition, text};

const REQUESTS: &str = "certificates.k8s.io/v1/certificatesigningrequests";

struct Fixed(Arc<Issuer>);

impl Authority for Fixed {
    fn current(&self) -> Result<Arc<Issuer>, String> {
        Ok(self.0.clone())
    }
}

fn authority() -> Arc<Issuer> {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let now = OffsetDateTime::now_utc();
    let mut template = Template::new(Subject::new("ca", &[]), now, now + Duration::from_secs(3600));
    template.authority = Some(Default::default());
    let certificate = self_sign(&template, &key).unwrap();
    Arc::new(Issuer::new(certificate, key).unwrap())
}

async fn cluster(issuer: &Arc<Issuer>) -> Cluster {
    let authority = Arc::new(Fixed(issuer.clone()));
    let signing = Signing { authority, duration: Duration::from_secs(86_400) };
    Cluster::start_signing(signing).await
}

fn csr(name: &str, signer: &str, usages: &[&str], request: &Request) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {"request": ByteString(request.to_pem().into_bytes()), "signerName": signer,
            "usages": usages},
    })
}

/// A request for a name of an organization or two, with an extension that nobody knows.
fn request(name: &str, organizations: &[&str], hosts: &[&str]) -> Request {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let unknown = Extension {
        identifier: ObjectIdentifier::of(&[1, 2, 3, 4, 5]).unwrap(),
        critical: false,
        value: b"\x05\x00".to_vec(),
    };
    let names = AlternativeNames::of_hosts(hosts).unwrap();
    Request::new(&key, &Subject::new(name, organizations), &names, &[unknown]).unwrap()
}

fn issued(csr: &Value) -> Option<Certificate> {
    let bytes: ByteString = serde_json::from_value(csr["status"]["certificate"].clone()).ok()?;
    Certificate::from_pem(str::from_utf8(&bytes.0).ok()?).ok()
}

async fn approve(cluster: &Cluster, name: &str) {
    let patch = json!({"status": {"conditions": [
        {"type": "Approved", "status": "True", "reason": "Test", "message": "by hand"}]}});
    cluster.merge_subresource(REQUESTS, name, "approval", patch).await;
}

#[tokio::test]
async fn what_a_person_approves_is_signed_as_it_was_asked() {
    let issuer = authority();
    let cluster = cluster(&issuer).await;
    let asked = request("jane", &["developers", "testers"], &[]);
    let usages = ["digital signature", "client auth"];
    cluster.create(csr("jane", "kubernetes.io/kube-apiserver-client", &usages, &asked)).await;
    approve(&cluster, "jane").await;
    let done = cluster.until(REQUESTS, "jane", "a certificate", |csr| issued(csr).is_some()).await;
    let certificate = issued(&done).unwrap();
    assert_eq!(certificate.subject(), asked.subject());
    assert_eq!(certificate.subject().organizations().len(), 2);
    assert_eq!(certificate.public_key_der(), asked.public_key_der());
    assert!(certificate.verify_issued_by(issuer.certificate()).is_ok());
    assert_eq!(certificate.extended_key_usages(), [ExtendedKeyUsage::ClientAuth]);
    assert!(certificate.key_usages().contains(KeyUsage::DigitalSignature));
    assert!(!certificate.is_authority());
    // The authority's own end comes before the day that is signed for.
    assert_eq!(certificate.not_after(), issuer.certificate().not_after());
    let unknown = ObjectIdentifier::of(&[1, 2, 3, 4, 5]).unwrap();
    assert!(certificate.extensions().iter().all(|extension| extension.identifier != unknown));
}

#[tokio::test]
async fn what_breaks_a_signers_rules_fails() {
    let cluster = cluster(&authority()).await;
    let asked = request("jane", &[], &[]);
    let signer = "kubernetes.io/kube-apiserver-client";
    cluster.create(csr("bad", signer, &["server auth"], &asked)).await;
    cluster.create(csr("other", "example.com/s", &["client auth"], &asked)).await;
    approve(&cluster, "bad").await;
    approve(&cluster, "other").await;
    let failed = |csr: &Value| condition(csr, "Failed").1 == "SignerValidationFailure";
    let bad = cluster.until(REQUESTS, "bad", "a failure", failed).await;
    assert_eq!(condition(&bad, "Approved").0, "True");
    let other = cluster.get(REQUESTS, "other").await;
    assert!(issued(&other).is_none() && condition(&other, "Failed").0.is_empty());
}

#[tokio::test]
async fn a_kubelet_gets_both_of_its_certificates() {
    let cluster = cluster(&authority()).await;
    let node = api::Identity::node("n");
    let subject = ("system:node:n", &["system:nodes"][..]);
    let (signer, usages) =
        ("kubernetes.io/kube-apiserver-client-kubelet", ["digital signature", "client auth"]);
    let joining = api::Identity::new("system:bootstrap:a", &["system:bootstrappers"]);
    let client = request(subject.0, subject.1, &[]);
    cluster.create_as(joining, csr("joins", signer, &usages, &client)).await;
    cluster.until(REQUESTS, "joins", "a certificate", |csr| issued(csr).is_some()).await;
    cluster.create_as(node.clone(), csr("renews", signer, &usages, &client)).await;
    cluster.until(REQUESTS, "renews", "a certificate", |csr| issued(csr).is_some()).await;

    let (signer, usages) = ("kubernetes.io/kubelet-serving", ["digital signature", "server auth"]);
    let serving = request(subject.0, subject.1, &["n", "10.0.0.7"]);
    cluster.create_as(node.clone(), csr("serves", signer, &usages, &serving)).await;
    let foreign = request(subject.0, subject.1, &["n", "10.0.0.8"]);
    cluster.create_as(node, csr("foreign", signer, &usages, &foreign)).await;
    // Only now does the node say which addresses it has.
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    cluster.create(object).await;
    let address = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.7"}]}});
    cluster.merge_status("v1/nodes", "n", address).await;
    let serves = cluster.until(REQUESTS, "serves", "a certificate", |csr| issued(csr).is_some());
    let certificate = issued(&serves.await).unwrap();
    assert_eq!(certificate.alternative_names().hosts, ["n"]);
    let left = cluster.get(REQUESTS, "foreign").await;
    assert_eq!(condition(&left, "Approved").0, "");
}

#[tokio::test]
async fn expired_tokens_are_removed() {
    let cluster = Cluster::start().await;
    let token = |id: &str, end: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": format!("bootstrap-token-{id}"), "namespace": "kube-system"},
            "stringData": {"token-id": id, "expiration": end},
        })
    };
    cluster.create(token("aaaaaa", "2999-01-01T00:00:00Z")).await;
    cluster.create(token("bbbbbb", "2000-01-01T00:00:00Z")).await;
    let secrets = cluster.api_in("kube-system", "v1/secrets");
    cluster
        .eventually("one token left", || async {
            let list = secrets.list(&Default::default()).await.expect("a list");
            let names: Vec<String> =
                list.items.iter().map(|secret| text(&json!(secret)["metadata"]["name"])).collect();
            if names == ["bootstrap-token-aaaaaa"] { Ok(()) } else { Err(json!(names)) }
        })
        .await;
}
