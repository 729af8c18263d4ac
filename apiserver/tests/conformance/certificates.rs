//! CertificateSigningRequests and bootstrap tokens.

use api::Identity;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{AlternativeNames, KeyAlgorithm, PrivateKey, Request, Subject};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::harness::{World, names};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

fn request(name: &str, organizations: &[&str]) -> String {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject::new(name, organizations);
    let request = Request::new(&key, &subject, &AlternativeNames::default(), &[]).unwrap();
    STANDARD.encode(request.to_pem())
}

fn csr(name: &str, signer: &str, request: &str) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {"request": request, "signerName": signer, "usages": ["client auth"],
            "username": "somebody", "groups": ["system:masters"], "uid": "1"},
        "status": {"conditions": [{"type": "Approved", "status": "True"}]},
    })
}

#[tokio::test]
async fn a_request_says_who_asks_and_comes_undecided() {
    let mut world = World::new().await;
    world.identify(Some(Identity::node("n")));
    let sent = csr("a", "example.com/s", &request("x", &[]));
    let stored = world.post(REQUESTS, &sent).await.expect(201);
    assert_eq!(stored["spec"]["username"], "system:node:n");
    assert_eq!(stored["spec"]["groups"], json!(["system:nodes", "system:authenticated"]));
    assert_eq!((stored["spec"].get("uid"), &stored["status"]), (None, &json!({})));
    world.identify(Some(Identity::new("admin", &["system:masters"])));
    let mut changed = stored.clone();
    changed["spec"]["signerName"] = json!("example.com/other");
    changed["metadata"]["labels"] = json!({"a": "b"});
    let updated = world.put(&format!("{REQUESTS}/a"), &changed).await.expect(200);
    assert_eq!(updated["spec"], stored["spec"]);
    assert_eq!(updated["metadata"]["labels"]["a"], "b");
    let selected = |field: &str| format!("{REQUESTS}?fieldSelector=spec.signerName%3D{field}");
    let found = world.get(&selected("example.com/s")).await.expect(200);
    assert_eq!(names(&found), ["a"]);
    let none = world.get(&selected("example.com/other")).await.expect(200);
    assert!(names(&none).is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let world = World::new().await;
    let good = request("x", &[]);
    let post = |signer: &'static str, request: String| {
        let world = &world;
        async move { world.post(REQUESTS, &csr("a", signer, &request)).await }
    };
    let (_, message) = post("example.com/s", STANDARD.encode("words")).await.refusal(422);
    assert!(message.contains("spec.request: Invalid value"), "{message}");
    assert!(message.contains("PEM block type must be CERTIFICATE REQUEST"), "{message}");
    let (_, message) = post("nonsense", good.clone()).await.refusal(422);
    assert!(message.contains("spec.signerName: Invalid value"), "{message}");
    let masters = request("x", &["system:masters"]);
    let (_, message) = post("kubernetes.io/kube-apiserver-client", masters).await.refusal(403);
    assert!(message.contains("with system:masters group is not allowed"), "{message}");
}

#[tokio::test]
async fn approval_and_certificate_take_their_own_ways() {
    let mut world = World::new().await;
    let asked = csr("a", "example.com/s", &request("x", &[]));
    world.post(REQUESTS, &asked).await.expect(201);
    let (object, approval, status) =
        (format!("{REQUESTS}/a"), format!("{REQUESTS}/a/approval"), format!("{REQUESTS}/a/status"));
    let approved = json!({"status": {"conditions": [
        {"type": "Approved", "status": "True", "reason": "R", "message": "M"}]}});
    let (_, message) = world.patch(&status, "merge", &approved).await.refusal(422);
    assert!(message.contains("may not add a condition of type \"Approved\""), "{message}");
    world.identify(Some(Identity::node("n")));
    world.patch(&approval, "merge", &approved).await.refusal(403);
    world.identify(Some(Identity::new("admin", &["system:masters"])));
    let answered = world.patch(&approval, "merge", &approved).await.expect(200);
    let condition = &answered["status"]["conditions"][0];
    assert!(condition["lastUpdateTime"].is_string() && condition["lastTransitionTime"].is_string());
    let denied = json!({"status": {"conditions": [
        {"type": "Approved", "status": "True"}, {"type": "Denied", "status": "True"}]}});
    world.patch(&approval, "merge", &denied).await.refusal(422);
    let undone = json!({"status": {"conditions": null}});
    world.patch(&approval, "merge", &undone).await.refusal(422);
    let issued = |pem: &str| json!({"status": {"certificate": STANDARD.encode(pem)}});
    world.patch(&status, "merge", &issued("words")).await.refusal(422);
    let pem = rcgen::generate_simple_self_signed(vec![]).unwrap().cert.pem();
    world.patch(&status, "merge", &issued(&pem)).await.expect(200);
    let other = rcgen::generate_simple_self_signed(vec![]).unwrap().cert.pem();
    let (_, message) = world.patch(&status, "merge", &issued(&other)).await.refusal(422);
    assert!(message.contains("may not modify existing certificate content"), "{message}");
    let table = world.get_as(&object, TABLE).await.expect(200);
    assert_eq!(table["rows"][0]["cells"][5], "Approved,Issued");
}

fn token(id: &str, secret: &str, expiration: &str) -> Value {
    json!({
        "metadata": {"name": format!("bootstrap-token-{id}")},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {"token-id": id, "token-secret": secret, "expiration": expiration,
            "usage-bootstrap-authentication": "true"},
    })
}

async fn ask(world: &World, path: &str, token: &str) -> crate::harness::Answer {
    world.ask(Method::GET, path, &[(AUTHORIZATION, token)], Body::empty()).await
}

#[tokio::test]
async fn a_bootstrap_token_lets_in_who_joins_and_no_further() {
    let mut world = World::new().await;
    let far = "2999-01-01T00:00:00Z";
    world.post(SECRETS, &token("abcdef", "0123456789abcdef", far)).await.expect(201);
    let past = "2000-01-01T00:00:00Z";
    world.post(SECRETS, &token("expird", "0123456789abcdef", past)).await.expect(201);
    world.identify(None);
    let good = "Bearer abcdef.0123456789abcdef";
    ask(&world, REQUESTS, good).await.expect(200);
    let (_, message) = ask(&world, "/api/v1/nodes", good).await.refusal(403);
    assert!(message.contains("User \"system:bootstrap:abcdef\" cannot list"), "{message}");
    for bad in [
        "Bearer abcdef.0123456789abcdee",
        "Bearer expird.0123456789abcdef",
        "Bearer x",
        "bearer a.b",
    ] {
        let (reason, message) = ask(&world, "/version", bad).await.refusal(401);
        assert_eq!((reason.as_str(), message.as_str()), ("Unauthorized", "Unauthorized"), "{bad}");
    }
    ask(&world, "/version", "Basic x").await.expect(200);
    world.identify(Some(Identity::new("admin", &["system:masters"])));
    ask(&world, "/api/v1/nodes", "Bearer x").await.expect(200);
    world.delete(&format!("{SECRETS}/bootstrap-token-abcdef")).await.expect(200);
    world.identify(None);
    ask(&world, REQUESTS, good).await.refusal(401);
}
