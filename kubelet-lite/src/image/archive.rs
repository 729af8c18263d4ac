//! Archives of images: OCI layouts and what `docker save` writes.
//!
//! The archive is first spread out into the draft's folder, then read as a folder, since its
//! documents may come in any order and name each other. Layers are moved from there, not copied.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::{
    ConfigFile, Descriptor, INDEX_TYPES, Index, Manifest, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST,
    Platform, architecture,
};
use super::error::Error;
use super::layer::decompress;
use super::reference::Reference;
use super::store::{Draft, Found, hash_file, hex_of, parse};
use super::tar_entry::relative;

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes of the archive that were read, of its size.
    Reading {
        done: u64,
        total: u64,
    },
    Unpacking {
        done: usize,
        layers: usize,
    },
}

/// Name given to the tag in an OCI layout; containerd's holds the full name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const FULL_NAME: &str = "io.containerd.image.name";
/// An index may hold indexes. Deeper nesting than this is no image.
const INDEX_DEPTH: usize = 4;
/// A link in an archive that leads to a link: Docker never needs more than one step.
const LINK_STEPS: usize = 4;

/// Takes all images of an archive that this machine runs into the draft.
pub(super) fn read(
    draft: &Draft<'_>,
    path: &Path,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<Found>, Error> {
    let metadata = fs::metadata(path).map_err(Error::io("open", path))?;
    let archive = if metadata.is_dir() {
        Archive {
            origin: path.to_owned(),
            folder: path.to_owned(),
            links: BTreeMap::new(),
            is_ours: false,
        }
    } else {
        spread(draft, path, metadata.len(), progress)?
    };
    if archive.folder.join("index.json").exists() {
        archive.read_layout(draft)
    } else if archive.folder.join("manifest.json").exists() {
        archive.read_docker(draft)
    } else {
        Err(archive
            .no_archive("it has neither index.json (OCI layout) nor manifest.json (docker save)"))
    }
}

struct Archive {
    /// What the user named.
    origin: PathBuf,
    folder: PathBuf,
    /// Links among the archive's files. Older `docker save` writes a repeated layer so.
    links: BTreeMap<PathBuf, PathBuf>,
    /// Whether its files may be moved away.
    is_ours: bool,
}

/// One row of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

fn spread(
    draft: &Draft<'_>,
    path: &Path,
    total: u64,
    progress: &mut impl FnMut(Progress),
) -> Result<Archive, Error> {
    let folder = draft.path().join("archive");
    fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
    let mut archive =
        Archive { origin: path.to_owned(), folder, links: BTreeMap::new(), is_ours: true };
    let file = File::open(path).map_err(Error::io("open", path))?;
    let position = file.try_clone().map_err(Error::io("open", path))?;
    let reader = decompress(file).map_err(Error::io("read", path))?;
    let mut tar = tar::Archive::new(reader);
    let not_tar =
        |error: io::Error| Error::NotAnArchive { path: path.to_owned(), reason: error.to_string() };
    for entry in tar.entries().map_err(not_tar)? {
        let mut entry = entry.map_err(not_tar)?;
        archive.take(&mut entry)?;
        let done = io::Seek::stream_position(&mut &position).unwrap_or(total);
        progress(Progress::Reading { done, total });
    }
    Ok(archive)
}

impl Archive {
    /// Writes a file of the archive below the folder. No link is ever made there, so no path leads
    /// out of it.
    fn take<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Error> {
        let bad = |reason: String| Error::NotAnArchive { path: self.origin.clone(), reason };
        let raw = entry.path().map_err(|error| bad(error.to_string()))?.into_owned();
        let path = relative(&raw).ok_or_else(|| bad(format!("{raw:?} leads out of it")))?;
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name().ok().flatten().unwrap_or_default().into_owned();
            let base = match kind.is_symlink() {
                true => path.parent().unwrap_or(Path::new("")),
                false => Path::new(""),
            };
            let target = join_within(base, &target)
                .ok_or_else(|| bad(format!("link {raw:?} leads out of it")))?;
            self.links.insert(path, target);
        } else if kind.is_file() {
            let target = self.folder.join(&path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            }
            let mut file = File::create(&target).map_err(Error::io("create", &target))?;
            io::copy(entry, &mut file).map_err(Error::io("write", &target))?;
        }
        Ok(())
    }

    fn read_layout(&self, draft: &Draft<'_>) -> Result<Vec<Found>, Error> {
        let index: Index = self.document(Path::new("index.json"))?;
        let docker_names = self.docker_names()?;
        let mut manifests = vec![];
        let mut others = vec![];
        self.choose(draft, &index, &mut manifests, &mut others, vec![], INDEX_DEPTH)?;
        if manifests.is_empty() {
            return Err(Error::NoSuchPlatform {
                path: self.origin.clone(),
                architecture: architecture(),
                available: match others.is_empty() {
                    true => "nothing at all".to_owned(),
                    false => others.join(", "),
                },
            });
        }
        let mut found = vec![];
        for (descriptor, names) in manifests {
            let manifest: Manifest = parse(&draft.read(&descriptor.digest)?, &descriptor.digest)?;
            for content in manifest.layers.iter().chain([&manifest.config]) {
                self.take_blob(draft, content)?;
            }
            let mut names = self.full_names(names)?;
            if names.is_empty() {
                names = docker_names.get(&manifest.config.digest).cloned().unwrap_or_default();
            }
            if names.is_empty() {
                names = vec![self.name_after_file(None)?];
            }
            let mut digests = vec![];
            for name in &names {
                digests.push(Reference::parse(name)?.at(&descriptor.digest).to_string());
            }
            digests.sort();
            digests.dedup();
            found.push((descriptor, names, digests));
        }
        Ok(found)
    }

    /// Collects the manifests of this machine's platform, with the names that lead to them.
    fn choose(
        &self,
        draft: &Draft<'_>,
        index: &Index,
        chosen: &mut Vec<(Descriptor, Vec<String>)>,
        others: &mut Vec<String>,
        names: Vec<String>,
        depth: usize,
    ) -> Result<(), Error> {
        for descriptor in &index.manifests {
            let own = [FULL_NAME, REF_NAME].iter().find_map(|key| descriptor.annotations.get(*key));
            let names: Vec<String> = names.iter().chain(own).cloned().collect();
            if let Some(platform) = descriptor.platform.as_ref().filter(|p| !p.is_ours()) {
                others.push(platform.to_string());
                continue;
            }
            if INDEX_TYPES.contains(&descriptor.media_type.as_str()) {
                let Some(depth) = depth.checked_sub(1) else {
                    return Err(self.no_archive("its indexes are nested too deeply"));
                };
                self.take_blob(draft, descriptor)?;
                let nested: Index = parse(&draft.read(&descriptor.digest)?, &descriptor.digest)?;
                self.choose(draft, &nested, chosen, others, names, depth)?;
                continue;
            }
            self.take_blob(draft, descriptor)?;
            if let Some(platform) = self.foreign_platform(draft, descriptor)? {
                others.push(platform.to_string());
                continue;
            }
            match chosen.iter_mut().find(|(other, _)| other.digest == descriptor.digest) {
                Some((_, known)) => known.extend(names),
                None => chosen.push((descriptor.clone(), names)),
            }
        }
        Ok(())
    }

    /// The platform by the image's own word, where the index does not tell and it is not ours.
    fn foreign_platform(
        &self,
        draft: &Draft<'_>,
        descriptor: &Descriptor,
    ) -> Result<Option<Platform>, Error> {
        let manifest: Manifest = parse(&draft.read(&descriptor.digest)?, &descriptor.digest)?;
        self.take_blob(draft, &manifest.config)?;
        let config: ConfigFile = parse(&draft.read(&manifest.config.digest)?, "image config")?;
        let platform = Platform { architecture: config.architecture, os: config.os, variant: None };
        let says_nothing = platform.architecture.is_empty();
        Ok((!says_nothing && !platform.is_ours()).then_some(platform))
    }

    fn take_blob(&self, draft: &Draft<'_>, descriptor: &Descriptor) -> Result<(), Error> {
        let path = Path::new("blobs/sha256").join(hex_of(&descriptor.digest)?);
        if !self.folder.join(&path).exists() && draft.has(&descriptor.digest)? {
            return Ok(()); // Taken already, or the store has it from another image.
        }
        let file = self.file(&path).map_err(|_| Error::MissingBlob {
            what: self.origin.display().to_string(),
            digest: descriptor.digest.clone(),
        })?;
        self.add(draft, &file, Some(&descriptor.digest), &descriptor.media_type)?;
        Ok(())
    }

    fn read_docker(&self, draft: &Draft<'_>) -> Result<Vec<Found>, Error> {
        let images: Vec<DockerImage> = self.document(Path::new("manifest.json"))?;
        if images.is_empty() {
            return Err(self.no_archive("its manifest.json names no image"));
        }
        let mut found = vec![];
        let mut layers: BTreeMap<PathBuf, Descriptor> = BTreeMap::new();
        let mut foreign = vec![];
        for image in images {
            let config_path = self.file(Path::new(&image.config))?;
            let bytes = fs::read(&config_path).map_err(Error::io("read", &config_path))?;
            let config: ConfigFile = parse(&bytes, &image.config)?;
            if !config.architecture.is_empty() && config.architecture != architecture() {
                foreign.push(format!("{}/{}", config.os, config.architecture));
                continue;
            }
            let mut manifest = Manifest {
                schema_version: 2,
                media_type: OCI_MANIFEST.to_owned(),
                config: draft.add_bytes(&bytes, OCI_CONFIG)?,
                layers: vec![],
            };
            for layer in &image.layers {
                let path = self.follow(Path::new(layer))?;
                let descriptor = match layers.get(&path) {
                    Some(known) => known.clone(),
                    None => self.add(draft, &self.file(&path)?, None, OCI_LAYER)?,
                };
                layers.insert(path, descriptor.clone());
                manifest.layers.push(descriptor);
            }
            let names = self.full_names(image.repo_tags.unwrap_or_default())?;
            let names = match names.is_empty() {
                true => vec![self.name_after_file(None)?],
                false => names,
            };
            found.push((draft.add_document(&manifest, OCI_MANIFEST)?, names, vec![]));
        }
        if found.is_empty() {
            return Err(Error::NoSuchPlatform {
                path: self.origin.clone(),
                architecture: architecture(),
                available: foreign.join(", "),
            });
        }
        Ok(found)
    }

    /// Names that a newer `docker save` gives beside its OCI layout, by the config's digest.
    fn docker_names(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let path = Path::new("manifest.json");
        if !self.folder.join(path).exists() {
            return Ok(BTreeMap::new());
        }
        let images: Vec<DockerImage> = self.document(path)?;
        let mut names = BTreeMap::new();
        for image in images {
            let hex = image.config.rsplit('/').next().unwrap_or("");
            let hex = hex.trim_end_matches(".json");
            let full = self.full_names(image.repo_tags.unwrap_or_default())?;
            names.insert(format!("sha256:{hex}"), full);
        }
        Ok(names)
    }

    fn full_names(&self, names: Vec<String>) -> Result<Vec<String>, Error> {
        let mut full = vec![];
        for name in names {
            // In an OCI layout the annotation is often a bare tag.
            full.push(match name.contains(['/', ':']) {
                true => Reference::parse(&name)?.to_string(),
                false => self.name_after_file(Some(&name))?,
            });
        }
        full.sort();
        full.dedup();
        Ok(full)
    }

    /// `web.tar.gz` holds `web:latest` if it does not tell otherwise.
    fn name_after_file(&self, tag: Option<&str>) -> Result<String, Error> {
        let file = self.origin.file_name().and_then(|name| name.to_str()).unwrap_or("image");
        let stem = file.split(".tar").next().unwrap_or(file);
        let stem = stem.trim_end_matches(".tgz").trim_end_matches(".oci").to_lowercase();
        let tag = tag.unwrap_or("latest");
        Ok(Reference::parse(&format!("{stem}:{tag}"))?.to_string())
    }

    fn document<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        let file = self.file(path)?;
        let bytes = fs::read(&file).map_err(Error::io("read", &file))?;
        parse(&bytes, &format!("{} in {}", path.display(), self.origin.display()))
    }

    /// Takes a file into the draft and checks its digest if it is known.
    fn add(
        &self,
        draft: &Draft<'_>,
        file: &Path,
        expected: Option<&str>,
        media_type: &str,
    ) -> Result<Descriptor, Error> {
        if let Some(expected) = expected {
            let (actual, _) = hash_file(file)?;
            if actual != expected {
                return Err(Error::DigestMismatch { expected: expected.to_owned(), actual });
            }
        }
        if self.is_ours {
            return draft.add_file(file, media_type);
        }
        let copy = draft.path().join("copy");
        fs::copy(file, &copy).map_err(Error::io("copy", file))?;
        draft.add_file(&copy, media_type)
    }

    /// Where a file of the archive lies.
    fn file(&self, path: &Path) -> Result<PathBuf, Error> {
        let file = self.folder.join(self.follow(path)?);
        let real = file.canonicalize().map_err(|_| self.lacks(path))?;
        let folder = self.folder.canonicalize().map_err(Error::io("open", &self.folder))?;
        match real.starts_with(folder) && real.is_file() {
            true => Ok(file),
            false => Err(self.lacks(path)),
        }
    }

    fn follow(&self, path: &Path) -> Result<PathBuf, Error> {
        let mut path = relative(path).ok_or_else(|| self.lacks(path))?;
        for _ in 0..LINK_STEPS {
            match self.links.get(&path) {
                Some(target) => path = target.clone(),
                None => return Ok(path),
            }
        }
        Err(self.no_archive("its links lead in a circle"))
    }

    fn lacks(&self, path: &Path) -> Error {
        self.no_archive(&format!("it lacks {}", path.display()))
    }

    fn no_archive(&self, reason: &str) -> Error {
        Error::NotAnArchive { path: self.origin.clone(), reason: reason.to_owned() }
    }
}

/// Resolves a link's target without leaving the archive.
fn join_within(base: &Path, target: &Path) -> Option<PathBuf> {
    let mut joined = base.to_owned();
    for component in target.components() {
        match component {
            std::path::Component::Normal(name) => joined.push(name),
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                if !joined.pop() {
                    return None;
                }
            }
            std::path::Component::RootDir | std::path::Component::Prefix(_) => return None,
        }
    }
    Some(joined)
}
