//! A disk that forgets what was not synced.
//!
//! Files are real, in a directory of the run's own, and hold what the process has written, synced
//! or not: that is the system's cache, and outlives a process that is killed. Beside them stands
//! what a machine that loses power would find again. A power loss puts that in place of the files,
//! with any part of what was written since: each sector of 512 bytes is kept or not, growth is kept
//! or not, and so are names that were made, changed or removed in a directory since that was last
//! synced.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use store::{Disk, DiskFile};

use super::chance::Chance;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A member's disk. Clones share it. It outlives the processes that use it.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chance: Chance,
    /// What is on stable storage of each file that has a name in the cache.
    durable: BTreeMap<PathBuf, Vec<u8>>,
    /// Changes of directories that are not synced, in order.
    names: Vec<NameChange>,
    /// Files of which a sync has failed, with what the cache held then: by the system's word that
    /// is clean, and no later sync writes it.
    failed: BTreeMap<PathBuf, Vec<u8>>,
    faults: Faults,
    /// Set when a fault has stopped the machine, or the process.
    down: Option<Down>,
    /// Changes made so far.
    changes: u64,
}

/// What has ended at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// What was written and not synced goes with it.
    Power,
    /// What was written stays in the cache.
    Process,
}

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// What ends at the change with this number from now.
    pub ends_after: Option<(Down, u64)>,
    /// The next sync fails, and takes with it what it should have written.
    pub sync_fails: bool,
    /// Nothing that takes space succeeds.
    pub full: bool,
}

#[derive(Debug)]
enum NameChange {
    Created(PathBuf),
    /// With what the replaced file held on stable storage.
    Renamed {
        from: PathBuf,
        to: PathBuf,
        replaced: Option<Vec<u8>>,
    },
    /// With what the file held on stable storage.
    Removed {
        path: PathBuf,
        held: Vec<u8>,
    },
}

impl NameChange {
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Created(path) | Self::Renamed { to: path, .. } | Self::Removed { path, .. } => {
                path.parent()
            }
        }
    }
}

fn is_over() -> io::Error {
    io::Error::other("the machine or the process has ended")
}

fn no_space() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on device (simulated)")
}

impl SimulatedDisk {
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance,
            durable: BTreeMap::new(),
            names: Vec::new(),
            failed: BTreeMap::new(),
            faults: Faults::default(),
            down: None,
            changes: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no code panics while it holds the disk")
    }

    /// Has faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    pub fn faults(&self) -> Faults {
        self.lock().faults
    }

    /// What has ended by a fault of [`Faults::ends_after`].
    pub fn down(&self) -> Option<Down> {
        self.lock().down
    }

    /// The process has ended, and another may use the disk.
    pub fn release(&self) {
        let mut state = self.lock();
        state.down = None;
        state.faults.ends_after = None;
    }

    /// Changes made so far.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// The power goes, and comes back: files hold what a disk would have kept. No process may use
    /// the disk meanwhile.
    pub fn lose_power(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.failed.clear();
        state.undo_names()?;
        let paths: Vec<PathBuf> = state.durable.keys().cloned().collect();
        for path in paths {
            state.tear(&path)?;
        }
        state.faults = Faults::default();
        state.down = None;
        Ok(())
    }
}

impl State {
    /// One more change. Fails when the power goes with it.
    fn change(&mut self) -> io::Result<()> {
        if self.down.is_some() {
            return Err(is_over());
        }
        self.changes += 1;
        if let Some((what, left)) = &mut self.faults.ends_after {
            if *left == 0 {
                self.down = Some(*what);
                return Err(is_over());
            }
            *left -= 1;
        }
        Ok(())
    }

    fn take_space(&self) -> io::Result<()> {
        if self.faults.full { Err(no_space()) } else { Ok(()) }
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.change()?;
        if std::mem::take(&mut self.faults.sync_fails) {
            // The system forgets that the pages were dirty. What the disk holds of them is anyone's
            // guess.
            let kept = self.torn(path)?;
            self.durable.insert(path.to_owned(), kept);
            self.failed.insert(path.to_owned(), std::fs::read(path)?);
            return Err(io::Error::other("input/output error (simulated)"));
        }
        let mut content = std::fs::read(path)?;
        if let (Some(clean), Some(durable)) = (self.failed.get(path), self.durable.get(path)) {
            let end = content.len().min(clean.len()).min(durable.len());
            for start in (0..end).step_by(SECTOR) {
                let sector = start..(start + SECTOR).min(end);
                if content[sector.clone()] == clean[sector.clone()] {
                    content[sector.clone()].copy_from_slice(&durable[sector]);
                }
            }
        }
        self.durable.insert(path.to_owned(), content);
        Ok(())
    }

    /// Takes back some of the changes of names that are not synced: usually the last ones, as a
    /// journal would, sometimes any.
    fn undo_names(&mut self) -> io::Result<()> {
        let changes = std::mem::take(&mut self.names);
        let in_order = self.chance.happens(0.7);
        let kept = self.chance.within(0..changes.len() as u64 + 1);
        for (at, change) in changes.into_iter().enumerate().rev() {
            let keeps = if in_order { (at as u64) < kept } else { self.chance.happens(0.5) };
            if keeps {
                continue;
            }
            match change {
                NameChange::Created(path) => {
                    self.durable.remove(&path);
                    remove_if_there(&path)?;
                }
                NameChange::Renamed { from, to, replaced } => {
                    let held = self.durable.remove(&to).unwrap_or_default();
                    if to.exists() {
                        std::fs::rename(&to, &from)?;
                        self.durable.insert(from, held);
                    }
                    if let Some(replaced) = replaced {
                        std::fs::write(&to, &replaced)?;
                        self.durable.insert(to, replaced);
                    }
                }
                NameChange::Removed { path, held } => {
                    if !path.exists() {
                        std::fs::write(&path, &held)?;
                        self.durable.insert(path, held);
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the file what the disk kept of it.
    fn tear(&mut self, path: &Path) -> io::Result<()> {
        if !path.exists() {
            self.durable.remove(path);
            return Ok(());
        }
        let torn = self.torn(path)?;
        std::fs::write(path, &torn)?;
        self.durable.insert(path.to_owned(), torn);
        Ok(())
    }

    /// What a disk might hold of the file: what was synced, and some of what was not.
    fn torn(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let cached = std::fs::read(path)?;
        let mut kept = self.durable.get(path).cloned().unwrap_or_default();
        if kept == cached {
            return Ok(kept);
        }
        let share = *self.chance.pick(&[0.0, 0.5, 0.9, 1.0]).expect("there are some");
        let in_order = self.chance.happens(0.3);
        if cached.len() > kept.len() && self.chance.happens(share) {
            kept.resize(cached.len(), 0);
        }
        for start in (0..kept.len().min(cached.len())).step_by(SECTOR) {
            let end = (start + SECTOR).min(kept.len()).min(cached.len());
            if kept[start..end] == cached[start..end] {
                continue;
            }
            if self.chance.happens(share) {
                kept[start..end].copy_from_slice(&cached[start..end]);
            } else if in_order {
                break;
            }
        }
        Ok(kept)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.change()?;
        state.take_space()?;
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        state.durable.insert(path.to_owned(), Vec::new());
        state.names.push(NameChange::Created(path.to_owned()));
        state.change()?;
        file.set_len(length)?;
        state.sync(path)?;
        drop(state);
        if let Some(directory) = path.parent() {
            self.sync_dir(directory)?;
        }
        Ok(Box::new(SimulatedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        std::fs::remove_file(path)?;
        if let Some(held) = state.durable.remove(path) {
            state.names.push(NameChange::Removed { path: path.to_owned(), held });
        }
        Ok(())
    }

    fn settle(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        // A file that no sync has failed for is synced by this; one that a sync has failed for is
        // clean by the system's word, and is read anew from the disk.
        if state.failed.remove(path).is_some() {
            let durable = state.durable.get(path).cloned().unwrap_or_default();
            return std::fs::write(path, durable);
        }
        state.sync(path)
    }

    fn create_growing(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.change()?;
        state.take_space()?;
        let there = path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        if !there {
            state.durable.insert(path.to_owned(), Vec::new());
            state.names.push(NameChange::Created(path.to_owned()));
        }
        Ok(Box::new(SimulatedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        std::fs::rename(from, to)?;
        let held = state.durable.remove(from).unwrap_or_default();
        let replaced = state.durable.insert(to.to_owned(), held);
        let (from, to) = (from.to_owned(), to.to_owned());
        state.names.push(NameChange::Renamed { from, to, replaced });
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        state.names.retain(|change| change.directory() != Some(directory));
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    path: PathBuf,
    file: File,
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        if let Err(error) = state.change() {
            // It ends in the middle of the write.
            let half = state.chance.within(0..bytes.len() as u64 + 1) as usize;
            self.file.write_all_at(&bytes[..half], offset)?;
            return Err(error);
        }
        let grows = offset + bytes.len() as u64 > self.file.metadata()?.len();
        if grows {
            state.take_space()?;
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(&self.path)
    }
}
