//! What a member has made durable, seen by the fault library alone: no namespaces are needed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use robustness::chaos::cluster::Binary;
use robustness::chaos::disk::{Controls, FaultLibrary, Name, unsynced_names};

/// Longer than a member takes on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

/// The binary under test, built by the same cargo run.
fn coracle() -> Binary {
    let beside = Path::new(env!("CARGO_BIN_EXE_robustness")).with_file_name("coracle");
    Binary::find(Some(&beside)).unwrap_or_else(|error| panic!("{error}"))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A member that serves has nothing to lose of how its directory came to be: no loss of power takes
/// the directories that lead to it, nor those in it that hold the truth.
#[test]
fn the_directories_of_a_new_member_are_durable_before_it_serves() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().canonicalize().expect("it is there");
    let journal = root.join("journal");
    let volume = root.join("volume");
    std::fs::create_dir_all(journal.join("pages")).expect("made");
    std::fs::create_dir_all(volume.join("saved")).expect("made");
    let library = FaultLibrary::compile(&root).expect("it compiles");
    let controls = Controls::create(&root.join("controls")).expect("made");
    let data = volume.join("new").join("data");
    let log = root.join("log");
    let member = Command::new(coracle().path())
        .env("LD_PRELOAD", library.path())
        .env("CHAOS_VOLUME", &volume)
        .env("CHAOS_JOURNAL", &journal)
        .env("CHAOS_CONTROL", controls.path())
        .args(["store", "--listen-client-urls=http://127.0.0.1:0"])
        .args(["--listen-peer-urls=http://127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("made"))
        .spawn();
    let member = Killed(member.expect("it starts"));
    let deadline = Instant::now() + PATIENCE;
    let told = || std::fs::read_to_string(&log).expect("readable");
    while !told().contains("ready to serve client requests") {
        assert!(Instant::now() < deadline, "{}", told());
        std::thread::sleep(LOOK);
    }
    drop(member);
    let names = journal.join("names");
    assert!(std::fs::metadata(&names).is_ok_and(|about| about.len() > 0), "nothing was journalled");
    for name in unsynced_names(&names).expect("readable") {
        if let Name::MakeDirectory { path } = &name {
            assert!(path.starts_with(data.join("sled")), "may be lost with all it holds: {name:?}");
        }
    }
}
