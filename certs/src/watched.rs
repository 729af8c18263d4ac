//! Something made from files, made anew when they change.
//!
//! Nobody is told of a change: who needs the thing looks, at most once a second, whether a file has
//! another time, size or inode. So an idle process stays idle, and files that are replaced by
//! renaming a directory (as Kubernetes mounts secrets) are noticed like any other.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Between two looks at the files.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

type Build<T> = Box<dyn Fn() -> Result<Arc<T>, Error> + Send + Sync>;

/// What tells one state of a file from the next; `None` when it is not there.
type Stamp = Option<(i64, i64, u64, u64)>;

pub(crate) struct Watched<T> {
    purpose: &'static str,
    paths: Vec<PathBuf>,
    build: Build<T>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    current: Arc<T>,
    stamps: Vec<Stamp>,
    next_look: Instant,
    trouble: Trouble,
}

/// What became of the last change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// It cannot be used, perhaps because not all files are there yet: a pair is two of them.
    Suspected,
    Told,
}

impl<T> Watched<T> {
    /// Builds for the first time, which must succeed.
    pub fn new(
        purpose: &'static str,
        paths: Vec<PathBuf>,
        build: impl Fn() -> Result<Arc<T>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        // Before the files are read: what changes meanwhile is seen by the next look.
        let stamps = paths.iter().map(|path| stamp(path)).collect();
        let current = build()?;
        let held = Held {
            current,
            stamps,
            next_look: Instant::now() + LOOK_INTERVAL,
            trouble: Trouble::None,
        };
        Ok(Self { purpose, paths, build: Box::new(build), held: Mutex::new(held) })
    }

    pub fn current(&self) -> Arc<T> {
        self.at(Instant::now())
    }

    /// As of `now`. What cannot be built anew stays as it was. If that is still so at the next look
    /// the reason is logged, once for each change of the files.
    pub fn at(&self, now: Instant) -> Arc<T> {
        let mut held = self.held.lock().expect("building a configuration does not panic");
        if now < held.next_look {
            return Arc::clone(&held.current);
        }
        held.next_look = now + LOOK_INTERVAL;
        let stamps: Vec<Stamp> = self.paths.iter().map(|path| stamp(path)).collect();
        if stamps == held.stamps && held.trouble != Trouble::Suspected {
            return Arc::clone(&held.current);
        }
        let again = stamps == held.stamps;
        held.stamps = stamps;
        match (self.build)() {
            Ok(anew) => {
                tracing::info!("certificates of {} were read anew", self.purpose);
                held.current = anew;
                held.trouble = Trouble::None;
            }
            Err(_) if !again => held.trouble = Trouble::Suspected,
            Err(error) => {
                held.trouble = Trouble::Told;
                tracing::error!(
                    "changed certificates of {} are not used, the former ones stay: {}",
                    self.purpose,
                    error.with_source()
                );
            }
        }
        Arc::clone(&held.current)
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_up_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("number");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("1");
        let read = path.clone();
        let watched = Watched::new("a test", vec![path.clone()], move || {
            let text = std::fs::read_to_string(&read)
                .map_err(|source| Error::Read { path: read.clone(), source })?;
            let number = text.parse::<u32>().map_err(|error| Error::Malformed {
                path: read.clone(),
                expected: "number",
                reason: error.to_string(),
            })?;
            Ok(Arc::new(number))
        })
        .expect("a number");
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        write("22");
        assert_eq!(*watched.at(Instant::now()), 1, "looked at too early");
        assert_eq!(*watched.at(later(2)), 22);
        write("broken");
        assert_eq!(*watched.at(later(4)), 22);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(*watched.at(later(6)), 22);
        write("333");
        assert_eq!(*watched.at(later(8)), 333);
    }
}
