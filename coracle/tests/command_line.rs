//! The command line from outside.

use std::process::{Command, Output};

fn coracle(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coracle")).args(args).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn version_is_for_people_and_for_scripts() {
    assert!(text(&coracle(&["version"]).stdout).contains("Kubernetes API v1.35."));
    let json = coracle(&["version", "-o", "json"]);
    let version: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(version["coracle"], env!("CARGO_PKG_VERSION"));
    assert!(version["kubernetes"].as_str().is_some_and(|text| text.ends_with("+coracle")));
}

#[test]
fn every_shell_gets_a_completion() {
    for shell in ["bash", "zsh", "fish"] {
        let output = coracle(&["completion", shell]);
        assert!(output.status.success());
        // fish writes `-l data-dir`.
        for flag in ["data-dir", "peer-trusted-ca-file", "renewca"] {
            assert!(text(&output.stdout).contains(flag), "{shell}: {flag}");
        }
    }
}

#[test]
fn help_is_a_result_and_nonsense_is_not() {
    let help = coracle(&["up", "--help"]);
    assert!(help.status.success() && help.stderr.is_empty());
    for flag in [
        "--data-dir",
        "--nodes",
        "--runtime",
        "--bind-address",
        "--secure-port",
        "--client-port",
        "--peer-port",
        "--no-etcd-listener",
        "--ephemeral",
        "--memory",
    ] {
        assert!(text(&help.stdout).contains(flag), "{flag}");
    }
    let nonsense = coracle(&["sideways"]);
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(nonsense.stdout.is_empty() && text(&nonsense.stderr).contains("sideways"));
}

#[test]
fn the_name_it_is_called_by_decides() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let call = |name: &str, args: &[&str]| {
        let link = directory.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_coracle"), &link).expect("a link");
        Command::new(link).args(args).output().expect("the binary runs")
    };
    for name in ["ctl", "etcdctl", "etcdutl"] {
        let output = call(name, &["--help"]);
        assert!(text(&output.stdout).contains("snapshot"), "{name}");
    }
    let made = call("cfssl", &["print-defaults", "csr"]);
    std::fs::write(directory.path().join("csr.json"), &made.stdout).expect("written");
    let request = directory.path().join("csr.json");
    let link = directory.path().join("made");
    let made = Command::new(env!("CARGO_BIN_EXE_coracle"))
        .args(["certs", "gencert", "-initca"])
        .arg(&request)
        .output()
        .expect("the binary runs");
    assert!(text(&made.stderr).contains("[INFO] generate received request"));
    std::fs::write(&link, &made.stdout).expect("written");
    let (made, name) = (link.display().to_string(), directory.path().join("ca"));
    let output = call("cfssljson", &["-bare", "-f", &made, &name.display().to_string()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for suffix in ["ca.pem", "ca-key.pem", "ca.csr"] {
        assert!(directory.path().join(suffix).exists(), "{suffix}");
    }
    let output = call("kube-apiserver", &["--help"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("kube-apiserver"));
}
