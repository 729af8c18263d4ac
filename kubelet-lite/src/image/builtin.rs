//! The image that comes with the binary, so that a first pod needs no registry.

use std::io::Write;
use std::path::Path;

use super::config::{
    ConfigFile, Descriptor, ImageConfig, Manifest, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, RootFs,
    architecture,
};
use super::error::Error;
use super::store::{Draft, Store};

/// The full name of the built-in image.
pub const HELLO_REFERENCE: &str = "docker.io/coracle/hello:1";

/// The program inside it, which is also the pause process of every sandbox.
pub const HELLO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hello"));

const PASSWD: &[u8] =
    b"root:x:0:0:root:/:/\nhello:x:1000:1000:hello:/:/\nnobody:x:65534:65534:nobody:/:/\n";
const GROUP: &[u8] = b"root:x:0:\nhello:x:1000:\nnobody:x:65534:\n";

/// Puts the image into the store. Its digests depend on the program alone.
pub(super) fn register(store: &Store) -> Result<(), Error> {
    let draft = Draft::begin(store)?;
    let file = draft.path().join("layer");
    write_layer(&file).map_err(Error::io("write", &file))?;
    let layer = draft.add_file(&file, OCI_LAYER)?;
    let config = ConfigFile {
        architecture: architecture().to_owned(),
        os: "linux".to_owned(),
        config: ImageConfig {
            env: vec!["PATH=/".to_owned()],
            entrypoint: vec!["/hello".to_owned()],
            working_dir: "/".to_owned(),
            ..ImageConfig::default()
        },
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![layer.digest.clone()] },
    };
    let config = draft.add_document(&config, OCI_CONFIG)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST.to_owned(),
        config,
        layers: vec![layer],
    };
    let manifest: Descriptor = draft.add_document(&manifest, OCI_MANIFEST)?;
    draft.commit(&[(manifest, vec![HELLO_REFERENCE.to_owned()], vec![])]).map(|_| ())
}

fn write_layer(path: &Path) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(std::fs::File::create(path)?);
    for (directory, mode) in [("etc/", 0o755), ("tmp/", 0o1777)] {
        append(&mut tar, tar::EntryType::Directory, directory, mode, &[])?;
    }
    append(&mut tar, tar::EntryType::Regular, "etc/passwd", 0o644, PASSWD)?;
    append(&mut tar, tar::EntryType::Regular, "etc/group", 0o644, GROUP)?;
    append(&mut tar, tar::EntryType::Regular, "hello", 0o755, HELLO)?;
    tar.into_inner()?.flush()
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    kind: tar::EntryType,
    path: &str,
    mode: u32,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    tar.append_data(&mut header, path, content)
}
