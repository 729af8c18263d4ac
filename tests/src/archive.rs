//! An image of the test's own, as a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A file of an image, with its mode.
pub struct Content<'a> {
    pub path: &'a str,
    pub mode: u32,
    pub bytes: &'a [u8],
}

/// Writes an OCI archive of one image with one layer.
pub fn write_oci(path: &Path, name: &str, config: &Value, layer: &[Content<'_>]) -> io::Result<()> {
    let layer = tar_of(layer)?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let config = config.to_string().into_bytes();
    let descriptor = |media_type: &str, bytes: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.oci.image.{media_type}"),
            "digest": digest(bytes),
            "size": bytes.len(),
        })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", &config),
        "layers": [descriptor("layer.v1.tar", &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor("manifest.v1+json", &manifest);
    entry["annotations"] = json!({"io.containerd.image.name": name});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let blobs = [&layer, &config, &manifest].map(|bytes| (blob_path(bytes), bytes.as_slice()));
    let mut files = vec![Content {
        path: "oci-layout",
        mode: 0o644,
        bytes: br#"{"imageLayoutVersion":"1.0.0"}"#,
    }];
    files.extend(blobs.iter().map(|(path, bytes)| Content { path, mode: 0o644, bytes }));
    files.push(Content { path: "index.json", mode: 0o644, bytes: index.as_bytes() });
    File::create(path)?.write_all(&tar_of(&files)?)
}

fn tar_of(files: &[Content<'_>]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode);
        header.set_size(file.bytes.len().try_into().map_err(io::Error::other)?);
        tar.append_data(&mut header, file.path, file.bytes)?;
    }
    tar.into_inner()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

fn blob_path(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", hex(bytes))
}

/// This machine's, as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The program of the built-in image, out of a data directory whose node runs containers.
pub fn hello_program(data_dir: &Path) -> Vec<u8> {
    let layers = fs::read_dir(data_dir.join("runtime/images/layers")).expect("a node with images");
    let programs = layers.flatten().map(|layer| layer.path().join("fs/hello"));
    let program = programs.into_iter().find(|path| path.is_file()).expect("the built-in image");
    fs::read(program).expect("readable")
}
