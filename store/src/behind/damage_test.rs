//! Homes damaged in every way: doubted and wiped, or read as if nothing had happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::behind_test::{IDENTITY, contents, put, view, walk};
use super::engine::SledEngine;
use super::mailbox::Mailbox;
use super::start::{open, read_home};
use super::thread::{Home, Writer};
use crate::command::Command;
use crate::mvcc::{Machine, State};
use crate::scratch::in_memory;

/// A home as it lies on disk, and the states that it held, by the entries that they reach.
struct Sample {
    files: BTreeMap<PathBuf, Vec<u8>>,
    states: BTreeMap<u64, State>,
    /// Where it is laid out again and again.
    dir: tempfile::TempDir,
}

impl Sample {
    /// A home that was opened and closed, folded and flushed, so that it has all that sled keeps:
    /// its snapshot, a log of several frames, leaves that were moved. `keys` of `size` bytes.
    fn new(keys: u64, size: usize) -> Self {
        let dir = in_memory();
        let home = dir.path().join("sled");
        let mut machine = Machine::new(IDENTITY, State::default());
        let (mut index, mut states) = (0, BTreeMap::new());
        for round in 0..3u64 {
            let (engine, held) = open(&home, IDENTITY);
            assert_eq!(held.is_some(), round > 0, "the home is kept");
            let engine = Home::Open(engine.expect("a home"), held.map(Box::new));
            let mailbox = Arc::new(Mailbox::default());
            let mut writer = Writer::new(home.clone(), IDENTITY, engine, mailbox);
            for step in 0..3 {
                for key in 0..keys {
                    index += 1;
                    let value = format!("{round} {step} {}", "v".repeat(size));
                    drop(machine.apply(1, put(format!("key{key}"), value, 0)));
                }
                let id = index as i64;
                drop(machine.apply(1, Command::LeaseGrant { id, ttl: 60 }));
                drop(machine.apply(1, put("leased".into(), "x".into(), id)));
                let revision = machine.state().revision - keys as i64;
                drop(machine.apply(1, Command::Compact { revision }));
                writer.write(&view(&machine, index)).expect("the engine works");
                writer.flush().expect("the engine works");
                states.insert(index, machine.state().clone());
            }
        }
        let files = walk(&home).into_iter().map(|path| {
            let bytes = std::fs::read(&path).expect("the file is readable");
            (path.strip_prefix(&home).expect("it lies in the home").to_owned(), bytes)
        });
        let files = files.filter(|(_, bytes)| !bytes.is_empty()).collect();
        Self { files, states, dir }
    }

    /// Lays the home out with `bytes` in the place of `name`, and opens it. Whether what it holds
    /// was believed; then it must be all of what it says it is.
    fn with(&self, name: &Path, bytes: Option<&[u8]>, what: &str) -> bool {
        self.with_perhaps_older(name, bytes, false, what)
    }

    /// As [`Sample::with`], where the home may also be as it was earlier: from there the log goes
    /// on.
    fn with_perhaps_older(
        &self,
        name: &Path,
        bytes: Option<&[u8]>,
        older: bool,
        what: &str,
    ) -> bool {
        let home = self.dir.path().join("damaged");
        for (file, whole) in &self.files {
            let path = home.join(file);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            match bytes {
                Some(bytes) if file == name => std::fs::write(path, bytes),
                None if file == name => Ok(()),
                _ => std::fs::write(path, whole),
            }
            .expect("the file is written");
        }
        let (engine, held) = open(&home, IDENTITY);
        let engine = engine.unwrap_or_else(|| panic!("{what}: no home any more"));
        let believed = held.is_some();
        if let Some(held) = held {
            // Not with what they hold, which is a lot.
            let (_, reached) = held.meta.last_log.expect("it says what it reaches");
            let (latest, _) = self.states.last_key_value().expect("it held something");
            assert!(reached == *latest || older, "{what}: an earlier state");
            let state = &self.states[&reached];
            assert!(contents(&held.state) == contents(state), "{what}: another state");
        } else {
            let left = read_home(&*engine, IDENTITY);
            assert!(left.is_ok_and(|left| left.is_none()), "{what}: not wiped");
        }
        drop(engine);
        std::fs::remove_dir_all(&home).expect("the directory is removed");
        believed
    }
}

#[test]
fn any_flipped_bit_is_doubted_or_harmless() {
    let sample = Sample::new(3, 20);
    let none = sample.with(Path::new("none"), None, "whole");
    assert!(none, "a whole home is believed");
    let (mut believed, mut bytes) = (0, 0);
    for (name, whole) in &sample.files {
        // All bytes of what sled finds its way by, some of what it keeps.
        let step = if name.starts_with("slabs") { 7 } else { 1 };
        for at in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let what = format!("{} byte {at}", name.display());
            believed += usize::from(sample.with(name, Some(&damaged), &what));
            bytes += 1;
        }
    }
    // Places that hold nothing any more may be as they like.
    assert!(believed < bytes, "{believed} of {bytes}");
}

#[test]
fn lost_pages_and_files_are_doubted_or_harmless() {
    let sample = Sample::new(3, 20);
    for (name, whole) in &sample.files {
        sample.with_perhaps_older(name, None, true, &format!("without {}", name.display()));
        for cut in (0..whole.len()).step_by(13) {
            let what = format!("{} cut to {cut}", name.display());
            sample.with_perhaps_older(name, Some(&whole[..cut]), true, &what);
        }
        for start in (0..whole.len()).step_by(64) {
            let mut damaged = whole.clone();
            let end = whole.len().min(start + 64);
            damaged[start..end].fill(0);
            let what = format!("{} without {start}..{end}", name.display());
            sample.with(name, Some(&damaged), &what);
        }
    }
}

#[test]
fn random_damage_to_a_larger_home_is_doubted_or_harmless() {
    let sample = Sample::new(300, 200);
    let mut random = StdRng::seed_from_u64(4);
    let files: Vec<_> = sample.files.iter().filter(|(_, bytes)| bytes.len() > 100).collect();
    for turn in 0..40 {
        let (name, whole) = files[turn % files.len()];
        let at = random.random_range(0..whole.len());
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << random.random_range(0..8);
        sample.with(name, Some(&damaged), &format!("{} byte {at}", name.display()));
    }
}

/// What the check of frames is for: sled alone takes damage for the end of its record.
#[test]
fn an_engine_is_not_opened_on_a_damaged_record() {
    let sample = Sample::new(3, 20);
    let mut tried = 0;
    for (name, whole) in sample.files.iter().filter(|(name, _)| name.starts_with("metadata")) {
        let home = in_memory();
        std::fs::create_dir(home.path().join("metadata")).expect("the directory is created");
        let mut damaged = whole.clone();
        *damaged.last_mut().expect("it holds something") ^= 1;
        std::fs::write(home.path().join(name), damaged).expect("the file is written");
        let error = SledEngine::open(home.path()).err().expect("it is refused");
        assert!(error.to_string().contains("is damaged"), "{error}");
        tried += 1;
    }
    assert_eq!(tried, 2, "a log and a snapshot of {:?}", sample.files.keys());
}
