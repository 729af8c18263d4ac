//! Requests for certificates, by stock kubectl and openssl; a node that joins by them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tests::{Cluster, Node, Up, coracle, eventually, openssl, run};

const TOKEN: &str = "abcdef.0123456789abcdef";

/// A request of openssl: two organizations, and an extension that nobody knows.
fn request(directory: &Path) -> String {
    let config = "
[req]
prompt = no
distinguished_name = name
req_extensions = extensions
[name]
0.O = developers
1.O = testers
CN = jane
[extensions]
1.2.3.4.5.6 = ASN1:UTF8String:whatever
";
    std::fs::write(directory.join("req.cnf"), config).expect("writable");
    let path = |name: &str| directory.join(name).to_str().expect("UTF-8").to_owned();
    run(
        &mut openssl(&[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-config",
            &path("req.cnf"),
            "-keyout",
            &path("jane.key"),
            "-out",
            &path("jane.csr"),
        ]),
        "",
    )
    .ok();
    let encoded = run(&mut openssl(&["base64", "-A", "-in", &path("jane.csr")]), "").ok();
    encoded.trim().to_owned()
}

fn object(name: &str, request: &str) -> String {
    format!(
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\n\
         metadata: {{name: {name}}}\n\
         spec:\n  signerName: kubernetes.io/kube-apiserver-client\n  usages: [client auth]\n\
         \x20 expirationSeconds: 3600\n  request: {request}\n"
    )
}

fn row(cluster: &Cluster, name: &str) -> Vec<String> {
    let table = cluster.kubectl(&["get", "csr", name, "--no-headers"]).ok();
    table.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_request_is_approved_and_another_denied() {
    let cluster = Up::bare().start();
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let request = request(directory.path());
    for name in ["jane", "other"] {
        cluster.kubectl_with(&["create", "-f", "-"], &object(name, &request)).ok();
    }
    let header = cluster.kubectl(&["get", "csr"]).ok();
    let header: Vec<&str> = header.lines().next().expect("a header").split_whitespace().collect();
    let columns = ["NAME", "AGE", "SIGNERNAME", "REQUESTOR", "REQUESTEDDURATION", "CONDITION"];
    assert_eq!(header, columns);
    let pending = row(&cluster, "jane");
    assert_eq!(
        pending[2..],
        ["kubernetes.io/kube-apiserver-client", "kubernetes-admin", "60m", "Pending"]
    );
    cluster.kubectl(&["certificate", "approve", "jane"]).ok();
    cluster.kubectl(&["certificate", "deny", "other"]).ok();
    eventually("a certificate", || row(&cluster, "jane")[5] == "Approved,Issued");
    assert_eq!(row(&cluster, "other")[5], "Denied");
    let story = cluster.kubectl(&["describe", "csr", "jane"]).ok();
    for part in ["Status:", "Approved,Issued", "Common Name:", "jane", "developers"] {
        assert!(story.contains(part), "{part}: {story}");
    }

    let encoded = cluster.field(&["csr", "jane"], "{.status.certificate}");
    let pem = run(&mut openssl(&["base64", "-d", "-A"]), &encoded).ok();
    let told = run(&mut openssl(&["x509", "-noout", "-text"]), &pem).ok();
    for part in ["O = developers, O = testers, CN = jane", "TLS Web Client Authentication"] {
        assert!(
            told.replace("O=", "O = ").replace("CN=", "CN = ").contains(part),
            "{part}: {told}"
        );
    }
    assert!(!told.contains("1.2.3.4.5.6") && told.contains("CA:FALSE"), "{told}");

    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("jane.crt"), pem).expect("writable");
    // With the certificate alone: a kubeconfig's own would come first.
    let server = cluster.addresses()["apiserver"].as_str().expect("an API").to_owned();
    let authority = cluster.data_dir.join("pki/ca.crt");
    let authority = authority.to_str().expect("UTF-8");
    let mut kubectl = cluster.kubectl_command(&[
        "get",
        "pods",
        "--server",
        &server,
        "--certificate-authority",
        authority,
        "--client-certificate",
        &path("jane.crt"),
        "--client-key",
        &path("jane.key"),
    ]);
    let refusal = run(kubectl.env("KUBECONFIG", "/dev/null"), "").err();
    assert!(refusal.contains("User \"jane\" cannot list"), "{refusal}");
}

fn make_token(cluster: &Cluster) {
    let (id, secret) = TOKEN.split_once('.').expect("a token");
    cluster
        .kubectl(&[
            "--namespace=kube-system",
            "create",
            "secret",
            "generic",
            &format!("bootstrap-token-{id}"),
            "--type=bootstrap.kubernetes.io/token",
            &format!("--from-literal=token-id={id}"),
            &format!("--from-literal=token-secret={secret}"),
            "--from-literal=usage-bootstrap-authentication=true",
        ])
        .ok();
}

fn is_ready(cluster: &Cluster, node: &str) -> bool {
    let condition = "{.status.conditions[?(@.type=='Ready')].status}";
    let output = format!("jsonpath={condition}");
    cluster.kubectl(&["get", "node", node, "-o", &output]).stdout == "True"
}

fn serial(path: &Path) -> String {
    let path = path.to_str().expect("UTF-8");
    run(&mut openssl(&["x509", "-noout", "-serial", "-in", path]), "").stdout
}

#[test]
fn a_node_joins_and_renews_its_certificates() {
    // Renewed some fifteen seconds after they were signed.
    let cluster = Up::bare().arg("--cluster-signing-duration").arg("20s").start();
    make_token(&cluster);
    let mut node = Node::of(&cluster, "joiner", TOKEN);
    node.start();
    eventually("the node", || is_ready(&cluster, "joiner"));
    let requests = || cluster.kubectl(&["get", "csr", "--no-headers"]).ok();
    eventually("both certificates", || {
        let rows = requests();
        let issued = |signer: &str, user: &str| {
            rows.lines().any(|row| {
                row.contains(signer) && row.contains(user) && row.contains("Approved,Issued")
            })
        };
        issued("kube-apiserver-client-kubelet", "system:bootstrap:abcdef")
            && issued("kubelet-serving", "system:node:joiner")
    });
    cluster.kubectl(&["run", "web", "--image=coracle/hello:1"]).ok();
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/web", "--timeout=60s"]).ok();
    assert_eq!(cluster.field(&["pod", "web"], "{.spec.nodeName}"), "joiner");
    let logs = || cluster.kubectl(&["logs", "web"]);
    eventually("logs through the serving certificate", || logs().succeeded());

    let (client, server) = (node.certificate("client"), node.certificate("server"));
    for private in [&client, &node.kubeconfig()] {
        let mode = std::fs::metadata(private).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", private.display());
    }
    let (first_client, first_server) = (serial(&client), serial(&server));
    eventually("a new client certificate", || serial(&client) != first_client);
    eventually("a new serving certificate", || serial(&server) != first_server);
    assert!(is_ready(&cluster, "joiner"));
    assert!(logs().succeeded());
    assert!(requests().lines().any(|row| {
        row.contains("kube-apiserver-client-kubelet") && row.contains("system:node:joiner")
    }));

    // Requests of certificates that have ended are removed, so the node's log has to tell.
    let joins = |node: &Node| node.log().matches("joining server").count();
    node.kill();
    let renewed = serial(&client);
    node.start();
    eventually("it goes on", || serial(&client) != renewed);
    assert_eq!(joins(&node), 1, "it had no need of the token");

    node.kill();
    let path = client.to_str().expect("UTF-8");
    eventually("the certificate's end", || {
        !run(&mut openssl(&["x509", "-checkend", "0", "-noout", "-in", path]), "").succeeded()
    });
    node.start();
    eventually("joined anew", || joins(&node) == 2 && is_ready(&cluster, "joiner"));
    eventually("logs again", || logs().succeeded());
}

#[test]
fn a_wrong_token_is_told_at_once() {
    let cluster = Up::bare().start();
    make_token(&cluster);
    let node = Node::of(&cluster, "stranger", "abcdef.aaaaaaaaaaaaaaaa");
    let refusal = node.run().err();
    assert!(refusal.contains("does not take the token"), "{refusal}");
    assert!(!node.kubeconfig().exists());
    assert!(cluster.kubectl(&["get", "nodes", "-o", "name"]).ok().is_empty());
}

#[test]
fn tokens_are_made_listed_and_removed() {
    let cluster = Up::bare().start();
    let token = |args: &[&str]| {
        let mut command = coracle();
        command.arg("token").args(args).arg("--data-dir").arg(&cluster.data_dir);
        run(&mut command, "")
    };
    let made = token(&["create", "--ttl", "1h", "--description", "for a test"]).ok();
    let made = made.trim();
    let listed = token(&["list"]).ok();
    assert!(listed.contains(made) && listed.contains("for a test"), "{listed}");
    let bootstrap = token(&["create", "--print-kubeconfig", TOKEN]).ok();
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("bootstrap.conf");
    std::fs::write(&path, bootstrap).expect("writable");
    let mut kubectl = cluster.kubectl_command(&["get", "csr"]);
    run(kubectl.env("KUBECONFIG", &path), "").ok();
    let again = token(&["create", TOKEN]).err();
    assert!(again.contains("already exists"), "{again}");
    token(&["delete", made]).ok();
    assert!(!token(&["list"]).ok().contains(made));
    assert!(token(&["create", "--groups", "system:masters"]).err().contains("--groups"));
}
