//! What every database must do, run against each.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::*;

const NOW: OffsetDateTime = time::macros::datetime!(2026-01-01 00:00 UTC);
const AKI: &str = "8c1f";

pub fn key(serial: &str) -> Key {
    Key { aki: AKI.to_owned(), serial: serial.to_owned() }
}

/// A good certificate, for a day from [`NOW`].
pub fn certificate(serial: &str) -> CertificateRecord {
    CertificateRecord {
        key: key(serial),
        ca_label: String::new(),
        status: Status::Good,
        reason: Reason::Unspecified,
        expiry: NOW + Duration::DAY,
        revoked_at: None,
        pem: "-----BEGIN CERTIFICATE-----\n".to_owned(),
        issued_at: Some(NOW),
        not_before: Some(NOW - Duration::MINUTE),
        metadata: serde_json::json!({"for": "tests"}),
        sans: vec!["a.example".to_owned()],
        common_name: "a".to_owned(),
    }
}

fn response(serial: &str, body: &[u8], expiry: OffsetDateTime) -> ResponseRecord {
    ResponseRecord { key: key(serial), body: body.to_vec(), expiry }
}

fn serials(records: &[CertificateRecord]) -> Vec<&str> {
    records.iter().map(|record| record.key.serial.as_str()).collect()
}

async fn conforms(database: &dyn Database) {
    let valid = |revoked_only| Filter { unexpired_at: NOW, revoked_only };
    assert_eq!(database.find(&key("1")).await.expect("asked"), None);
    for serial in ["1", "2", "3"] {
        database.insert(certificate(serial)).await.expect("inserted");
    }
    let mut old = certificate("4");
    old.expiry = NOW - Duration::SECOND;
    database.insert(old).await.expect("inserted");

    // A record is inserted once, and comes back as it was.
    let again = database.insert(certificate("1")).await;
    assert!(matches!(again, Err(DatabaseError::Exists(_))), "{again:?}");
    assert_eq!(database.find(&key("1")).await.expect("asked"), Some(certificate("1")));
    let other = Key { aki: "other".to_owned(), serial: "1".to_owned() };
    assert_eq!(database.find(&other).await.expect("asked"), None);
    assert_eq!(serials(&database.list(valid(false)).await.expect("listed")), ["1", "2", "3"]);
    assert_eq!(database.list(valid(true)).await.expect("listed"), []);

    // Revoking: what is not there is refused; a second time keeps the time of the first.
    let missing = database.revoke(&other, Reason::KeyCompromise, NOW).await;
    assert!(matches!(missing, Err(DatabaseError::NotFound(_))), "{missing:?}");
    database.revoke(&key("2"), Reason::Superseded, NOW).await.expect("revoked");
    let later = NOW + Duration::HOUR;
    database.revoke(&key("2"), Reason::KeyCompromise, later).await.expect("revoked");
    database.revoke(&key("4"), Reason::KeyCompromise, NOW).await.expect("revoked");
    let revoked = database.list(valid(true)).await.expect("listed");
    assert_eq!(serials(&revoked), ["2"]);
    assert_eq!(revoked[0].revoked_at, Some(NOW));
    assert_eq!((revoked[0].status, revoked[0].reason), (Status::Revoked, Reason::KeyCompromise));

    // Of answers the last counts, while it holds.
    assert_eq!(database.find_response(&key("1")).await.expect("asked"), None);
    for (serial, body, expiry) in
        [("1", b"a", later), ("1", b"b", later), ("2", b"c", NOW - Duration::SECOND)]
    {
        database.put_response(response(serial, body, expiry)).await.expect("kept");
    }
    let last = response("1", b"b", later);
    assert_eq!(database.find_response(&key("1")).await.expect("asked"), Some(last.clone()));
    assert_eq!(database.list_responses(NOW).await.expect("listed"), [last]);
}

#[tokio::test]
async fn the_file_conforms_and_keeps_what_it_was_told() {
    let directory = tempfile::tempdir().expect("a directory");
    conforms(&FileDatabase::open(directory.path()).expect("opened")).await;
    let reopened = FileDatabase::open(directory.path()).expect("opened again");
    let filter = Filter { unexpired_at: NOW, revoked_only: true };
    assert_eq!(serials(&reopened.list(filter).await.expect("listed")), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_lose_nothing() {
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    let directory = tempfile::tempdir().expect("a directory");
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            // Each has its own, as processes have.
            let database = Arc::new(FileDatabase::open(directory.path()).expect("opened"));
            tokio::spawn(async move {
                for number in 0..EACH {
                    let record = certificate(&(writer * EACH + number).to_string());
                    database.insert(record).await.expect("inserted");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends well");
    }
    let database = FileDatabase::open(directory.path()).expect("opened");
    let filter = Filter { unexpired_at: NOW, revoked_only: false };
    assert_eq!(database.list(filter).await.expect("listed").len(), WRITERS * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_conforms() {
    let store = store::Embedded::open(store::Config::default()).await.expect("a store opens");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    let stop = tokio_util::sync::CancellationToken::new();
    let plain = store::server::Security::Plain;
    let serving = store::server::serve_clients(store.clone(), listener, plain, stop.clone());
    let server = tokio::spawn(serving);
    // The first is of a member that is not there.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let absent = closed.local_addr().expect("a bound listener has an address");
    drop(closed);
    let config = config::EtcdConfig {
        endpoints: vec![format!("http://{absent}"), format!("http://{address}")],
        prefix: "/pki".to_owned(),
        ca: None,
        identity: None,
    };
    let database = EtcdDatabase::connect(&config).await.expect("connected");
    conforms(&database).await;
    drop(database);
    stop.cancel();
    server.await.expect("the server ends in order");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_spoken_to_with_certificates() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let authority = certs::Authority::generate("test").expect("an authority is made");
    let server = certs::Leaf {
        common_name: "server".into(),
        organization: None,
        usage: certs::Usage::Both,
        dns_names: vec!["localhost".into()],
        ip_addresses: vec!["127.0.0.1".parse().expect("an address")],
    };
    let server = authority.issue(&server).expect("issued");
    let client = authority.issue(&certs::Leaf::client("client", None)).expect("issued");
    for (name, text) in [
        ("ca.pem", authority.certificate_pem()),
        ("client.pem", &client.certificate),
        ("client-key.pem", &client.key),
    ] {
        std::fs::write(path(name), text).expect("written");
    }
    let store = store::Embedded::open(store::Config::default()).await.expect("a store opens");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    let stop = tokio_util::sync::CancellationToken::new();
    let required = certs::ClientAuth::Required;
    let tls = certs::server_config(&server, authority.certificate_pem(), required, &["h2"])
        .expect("the certificates are usable");
    let serving = store::server::serve_clients(store.clone(), listener, tls, stop.clone());
    let served = tokio::spawn(serving);
    let text = serde_json::json!({
        "driver": "etcd",
        "endpoints": [format!("https://{address}")],
        "ca": path("ca.pem"),
        "cert": path("client.pem"),
        "key": path("client-key.pem"),
    });
    std::fs::write(path("db.json"), text.to_string()).expect("written");
    let database = open(&path("db.json")).await.expect("connected");
    conforms(&*database).await;
    drop(database);

    let mut nameless = text.clone();
    for field in ["cert", "key"] {
        nameless.as_object_mut().expect("an object").remove(field);
    }
    std::fs::write(path("db.json"), nameless.to_string()).expect("written");
    let refused = open(&path("db.json")).await.err().expect("no certificate was shown").to_string();
    assert!(refused.contains(&address.to_string()), "{refused}");
    stop.cancel();
    served.await.expect("the server ends in order");
    store.shutdown().await;
}
