//! The image store with archives made here. Needs no privilege and no network but loopback.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use kubelet_lite::image::{
    Credentials, Error, HELLO_REFERENCE, Progress, Reference, Store, Whiteouts, pull, unpack_layer,
};
use serde_json::json;
use sha2::{Digest, Sha256};

const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A tar of entries: path, and content or `None` for a folder.
fn tar(entries: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(match content {
            Some(_) => tar::EntryType::Regular,
            None => tar::EntryType::Directory,
        });
        header.set_mode(if content.is_some() { 0o640 } else { 0o750 });
        header.set_mtime(1_000_000_000);
        raw(&mut tar, header, path, content.unwrap_or_default());
    }
    tar.into_inner().expect("memory")
}

/// Writes a header whatever its path: the builder would refuse the bad ones.
fn raw(tar: &mut tar::Builder<Vec<u8>>, mut header: tar::Header, path: &str, content: &[u8]) {
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(content.len() as u64);
    header.set_uid(u64::from(nix::unistd::geteuid().as_raw()));
    header.set_gid(u64::from(nix::unistd::getegid().as_raw()));
    header.set_cksum();
    tar.append(&header, content).expect("memory");
}

fn link(tar: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, path: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o777);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    raw(tar, header, path, &[]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// The blobs of an image and its manifest's descriptor.
struct Made {
    blobs: Vec<Vec<u8>>,
    manifest: Vec<u8>,
    config: Vec<u8>,
}

fn image(architecture: &str, layers: &[Vec<u8>], stored: &[Vec<u8>]) -> Made {
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config = json!({
        "architecture": architecture, "os": "linux",
        "config": { "User": "web", "Cmd": ["serve"], "Entrypoint": null, "StopSignal": "SIGQUIT" },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = serde_json::to_vec(&config).unwrap();
    let descriptor = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": stored.iter()
            .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer))
            .collect::<Vec<_>>(),
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut blobs = stored.to_vec();
    blobs.extend([config.clone(), manifest.clone()]);
    Made { blobs, manifest, config }
}

fn layout(images: &[(&Made, serde_json::Value)]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = vec![];
    let mut manifests = vec![];
    for (made, extra) in images {
        for blob in &made.blobs {
            files.push((format!("blobs/sha256/{}", &digest(blob)[7..]), blob.clone()));
        }
        let mut descriptor = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(&made.manifest),
            "size": made.manifest.len(),
        });
        for (key, value) in extra.as_object().expect("an object") {
            descriptor[key] = value.clone();
        }
        manifests.push(descriptor);
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    files.push(("index.json".into(), serde_json::to_vec(&index).unwrap()));
    let entries: Vec<(&str, Option<&[u8]>)> =
        files.iter().map(|(path, bytes)| (path.as_str(), Some(bytes.as_slice()))).collect();
    tar(&entries)
}

fn named(name: &str) -> serde_json::Value {
    json!({ "annotations": { "org.opencontainers.image.ref.name": name } })
}

struct Place {
    store: Store,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { store: Store::open(folder.path().join("images")).unwrap(), folder }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        self.store.list().unwrap().into_iter().flat_map(|image| image.references).collect()
    }

    /// Files that the store holds, without its index and lock.
    fn content(&self) -> usize {
        let count = |folder: &str| {
            let folder = self.folder.path().join("images").join(folder);
            fs::read_dir(folder).map_or(0, Iterator::count)
        };
        count("blobs/sha256") + count("layers") + count("tmp")
    }
}

fn two_layers() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let base =
        tar(&[("etc/", None), ("etc/passwd", Some(b"web:x:7:8::/:\n")), ("big", Some(b"1"))]);
    let top = tar(&[("etc/motd", Some(b"hello"))]);
    let stored = vec![gzip(&base), top.clone()];
    (vec![base, top], stored)
}

#[test]
fn an_oci_layout_is_imported_listed_and_removed() {
    let place = Place::new();
    let (layers, stored) = two_layers();
    let made = image(ARCHITECTURE, &layers, &stored);
    let archive = place.file("web.tar.gz", &gzip(&layout(&[(&made, named("example.com/web:1"))])));
    let mut steps = vec![];
    let imported = place.store.import(&archive, |step| steps.push(step)).unwrap();
    assert_eq!(imported[0].references, ["example.com/web:1"]);
    assert_eq!(imported[0].id, digest(&made.config));
    let at_digest = format!("example.com/web@{}", digest(&made.manifest));
    assert_eq!(imported[0].digests, std::slice::from_ref(&at_digest));
    assert!(matches!(steps.first(), Some(Progress::Reading { .. })));
    assert_eq!(steps.last(), Some(&Progress::Unpacking { done: 2, layers: 2 }));

    let found = place.store.find("example.com/web:1").unwrap().expect("it is there");
    for name in [at_digest.as_str(), &found.id, &found.id[7..19]] {
        assert_eq!(place.store.find(name).unwrap().as_ref(), Some(&found), "{name}");
    }
    let config = place.store.config(&found).unwrap();
    assert_eq!((config.user.as_str(), config.stop_signal.as_str()), ("web", "SIGQUIT"));
    assert_eq!((config.cmd, config.entrypoint), (vec!["serve".to_owned()], vec![]));
    let folders = place.store.acquire(&found, "container").unwrap();
    assert_eq!(fs::read_to_string(folders[0].join("etc/motd")).unwrap(), "hello", "topmost first");
    assert_eq!(fs::read_to_string(folders[1].join("big")).unwrap(), "1");

    // Held by a container, the layers outlast the image; then nothing is left.
    place.store.remove("example.com/web:1").unwrap();
    assert!(place.names().is_empty());
    assert!(folders[1].join("big").exists());
    place.store.release("container").unwrap();
    place.store.import(&archive, |_| ()).unwrap();
    place.store.remove(&found.id).unwrap();
    assert_eq!(place.content(), 0);
    let error = place.store.remove("example.com/web:1").unwrap_err();
    assert_eq!(error.to_string(), "no image is called \"example.com/web:1\"");
}

#[test]
fn the_image_of_this_machine_is_chosen() {
    let place = Place::new();
    let (layers, stored) = two_layers();
    let (ours, other) = (image(ARCHITECTURE, &layers, &stored), image("s390x", &layers, &stored));
    let platform = |architecture: &str| {
        json!({
            "platform": { "architecture": architecture, "os": "linux" },
            "annotations": { "io.containerd.image.name": "docker.io/library/multi:2" },
        })
    };
    let both = layout(&[(&other, platform("s390x")), (&ours, platform(ARCHITECTURE))]);
    let imported = place.store.import(&place.file("both.tar", &both), |_| ()).unwrap();
    assert_eq!(imported.len(), 1);
    assert_eq!(imported[0].id, digest(&ours.config));
    assert_eq!(imported[0].references, ["docker.io/library/multi:2"]);

    // Whether the index tells the platform or only the image's own configuration does.
    for extra in [platform("s390x"), named("foreign:1")] {
        let foreign = place.file("foreign.tar", &layout(&[(&other, extra)]));
        let error = place.store.import(&foreign, |_| ()).unwrap_err().to_string();
        assert!(error.contains("only for linux/s390x"), "{error}");
    }
}

#[test]
fn what_docker_saves_is_imported() {
    let place = Place::new();
    let (layers, _) = two_layers();
    let made = image(ARCHITECTURE, &layers, &layers);
    let manifest = json!([{
        "Config": "c.json",
        "RepoTags": ["saved:1", "saved:again"],
        "Layers": ["a/layer.tar", "b/layer.tar"],
    }]);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut archive = tar::Builder::new(vec![]);
    let add = |archive: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        raw(archive, header, path, bytes);
    };
    add(&mut archive, "manifest.json", &manifest);
    add(&mut archive, "c.json", &made.config);
    add(&mut archive, "a/layer.tar", &layers[0]);
    add(&mut archive, "real/layer.tar", &layers[1]);
    link(&mut archive, tar::EntryType::Symlink, "b/layer.tar", "../real/layer.tar");
    let archive = place.file("saved.tar", &archive.into_inner().unwrap());
    let imported = place.store.import(&archive, |_| ()).unwrap();
    assert_eq!(imported[0].id, digest(&made.config));
    assert_eq!(
        imported[0].references,
        ["docker.io/library/saved:1", "docker.io/library/saved:again"]
    );
    // One name less, the image stays; a name that moves leaves it.
    place.store.remove("saved:again").unwrap();
    assert_eq!(place.names(), ["docker.io/library/saved:1"]);
    let base = vec![layers[0].clone()];
    let other = layout(&[(&image(ARCHITECTURE, &base, &base), named("saved:1"))]);
    place.store.import(&place.file("other.tar", &other), |_| ()).unwrap();
    assert_eq!(place.names(), ["docker.io/library/saved:1"]);
    assert_ne!(place.store.find("saved:1").unwrap().expect("it moved").id, imported[0].id);
}

#[test]
fn what_is_no_image_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let (layers, stored) = two_layers();
    let sound = image(ARCHITECTURE, &layers, &stored);
    let mut lacking = image(ARCHITECTURE, &layers, &stored);
    lacking.blobs.remove(0);
    // The right blob by its digest, but not what the configuration promises.
    let wrong = image(ARCHITECTURE, &[layers[1].clone(), layers[0].clone()], &stored);
    let mut tampered = layout(&[(&sound, named("t:1"))]);
    let at = tampered.windows(5).position(|bytes| bytes == b"hello").expect("the motd");
    tampered[at] = b'j';
    for (bytes, expected) in [
        (b"nothing of the kind".to_vec(), "is no image archive"),
        (tar(&[("readme", Some(b"x"))]), "neither index.json"),
        (tar(&[("../escape", Some(b"x"))]), "leads out of it"),
        (layout(&[(&lacking, named("t:1"))]), "lacks sha256:"),
        (tampered, "has digest sha256:"),
        (layout(&[(&wrong, named("t:1"))]), "content of layer sha256:"),
        (layout(&[(&sound, named("Not/Lower:1"))]), "must be lowercase"),
        (tar(&[("index.json", Some(b"{"))]), "is not valid"),
    ] {
        let archive = place.file("bad.tar", &bytes);
        let error = place.store.import(&archive, |_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} should say {expected:?}");
    }
    let missing = place.store.import(Path::new("/no/such.tar"), |_| ()).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
    assert!(place.file("escape", b"").exists());
}

#[test]
fn layers_apply_deletions() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("root");
    fs::create_dir(&target).unwrap();
    let apply = |bytes: &[u8]| {
        let file = folder.path().join("layer");
        fs::write(&file, bytes).unwrap();
        unpack_layer(fs::File::open(&file).unwrap(), &target, Whiteouts::Apply).unwrap()
    };
    let base = tar(&[
        ("a/", None),
        ("a/gone", Some(b"1")),
        ("a/kept", Some(b"2")),
        ("opaque/", None),
        ("opaque/below", Some(b"3")),
        ("file-to-folder", Some(b"4")),
        ("folder-to-file/", None),
        ("folder-to-file/x", Some(b"5")),
    ]);
    assert_eq!(apply(&base), digest(&base));
    let top = tar(&[
        ("a/.wh.gone", Some(b"")),
        ("a/.wh.never-there", Some(b"")),
        ("opaque/own", Some(b"6")),
        ("opaque/.wh..wh..opq", Some(b"")),
        ("file-to-folder/", None),
        ("file-to-folder/y", Some(b"7")),
        ("folder-to-file", Some(b"8")),
    ]);
    assert_eq!(apply(&gzip(&top)), digest(&top), "the diffID is that of the plain tar");
    let names = |path: &str| -> Vec<String> {
        let entries = fs::read_dir(target.join(path)).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("a"), ["kept"]);
    assert_eq!(names("opaque"), ["own"]);
    assert_eq!(names("file-to-folder"), ["y"]);
    assert_eq!(fs::read(target.join("folder-to-file")).unwrap(), b"8");
    use std::os::unix::fs::MetadataExt;
    let kept = fs::metadata(target.join("a/kept")).unwrap();
    assert_eq!((kept.mode() & 0o7777, kept.mtime()), (0o640, 1_000_000_000));
    assert_eq!(fs::metadata(target.join("file-to-folder")).unwrap().mtime(), 1_000_000_000);
}

#[test]
fn no_layer_leads_out_of_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "whole").unwrap();
    let outside = outside.to_str().unwrap();
    let file = |path: &str| -> (tar::Header, String) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        (header, path.to_owned())
    };
    let attempt = |name: &str, entries: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut layer = tar::Builder::new(vec![]);
        entries(&mut layer);
        let (target, blob) = (folder.path().join(name), folder.path().join("layer"));
        fs::create_dir(&target).unwrap();
        fs::write(&blob, layer.into_inner().unwrap()).unwrap();
        let unpacked = unpack_layer(fs::File::open(blob).unwrap(), &target, Whiteouts::Apply);
        (target, unpacked.map_err(|error| error.to_string()))
    };
    let (_, climbing) = attempt("climbing", &|layer| {
        let (header, path) = file("a/../../outside/victim");
        raw(layer, header, &path, b"broken");
    });
    assert!(climbing.unwrap_err().contains("leads out of the root"));
    // Through a link that the layer planted: within the root, or not at all.
    let (target, _) = attempt("planted", &|layer| {
        link(layer, tar::EntryType::Symlink, "way", outside);
        let (header, path) = file("way/victim");
        raw(layer, header, &path, b"broken");
    });
    assert!(target.join("way").is_symlink());
    let (_, hard) = attempt("hard", &|layer| {
        link(layer, tar::EntryType::Link, "alias", "../outside/victim");
    });
    assert!(hard.unwrap_err().contains("leads out of the root"));
    // Over a link: the link is replaced, not followed.
    let (target, replaced) = attempt("replaced", &|layer| {
        link(layer, tar::EntryType::Symlink, "victim", &format!("{outside}/victim"));
        let (header, path) = file("victim");
        raw(layer, header, &path, b"own");
    });
    replaced.unwrap();
    assert_eq!(fs::read(target.join("victim")).unwrap(), b"own");
    assert_eq!(fs::read(format!("{outside}/victim")).unwrap(), b"whole");
}

#[test]
fn the_built_in_image_is_there_when_asked_for() {
    let place = Place::new();
    assert!(place.store.list().unwrap().is_empty(), "opening costs nothing");
    for name in ["coracle/hello:1", "docker.io/coracle/hello:1"] {
        let hello = place.store.find(name).unwrap().expect("it is built in");
        assert_eq!(hello.references, [HELLO_REFERENCE]);
        assert_eq!(place.store.config(&hello).unwrap().entrypoint, ["/hello"]);
    }
    assert_eq!(place.store.find("coracle/hello:2").unwrap(), None);
    assert_eq!(place.names(), [HELLO_REFERENCE]);
}

/// A registry on loopback that wants a password, with one image for two platforms.
async fn registry(made: Made) -> std::net::SocketAddr {
    use axum::extract::Path as Captured;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse;
    let index = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(&made.manifest), "size": made.manifest.len(),
            "platform": { "architecture": ARCHITECTURE, "os": "linux" },
        }],
    }))
    .unwrap();
    let mut blobs: std::collections::HashMap<String, Vec<u8>> =
        made.blobs.iter().map(|blob| (digest(blob), blob.clone())).collect();
    blobs.insert("1".into(), index);
    let blobs = std::sync::Arc::new(blobs);
    let challenge =
        || async { (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic realm=\"test\"")]) };
    let serve = move |headers: HeaderMap, Captured(name): Captured<String>| async move {
        let allowed = headers.get("authorization").is_some_and(|value| value == "Basic dTpw");
        if !allowed {
            return challenge().await.into_response();
        }
        let Some(blob) = blobs.get(&name) else {
            let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#;
            return (StatusCode::NOT_FOUND, body).into_response();
        };
        let document: serde_json::Value = serde_json::from_slice(blob).unwrap_or_default();
        let kind = document["mediaType"].as_str().unwrap_or("application/octet-stream").to_owned();
        let headers = [("content-type", kind), ("docker-content-digest", digest(blob))];
        (headers, blob.clone()).into_response()
    };
    let router = axum::Router::new()
        .route("/v2/", axum::routing::get(challenge))
        .route("/v2/team/web/manifests/{name}", axum::routing::get(serve.clone()))
        .route("/v2/team/web/blobs/{name}", axum::routing::get(serve));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pulled_with_its_password() {
    let place = Place::new();
    let (layers, stored) = two_layers();
    let made = image(ARCHITECTURE, &layers, &stored);
    let id = digest(&made.config);
    let address = registry(made).await;
    let name = format!("{address}/team/web:1");
    let reference = Reference::parse(&name).unwrap();
    let password = || Some(Credentials { username: "u".into(), password: "p".into() });
    let pulled = pull(&place.store, &reference, password()).await.unwrap();
    assert_eq!((pulled.id.as_str(), pulled.references.as_slice()), (id.as_str(), &[name][..]));
    place.store.unpack(&pulled).unwrap();

    let denied = pull(&place.store, &reference, None).await.unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }), "{denied}");
    let unknown = Reference::parse(&format!("{address}/team/web:none")).unwrap();
    let unknown = pull(&place.store, &unknown, password()).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");
    let closed = Reference::parse("127.0.0.1:1/a").unwrap();
    let unreachable = pull(&place.store, &closed, None).await.unwrap_err();
    assert!(matches!(unreachable, Error::Unreachable { .. }), "{unreachable}");
}
