//! Handshakes over memory between configurations that follow files.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::clients::Allowed;
use crate::{
    Authorities, Authority, ClientConfigFiles, ClientFiles, Leaf, Pair, PairFiles, Protocol,
    RevocationFile, ServerFiles, Trust, Usage,
};

fn leaf(name: &str) -> Leaf {
    Leaf {
        common_name: name.into(),
        organization: None,
        usage: Usage::Both,
        dns_names: vec!["localhost".into(), format!("{name}.example")],
        ip_addresses: vec![],
    }
}

fn put(directory: &Path, name: &str, pair: &Pair) -> PairFiles {
    let files = PairFiles {
        certificate: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    };
    crate::write_private(&files.key, pair.key.as_bytes()).expect("written");
    crate::write_public(&files.certificate, pair.certificate.as_bytes()).expect("written");
    files
}

/// Whether the two agree, judged by both.
fn agree(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<(), rustls::Error> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(client, name).expect("a client");
    let mut server = ServerConnection::new(server).expect("a server");
    // A handshake has few flights; each turn carries one each way.
    for _ in 0..8 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory");
        server.read_tls(&mut wire.as_slice()).expect("memory");
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).expect("memory");
        client.read_tls(&mut wire.as_slice()).expect("memory");
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

struct World {
    directory: tempfile::TempDir,
    authority: Authority,
    server: PairFiles,
    client: PairFiles,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let authority = Authority::generate("first").expect("an authority");
        let issue = |name: &str| authority.issue(&leaf(name)).expect("issued");
        let server = put(directory.path(), "server", &issue("server"));
        let client = put(directory.path(), "client", &issue("client"));
        std::fs::write(directory.path().join("ca"), authority.certificate_pem()).expect("written");
        Self { directory, authority, server, client }
    }

    fn ca(&self) -> std::path::PathBuf {
        self.directory.path().join("ca")
    }

    fn server(&self, allowed: Allowed, revoked: Option<&str>) -> Arc<ServerFiles> {
        let clients = ClientFiles {
            authorities: Authorities::All(self.ca()),
            revoked: revoked.map(|name| RevocationFile::of_etcd(self.directory.path().join(name))),
            allowed,
            ..ClientFiles::default()
        };
        let protocol = Protocol::default();
        ServerFiles::open("a test", self.server.clone(), Some(clients), protocol, &["h2"])
            .expect("usable files")
    }

    fn client(&self, pair: Option<PairFiles>) -> Arc<ClientConfigFiles> {
        let trust = Trust::Authorities(Authorities::All(self.ca()));
        ClientConfigFiles::open("a test", pair, trust, Protocol::default()).expect("usable files")
    }
}

#[test]
fn names_decide_among_certificates_of_one_authority() {
    let world = World::new();
    let client = world.client(Some(world.client.clone())).current();
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (allowed, taken) in [
        (Allowed::Anyone, true),
        (Allowed::CommonNames(names(&["other", "client"])), true),
        (Allowed::CommonNames(names(&["other"])), false),
        (Allowed::HostNames(names(&["client.example"])), true),
        (Allowed::HostNames(names(&["server.example"])), false),
    ] {
        let server = world.server(allowed.clone(), None).current();
        assert_eq!(agree(client.clone(), server).is_ok(), taken, "{allowed:?}");
    }
    let nobody = world.client(None).current();
    assert!(agree(nobody, world.server(Allowed::Anyone, None).current()).is_err());
}

#[test]
fn a_revoked_certificate_is_refused() {
    let world = World::new();
    let serial = {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let pem = std::fs::read_to_string(&world.client.certificate).expect("read");
        let der =
            crate::tls::chain(&crate::files::Pair { certificate: pem.clone(), key: String::new() })
                .map(|mut chain| chain.remove(0))
                .expect("a certificate");
        let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
        certificate.raw_serial().to_vec()
    };
    let list = |serial: Vec<u8>| {
        let now = time::OffsetDateTime::now_utc();
        let params = rcgen::CertificateRevocationListParams {
            this_update: now,
            next_update: now + time::Duration::days(1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: serial.into(),
                revocation_time: now,
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(world.authority.issuer()).expect("signed")
    };
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(world.directory.path().join(name), bytes).expect("written");
    };
    write("none.der", list(vec![7]).der());
    write("client.der", list(serial.clone()).der());
    write("client.pem", list(serial).pem().expect("PEM").as_bytes());
    let client = world.client(Some(world.client.clone())).current();
    for (file, taken) in [("none.der", true), ("client.der", false), ("client.pem", false)] {
        let server = world.server(Allowed::Anyone, Some(file)).current();
        assert_eq!(agree(client.clone(), server).is_ok(), taken, "{file}");
    }
}

#[test]
fn a_new_authority_is_taken_up_on_both_sides() {
    let world = World::new();
    let server = world.server(Allowed::Anyone, None);
    let client = world.client(Some(world.client.clone()));
    agree(client.current(), server.current()).expect("the first authority");
    let second = Authority::generate("second").expect("an authority");
    let stranger = second.issue(&leaf("client")).expect("issued");
    let stranger = world.client(Some(put(world.directory.path(), "stranger", &stranger)));
    assert!(agree(stranger.current(), server.current()).is_err());
    let both = format!("{}{}", world.authority.certificate_pem(), second.certificate_pem());
    std::fs::write(world.ca(), both).expect("written");
    let later = Instant::now() + Duration::from_secs(2);
    let anew = server.at(later);
    agree(stranger.current(), anew.clone()).expect("the second authority");
    agree(client.current(), anew).expect("the first authority is still there");
}

#[test]
fn what_cannot_be_used_names_its_file() {
    let world = World::new();
    let open = |pair: PairFiles| {
        let refusal = ServerFiles::open("a test", pair, None, Protocol::default(), &[]);
        refusal.err().expect("refused").to_string()
    };
    let mixed = PairFiles { key: world.client.key.clone(), ..world.server.clone() };
    let refusal = open(mixed);
    assert!(refusal.contains("client.key") && refusal.contains("server.crt"), "{refusal}");
    let swapped =
        PairFiles { certificate: world.server.key.clone(), key: world.server.certificate.clone() };
    assert!(open(swapped).contains("server.key"));
    let missing = PairFiles { key: world.directory.path().join("no.key"), ..world.server.clone() };
    assert!(open(missing).contains("no.key"));
}

#[test]
fn a_self_signed_pair_is_its_own_authority_and_is_kept() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = crate::self_signed(directory.path(), &hosts, 1).expect("made");
    let before = std::fs::read(&pair.certificate).expect("read");
    assert_eq!(crate::self_signed(directory.path(), &hosts, 1).expect("kept"), pair);
    assert_eq!(std::fs::read(&pair.certificate).expect("read"), before);
    let server = ServerFiles::open("a test", pair.clone(), None, Protocol::default(), &["h2"])
        .expect("usable")
        .current();
    let open = |trust| {
        ClientConfigFiles::open("a test", None, trust, Protocol::default()).expect("usable")
    };
    agree(open(Trust::Authorities(Authorities::All(pair.certificate))).current(), server.clone())
        .expect("trusted");
    agree(open(Trust::Anyone).current(), server.clone()).expect("believed");
    assert!(agree(open(Trust::System).current(), server).is_err());
}
