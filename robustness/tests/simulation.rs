//! The simulation: it repeats itself, it finds nothing in the store, and it finds every deliberate
//! bug.

use std::process::{Command, Output};

/// Seeds that are run in a test, which an unoptimized build takes its time for. `.ci/run` runs
/// more.
const SEEDS: &str = "4";
const SEEDS_RUN_TWICE: &str = "1";
/// Seeds within which each bug must be found.
const SEEDS_FOR_A_BUG: &str = "400";

/// Where to begin with bugs that the first seeds do not show. Others would be found as well from 1
/// on, and take longer.
const SHOWN_BY: [(&str, &str); 5] = [
    ("acknowledge-before-sync", "21"),
    ("leader-restored", "58"),
    ("cache-believed", "16"),
    ("segments-removed-together", "14"),
    ("stale-leader-read", "20"),
];

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_robustness"))
        .arg("simulate")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[test]
fn nothing_is_found() {
    let output = simulate(&["--seeds", SEEDS]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn the_same_seed_does_the_same() {
    let output = simulate(&["--start", "5000", "--seeds", SEEDS_RUN_TWICE, "--twice"]);
    assert!(output.status.success(), "{}", text(&output));
    let digest = |seed: &str| {
        let output = simulate(&["--seed", seed, "-o", "json"]);
        let outcome: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("the outcome is JSON");
        outcome["digest"].as_u64().expect("it has a digest")
    };
    assert_ne!(digest("5000"), digest("5001"));
}

#[test]
fn every_deliberate_bug_is_found() {
    let list = simulate(&["--bug", "list"]);
    let list = String::from_utf8(list.stdout).expect("names are text");
    assert!(list.lines().count() >= 10, "{list}");
    for bug in list.lines() {
        let start = SHOWN_BY.iter().find(|(shown, _)| *shown == bug).map_or("1", |(_, seed)| seed);
        let seeds = ["--start", start, "--seeds", SEEDS_FOR_A_BUG, "--until-failure"];
        let output = simulate(&[&["--bug", bug][..], &seeds].concat());
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{bug} is not found: {text}");
        let replay = format!("--bug {bug}");
        assert!(text.contains("replay: ") && text.contains(&replay), "{text}");
        assert!(!text.contains("process-died"), "{bug} is found by luck: {text}");
    }
}

#[test]
fn bad_arguments_are_named() {
    for (arguments, words) in [
        (&["--bug", "none-such"][..], "--bug none-such: no such bug"),
        (&["--members", "0"], "--members"),
        (&["--history", "x"], "--seed"),
    ] {
        let output = simulate(arguments);
        assert!(!output.status.success());
        assert!(text(&output).contains(words), "{}", text(&output));
    }
}
