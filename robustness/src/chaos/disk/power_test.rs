//! What a loss of power may take, with the real library under a shell.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Controls, Fate, FaultLibrary, power_loss};

/// Enough luck for each outcome to come.
const SEEDS: u64 = 24;

struct Bench {
    directory: tempfile::TempDir,
    library: FaultLibrary,
    controls: Controls,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let library = FaultLibrary::compile(directory.path()).expect("it compiles");
        let controls = Controls::create(&directory.path().join("controls")).expect("made");
        Self { directory, library, controls }
    }

    fn volume(&self) -> PathBuf {
        self.directory.path().join("volume")
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    /// An empty volume.
    fn begin(&self) {
        for directory in [self.volume(), self.journal()] {
            let _ = fs::remove_dir_all(directory);
        }
        fs::create_dir_all(self.volume().join("saved")).expect("made");
        fs::create_dir_all(self.journal().join("pages")).expect("made");
    }

    /// Runs a script in the volume, under the library. Whether all of it went well.
    fn run(&self, script: &str) -> bool {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", script])
            .current_dir(self.volume())
            // What this test says may go to a file on the same disk, which is not to be watched.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("LD_PRELOAD", self.library.path())
            .env("CHAOS_VOLUME", self.volume())
            .env("CHAOS_JOURNAL", self.journal())
            .env("CHAOS_CONTROL", self.controls.path());
        shell.status().expect("there is a shell").success()
    }

    /// What `show` finds after a script and a loss of power, with every seed.
    fn outcomes(&self, script: &str, show: impl Fn(&Path) -> String) -> BTreeSet<String> {
        let outcome = |seed| {
            self.begin();
            assert!(self.run(script), "{script}");
            let mut rng = StdRng::seed_from_u64(seed);
            let lost = power_loss(&self.volume(), &self.journal(), Fate::Some, &mut rng);
            lost.expect("power is lost");
            show(&self.volume())
        };
        (0..SEEDS).map(outcome).collect()
    }
}

fn content(file: &Path) -> String {
    fs::read_to_string(file).map_or("absent".to_owned(), |text| text.replace('\0', "0"))
}

fn set(outcomes: &[&str]) -> BTreeSet<String> {
    outcomes.iter().map(|&outcome| outcome.to_owned()).collect()
}

#[test]
fn what_is_synced_stays_and_what_is_not_may_go() {
    let bench = Bench::new();
    let a = |volume: &Path| content(&volume.join("a"));
    for (script, expected) in [
        ("printf old > a; sync a; sync .", &["old"][..]),
        // The name is not synced.
        ("printf old > a; sync a", &["old", "absent"]),
        // The content is not.
        ("printf old > a; sync .", &["old", "000", ""]),
        // Written over in place: one page, that is there or not.
        (
            "printf old > a; sync a; sync .; printf new | dd of=a conv=notrunc status=none",
            &["old", "new"],
        ),
        // By a process of its own: one does not know of the syncs of another.
        ("printf old > a; sync a; sync .; sh -c 'printf er >> a'", &["old", "older", "old00"]),
        ("printf old > a; sync a; sync .; rm a", &["old", "absent"]),
        ("printf old > a; sync a; sync .; rm a; sync .", &["absent"]),
        ("printf old > a; sync a; printf new > b; sync b; sync .; mv b a", &["old", "new"]),
        ("printf old > a; sync a; printf new > b; sync b; sync .; mv b a; sync .", &["new"]),
    ] {
        assert_eq!(bench.outcomes(script, a), set(expected), "{script}");
    }
}

#[test]
fn names_go_in_order_from_the_last() {
    let bench = Bench::new();
    let names = |volume: &Path| {
        let there = |name: &&str| volume.join(name).exists();
        ["d", "d/x", "d/y"].into_iter().filter(there).collect::<Vec<_>>().join(" ")
    };
    let outcomes = bench.outcomes("mkdir d; : > d/x; : > d/y", names);
    assert_eq!(outcomes, set(&["", "d", "d d/x", "d d/x d/y"]));
}

#[test]
fn faults_come_on_command() {
    let bench = Bench::new();
    bench.begin();
    bench.controls.fail_syncs(nix::errno::Errno::EIO).expect("told");
    assert!(bench.run("printf a > a"), "a write is no sync");
    assert!(!bench.run("sync a"));
    bench.controls.heal().expect("told");
    assert!(bench.run("sync a"));
    bench.controls.fail_writes(nix::errno::Errno::EROFS).expect("told");
    assert!(!bench.run("printf b > b") && !bench.run("rm a") && !bench.run("mkdir c"));
    assert!(bench.run("cat a"), "a read is no write");
    let obeyed = bench.controls.obeyed().expect("told");
    assert_eq!((obeyed.syncs_failed, obeyed.writes_failed), (1, 3));
}
