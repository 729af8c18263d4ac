//! The loss of power under a member that was killed.
//!
//! A disk promises only what a sync covered. So from everything else a random part stays: of each
//! file's pages written since its last sync none, some or all; its growth not, or as zeros, or with
//! some of the pages; and of what was done to names the first so many, for file systems journal
//! names in order.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::StdRng;

use super::journal::{Name, PAGE, Pages};
use super::volume::SAVED;
use super::{DiskError, io_error};

/// How much of what no sync had covered goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All: nothing had been written back yet, as is likely soon after it was written.
    All,
    /// Some, as luck has it.
    Some,
}

/// What a power loss took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Pages that went back to what they held, and those that stayed though they might have gone.
    pub pages: usize,
    pub pages_kept: usize,
    /// Files that shrank to the size that was on the disk.
    pub growths: usize,
    /// Creations, renames and removals that did not happen, and those that did.
    pub names: usize,
    pub names_kept: usize,
}

/// Takes from the volume at `root` what its `journal` says was not on the disk. No process uses it.
pub fn power_loss(
    root: &Path,
    journal: &Path,
    fate: Fate,
    rng: &mut StdRng,
) -> Result<Lost, DiskError> {
    let mut lost = Lost::default();
    let inodes = inodes(root)?;
    let journals = journal.join("pages");
    for entry in fs::read_dir(&journals).map_err(io_error("list", &journals))? {
        let path = entry.map_err(io_error("list", &journals))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let inode = name.and_then(|name| name.parse::<u64>().ok());
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        // A file without a name is gone with the process.
        if let Some(file) = inode.and_then(|inode| inodes.get(&inode))
            && let Some(pages) = super::journal::pages(&bytes)
        {
            lose_pages(file, &pages, fate, rng, &mut lost).map_err(io_error("change", file))?;
        }
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
    }
    let names = journal.join("names");
    let unsynced = super::journal::unsynced_names(&names)?;
    let kept = (share(fate, rng) * unsynced.len() as f64).round() as usize;
    (lost.names, lost.names_kept) = (unsynced.len() - kept, kept);
    let saved = root.join(SAVED);
    for name in unsynced[kept..].iter().rev() {
        undo(name, &saved).map_err(io_error("undo names in", root))?;
    }
    // What is saved belongs to the past of names that are now as the disk has them.
    fs::remove_dir_all(&saved).map_err(io_error("remove", &saved))?;
    fs::create_dir(&saved).map_err(io_error("create directory", &saved))?;
    fs::write(&names, "").map_err(io_error("write", &names))?;
    Ok(lost)
}

/// A path for each inode.
fn inodes(root: &Path) -> Result<BTreeMap<u64, PathBuf>, DiskError> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(io_error("list", &directory))? {
            let path = entry.map_err(io_error("list", &directory))?.path();
            let about = path.symlink_metadata().map_err(io_error("look at", &path))?;
            if about.is_dir() {
                directories.push(path);
            } else if about.is_file() {
                found.insert(about.ino(), path);
            }
        }
    }
    Ok(found)
}

/// How much of what was written stays: often nothing or everything, else each page for itself.
fn share(fate: Fate, rng: &mut StdRng) -> f64 {
    match (fate, rng.random_range(0..4)) {
        (Fate::All, _) | (Fate::Some, 0) => 0.0,
        (Fate::Some, 1) => 1.0,
        (Fate::Some, _) => rng.random(),
    }
}

fn lose_pages(
    path: &Path,
    pages: &Pages,
    fate: Fate,
    rng: &mut StdRng,
    lost: &mut Lost,
) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let share = share(fate, rng);
    for (page, before) in &pages.before {
        if rng.random_bool(share) {
            lost.pages_kept += 1;
            continue;
        }
        restore(&file, *page, before)?;
        lost.pages += 1;
    }
    // The file system may have the new size without the pages, which then are zeros.
    let loses_size = fate == Fate::All || rng.random();
    if size > pages.size && loses_size {
        file.set_len(pages.size)?;
        lost.growths += 1;
    } else if size < pages.size {
        // Cut, or not yet: then with all that was there, or the size would be a lie.
        if loses_size {
            for (page, before) in &pages.before {
                restore(&file, *page, before)?;
            }
            file.set_len(pages.size)?;
        } else {
            file.set_len(size)?;
        }
    }
    Ok(())
}

fn restore(file: &File, page: u64, before: &[u8]) -> io::Result<()> {
    let mut content = before.to_vec();
    let at = page * PAGE as u64;
    let end = file.metadata()?.len().max(at + before.len() as u64);
    let inside = usize::try_from(end - at).map_or(PAGE, |length| length.min(PAGE));
    content.resize(inside, 0);
    file.write_all_at(&content, at)
}

fn undo(name: &Name, saved: &Path) -> io::Result<()> {
    match name {
        Name::Create { path } => gone(fs::remove_file(path)),
        Name::MakeDirectory { path } => gone(fs::remove_dir_all(path)),
        Name::RemoveDirectory { path } => fs::create_dir(path),
        Name::Rename { from, to, saved: replaced } => {
            fs::rename(to, from)?;
            match replaced {
                Some(name) => fs::hard_link(saved.join(name), to),
                None => Ok(()),
            }
        }
        Name::Remove { path, saved: Some(name) } => fs::hard_link(saved.join(name), path),
        // Nothing was there to be saved.
        Name::Remove { saved: None, .. } => Ok(()),
    }
}

/// What is gone need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
