//! The content store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::{self, Progress};
use super::config::{ConfigFile, Descriptor, ImageConfig, Manifest};
use super::error::Error;
use super::layer::{self, Whiteouts};
use super::reference::{Reference, is_digest};
use super::{HELLO_REFERENCE, builtin};

/// A folder of images. Cheap to clone; all work is blocking file IO.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<PathBuf>,
}

/// One image and all the names it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Digest of the configuration, which names the image whatever it came in.
    pub id: String,
    /// Full names with tags.
    pub references: Vec<String>,
    /// Full names with the digest that a registry or an archive knows it by.
    pub digests: Vec<String>,
    /// Manifest, configuration and layers as stored.
    pub size_bytes: u64,
    pub(super) manifest: String,
    /// Compressed layers from the bottom up, with their diffIDs.
    pub(super) layers: Vec<Layer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    pub blob: String,
    pub diff_id: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    images: Vec<ImageRecord>,
}

impl Store {
    /// Opens the folder and creates it if need be. Touches nothing else, so it costs nothing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(Error::io("create", &root))?;
        Ok(Self { root: Arc::new(root) })
    }

    /// Every image, by its first name.
    pub fn list(&self) -> Result<Vec<ImageRecord>, Error> {
        let mut images = self.read_index()?.images;
        images.sort_by(|a, b| a.references.cmp(&b.references));
        Ok(images)
    }

    /// Imports every image of an archive that fits this machine: an OCI layout or what
    /// `docker save` writes, as tar, tar.gz or tar.zst, or an OCI layout's folder.
    pub fn import(
        &self,
        path: &Path,
        mut progress: impl FnMut(Progress),
    ) -> Result<Vec<ImageRecord>, Error> {
        let draft = Draft::begin(self)?;
        let found = archive::read(&draft, path, &mut progress)?;
        draft.sync()?;
        let images = draft.commit(&found)?;
        for image in &images {
            let layers = image.layers.len();
            for done in 0..layers {
                progress(Progress::Unpacking { done, layers });
                self.unpack_layer(&image.layers[done])?;
            }
            progress(Progress::Unpacking { done: layers, layers });
        }
        Ok(images)
    }

    /// Finds an image by any name, digest or id, complete or shortened as the command line has it.
    ///
    /// The built-in image appears in the store when it is asked for first.
    pub fn find(&self, name: &str) -> Result<Option<ImageRecord>, Error> {
        let wanted = Wanted::parse(name)?;
        let find = |index: Index| index.images.into_iter().find(|image| wanted.is(image));
        if let Some(image) = find(self.read_index()?) {
            return Ok(Some(image));
        }
        if !wanted.is_named(HELLO_REFERENCE) {
            return Ok(None);
        }
        builtin::register(self)?;
        Ok(find(self.read_index()?))
    }

    /// Removes a name, and the image's content once no name is left. By id: with all its names.
    ///
    /// A running container keeps its layers until it is gone.
    pub fn remove(&self, name: &str) -> Result<ImageRecord, Error> {
        let wanted = Wanted::parse(name)?;
        let lock = self.lock()?;
        let mut index = self.read_index()?;
        let at = index.images.iter().position(|image| wanted.is(image));
        let at = at.ok_or_else(|| Error::NotFound { reference: name.to_owned() })?;
        let removed = index.images[at].clone();
        let image = &mut index.images[at];
        if let Wanted::Name(reference) = &wanted {
            image.references.retain(|other| *other != reference.to_string());
            if reference.digest().is_some() {
                image.references.clear();
            }
        } else {
            image.references.clear();
        }
        if image.references.is_empty() {
            index.images.remove(at);
        }
        self.write_index(&index)?;
        self.sweep(&index, &lock)?;
        Ok(removed)
    }

    /// How the image says it is to be run.
    pub fn config(&self, image: &ImageRecord) -> Result<ImageConfig, Error> {
        let file: ConfigFile = self.document(&image.id)?;
        Ok(file.config)
    }

    /// The folders of the image's layers, the topmost first as overlayfs wants them, unpacked if
    /// they are not yet, and held for `user` until [`Store::release`].
    pub fn acquire(&self, image: &ImageRecord, user: &str) -> Result<Vec<PathBuf>, Error> {
        let lock = self.lock()?;
        for layer in &image.layers {
            let users = self.layer_dir(&layer.diff_id)?.join("users");
            fs::create_dir_all(&users).map_err(Error::io("create", &users))?;
            let mark = users.join(user);
            File::create(&mark).map_err(Error::io("create", &mark))?;
        }
        drop(lock);
        let unpacked = image.layers.iter().rev().map(|layer| self.unpack_layer(layer));
        unpacked.collect()
    }

    /// Lets go of the layers that `user` holds. Idempotent.
    pub fn release(&self, user: &str) -> Result<(), Error> {
        self.retain_users(|other| other != user)
    }

    /// Lets go of layers for all users that are not wanted any more.
    pub fn retain_users(&self, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
        for layer in children(&self.root.join("layers")) {
            for mark in children(&layer.join("users")) {
                let user = mark.file_name().and_then(|name| name.to_str());
                if !user.is_some_and(&wanted) {
                    remove_file(&mark)?;
                }
            }
        }
        Ok(())
    }

    /// Unpacks the layers that are not unpacked yet.
    pub fn unpack(&self, image: &ImageRecord) -> Result<(), Error> {
        image.layers.iter().try_for_each(|layer| self.unpack_layer(layer).map(|_| ()))
    }

    /// Writes the image's whole tree into `target`, for where overlayfs is refused.
    pub fn copy_tree(&self, image: &ImageRecord, target: &Path) -> Result<(), Error> {
        for layer in &image.layers {
            let blob = self.open_blob(&layer.blob)?;
            check_diff_id(layer, &layer::unpack(blob, target, Whiteouts::Apply)?)?;
        }
        Ok(())
    }

    /// The folder of one layer, unpacked once. Two processes at it at once both succeed.
    fn unpack_layer(&self, layer: &Layer) -> Result<PathBuf, Error> {
        let dir = self.layer_dir(&layer.diff_id)?;
        let target = dir.join("fs");
        if target.exists() {
            return Ok(target);
        }
        let draft = Draft::begin(self)?;
        let unpacking = draft.path().join("fs");
        fs::create_dir(&unpacking).map_err(Error::io("create", &unpacking))?;
        let blob = self.open_blob(&layer.blob)?;
        let diff_id = layer::unpack(blob, &unpacking, Whiteouts::Overlay)?;
        check_diff_id(layer, &diff_id)?;
        fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        match fs::rename(&unpacking, &target) {
            Err(_) if target.exists() => Ok(target), // Another was faster.
            Err(error) => Err(Error::io("create", target)(error)),
            Ok(()) => Ok(target),
        }
    }

    pub(super) fn document<T: serde::de::DeserializeOwned>(
        &self,
        digest: &str,
    ) -> Result<T, Error> {
        let path = self.blob_path(digest)?;
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        parse(&bytes, digest)
    }

    fn open_blob(&self, digest: &str) -> Result<File, Error> {
        let path = self.blob_path(digest)?;
        match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::MissingBlob {
                what: self.root.display().to_string(),
                digest: digest.to_owned(),
            }),
            other => other.map_err(Error::io("open", path)),
        }
    }

    pub(super) fn blob_path(&self, digest: &str) -> Result<PathBuf, Error> {
        Ok(self.root.join("blobs/sha256").join(hex_of(digest)?))
    }

    fn layer_dir(&self, diff_id: &str) -> Result<PathBuf, Error> {
        Ok(self.root.join("layers").join(hex_of(diff_id)?))
    }

    fn read_index(&self) -> Result<Index, Error> {
        let path = self.root.join("index.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Error::CorruptIndex { path, reason: error.to_string() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Only under the lock.
    fn write_index(&self, index: &Index) -> Result<(), Error> {
        let path = self.root.join("index.json");
        let new = self.root.join("index.json.new");
        let bytes = serde_json::to_vec_pretty(index).expect("records always encode");
        fs::write(&new, bytes)
            .and_then(|()| File::open(&new)?.sync_all())
            .and_then(|()| fs::rename(&new, &path))
            .map_err(Error::io("write", path))
    }

    /// Waits for whoever else changes the store. Released when dropped.
    fn lock(&self) -> Result<Lock, Error> {
        let path = self.root.join("lock");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.lock().map_err(Error::io("lock", path))?;
        Ok(Lock { _file: file })
    }

    /// Removes content that no image has and no container holds, and drafts of dead processes.
    fn sweep(&self, index: &Index, _lock: &Lock) -> Result<(), Error> {
        let mut blobs = BTreeSet::new();
        let mut layers = BTreeSet::new();
        for image in &index.images {
            blobs.extend([hex_of(&image.id)?, hex_of(&image.manifest)?]);
            for layer in &image.layers {
                blobs.insert(hex_of(&layer.blob)?);
                layers.insert(hex_of(&layer.diff_id)?);
            }
        }
        let is_in = |set: &BTreeSet<&str>, path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| set.contains(name))
        };
        for blob in children(&self.root.join("blobs/sha256")) {
            if !is_in(&blobs, &blob) {
                remove_file(&blob)?;
            }
        }
        for layer in children(&self.root.join("layers")) {
            if !is_in(&layers, &layer) && children(&layer.join("users")).is_empty() {
                fs::remove_dir_all(&layer).map_err(Error::io("remove", layer))?;
            }
        }
        for draft in children(&self.root.join("tmp")) {
            if !Draft::is_alive(&draft) {
                fs::remove_dir_all(&draft).map_err(Error::io("remove", draft))?;
            }
        }
        Ok(())
    }
}

struct Lock {
    _file: File,
}

/// What a name on the command line or in a pod asks for.
enum Wanted {
    /// The configuration's digest or a beginning of it.
    Id(String),
    Name(Reference),
}

/// So many digits of an id are taken for an id rather than for a name.
const SHORT_ID: usize = 12;

impl Wanted {
    fn parse(name: &str) -> Result<Self, Error> {
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        let is_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_hex && (SHORT_ID..=64).contains(&hex.len()) {
            return Ok(Self::Id(format!("sha256:{hex}")));
        }
        Ok(Self::Name(Reference::parse(name)?))
    }

    fn is(&self, image: &ImageRecord) -> bool {
        match self {
            Self::Id(id) => image.id.starts_with(id.as_str()),
            // A digest decides alone: the tag beside it is for humans.
            Self::Name(reference) => match reference.digest() {
                Some(digest) => {
                    let wanted = reference.at(digest).to_string();
                    image.digests.contains(&wanted) || image.id == digest
                }
                None => image.references.contains(&reference.to_string()),
            },
        }
    }

    fn is_named(&self, full: &str) -> bool {
        matches!(self, Self::Name(reference) if reference.to_string() == full)
    }
}

/// A manifest in the draft, the names and the digest names that it gets.
pub(super) type Found = (Descriptor, Vec<String>, Vec<String>);

/// Content on its way into the store. Dropped without a commit it leaves nothing.
pub(super) struct Draft<'store> {
    store: &'store Store,
    path: PathBuf,
}

static DRAFTS: AtomicU64 = AtomicU64::new(0);

impl<'store> Draft<'store> {
    pub(super) fn begin(store: &'store Store) -> Result<Self, Error> {
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{number}", std::process::id());
        let path = store.root.join("tmp").join(name);
        let _ = fs::remove_dir_all(&path); // Of an earlier process with this number.
        let blobs = path.join("blobs");
        fs::create_dir_all(&blobs).map_err(Error::io("create", blobs))?;
        Ok(Self { store, path })
    }

    /// A folder for whatever is needed on the way.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn is_alive(path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let pid = name.and_then(|name| name.split('.').next());
        pid.is_some_and(|pid| Path::new("/proc").join(pid).exists())
    }

    /// Takes a file in, verified against its digest or named by it.
    pub(super) fn add_file(&self, file: &Path, media_type: &str) -> Result<Descriptor, Error> {
        let (digest, size) = hash_file(file)?;
        let target = self.path.join("blobs").join(hex_of(&digest)?);
        fs::rename(file, &target).map_err(Error::io("move", file))?;
        Ok(descriptor(media_type, digest, size))
    }

    pub(super) fn add_bytes(&self, bytes: &[u8], media_type: &str) -> Result<Descriptor, Error> {
        let digest = digest_of(Sha256::new_with_prefix(bytes));
        let target = self.path.join("blobs").join(hex_of(&digest)?);
        fs::write(&target, bytes).map_err(Error::io("write", &target))?;
        Ok(descriptor(media_type, digest, bytes.len() as u64))
    }

    pub(super) fn add_document(
        &self,
        document: &impl Serialize,
        media_type: &str,
    ) -> Result<Descriptor, Error> {
        let bytes = serde_json::to_vec(document).expect("documents always encode");
        self.add_bytes(&bytes, media_type)
    }

    /// Whether the draft or the store has this content.
    pub(super) fn has(&self, digest: &str) -> Result<bool, Error> {
        Ok(self.locate(digest)?.exists())
    }

    pub(super) fn read(&self, digest: &str) -> Result<Vec<u8>, Error> {
        let path = self.locate(digest)?;
        fs::read(&path).map_err(Error::io("read", path))
    }

    fn locate(&self, digest: &str) -> Result<PathBuf, Error> {
        let drafted = self.path.join("blobs").join(hex_of(digest)?);
        match drafted.exists() {
            true => Ok(drafted),
            false => self.store.blob_path(digest),
        }
    }

    /// Has the content on disk before an index names it. The built-in image does without: it can be
    /// made again.
    pub(super) fn sync(&self) -> Result<(), Error> {
        children(&self.path.join("blobs")).iter().try_for_each(|blob| {
            File::open(blob).and_then(|file| file.sync_all()).map_err(Error::io("sync", blob))
        })
    }

    /// Moves the content into the store and names the images. A name that another image had moves.
    pub(super) fn commit(self, found: &[Found]) -> Result<Vec<ImageRecord>, Error> {
        let lock = self.store.lock()?;
        let records: Vec<ImageRecord> =
            found.iter().map(|found| self.record(found)).collect::<Result<_, _>>()?;
        let blobs = self.store.root.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(Error::io("create", &blobs))?;
        for blob in children(&self.path.join("blobs")) {
            let name = blob.file_name().expect("a listed file has a name");
            fs::rename(&blob, blobs.join(name)).map_err(Error::io("move", &blob))?;
        }
        let mut index = self.store.read_index()?;
        let merged = records.into_iter().map(|record| index.add(record)).collect();
        self.store.write_index(&index)?;
        self.store.sweep(&index, &lock)?;
        Ok(merged)
    }

    fn record(&self, found: &Found) -> Result<ImageRecord, Error> {
        let (descriptor, references, digests) = found;
        let manifest: Manifest = parse(&self.read(&descriptor.digest)?, &descriptor.digest)?;
        let config: ConfigFile = parse(&self.read(&manifest.config.digest)?, "image config")?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != manifest.layers.len() {
            return Err(Error::InvalidDocument {
                what: format!("image {}", descriptor.digest),
                reason: format!(
                    "it has {} layers but {} diffIDs",
                    manifest.layers.len(),
                    diff_ids.len()
                ),
            });
        }
        let mut size_bytes = descriptor.size + manifest.config.size;
        let mut layers = vec![];
        for (layer, diff_id) in manifest.layers.iter().zip(diff_ids) {
            if !self.has(&layer.digest)? {
                return Err(Error::MissingBlob {
                    what: format!("image {}", descriptor.digest),
                    digest: layer.digest.clone(),
                });
            }
            hex_of(diff_id)?;
            size_bytes += layer.size;
            layers.push(Layer { blob: layer.digest.clone(), diff_id: diff_id.clone() });
        }
        Ok(ImageRecord {
            id: manifest.config.digest,
            references: references.clone(),
            digests: digests.clone(),
            size_bytes,
            manifest: descriptor.digest.clone(),
            layers,
        })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Index {
    /// Adds an image or its names to the one that is there. Its names leave every other image.
    fn add(&mut self, record: ImageRecord) -> ImageRecord {
        for image in &mut self.images {
            image.references.retain(|name| !record.references.contains(name));
        }
        let at = self.images.iter().position(|image| image.id == record.id);
        let merged = match at {
            None => record,
            Some(at) => {
                let old = self.images.remove(at);
                ImageRecord {
                    references: union(old.references, record.references),
                    digests: union(old.digests, record.digests),
                    ..ImageRecord { references: vec![], digests: vec![], ..record }
                }
            }
        };
        self.images.retain(|image| !image.references.is_empty() || !image.digests.is_empty());
        self.images.push(merged.clone());
        merged
    }
}

fn union(mut a: Vec<String>, b: Vec<String>) -> Vec<String> {
    a.extend(b);
    a.sort();
    a.dedup();
    a
}

fn check_diff_id(layer: &Layer, actual: &str) -> Result<(), Error> {
    match layer.diff_id == actual {
        true => Ok(()),
        false => Err(Error::DigestMismatch {
            expected: format!("layer {}", layer.diff_id),
            actual: actual.to_owned(),
        }),
    }
}

fn descriptor(media_type: &str, digest: String, size: u64) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest, size, ..Descriptor::default() }
}

/// The digits of a digest. Guards every path that is made of one.
pub(super) fn hex_of(digest: &str) -> Result<&str, Error> {
    match is_digest(digest) {
        true => Ok(&digest["sha256:".len()..]),
        false => Err(Error::InvalidDigest { digest: digest.to_owned() }),
    }
}

pub(super) fn digest_of(hash: Sha256) -> String {
    use std::fmt::Write;
    let mut digest = String::with_capacity(71);
    digest.push_str("sha256:");
    for byte in hash.finalize() {
        write!(digest, "{byte:02x}").expect("a string takes all that is written");
    }
    digest
}

pub(super) fn hash_file(path: &Path) -> Result<(String, u64), Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok((digest_of(hash), size)),
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::InvalidDocument {
        what: what.to_owned(),
        reason: error.to_string(),
    })
}

/// Paths of what is in a folder; none if it is not there.
fn children(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![],
    }
}

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
