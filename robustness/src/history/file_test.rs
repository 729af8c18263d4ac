use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_line_survives_the_disk(lines in vec(any_line(), 0..20)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        write(&path, &lines).unwrap();
        prop_assert_eq!(read(&path).unwrap(), lines);
    }
}

#[test]
fn a_malformed_line_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.jsonl");
    let good = r#"{"at":1,"type":"fault","text":"x"}"#;
    std::fs::write(&path, format!("{good}\n\n{good}\n{{\"at\":2,\"type\":\"faul\n")).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("bad.jsonl line 4"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = read(directory.path().join("none.jsonl")).unwrap_err().to_string();
    assert!(error.contains("none.jsonl"), "{error}");
}

/// The README's examples are what the code reads, and there is one of each type and kind.
#[test]
fn the_readme_s_examples_are_lines() {
    let readme = include_str!("README.md");
    let examples: Vec<&str> = readme.lines().filter(|line| line.starts_with("{\"at\"")).collect();
    for example in &examples {
        let line: Line = serde_json::from_str(example).unwrap_or_else(|error| {
            panic!("{example}: {error}");
        });
        let again = serde_json::to_value(&line).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(example).unwrap(), "{example}");
    }
    let all = examples.join("\n");
    for (field, names) in [
        (
            "type",
            &["invoke", "return", "watch_opened", "watch_answered", "watch_closed", "fault"][..],
        ),
        (
            "kind",
            &[
                "range",
                "put",
                "delete",
                "txn",
                "compact",
                "lease_grant",
                "lease_revoke",
                "lease_keep_alive",
            ],
        ),
        ("answer", &["created", "events", "progress", "compacted", "canceled"]),
        (
            "refusal",
            &["compacted", "future_revision", "lease_not_found", "lease_exists", "not_served"],
        ),
    ] {
        for name in names {
            assert!(all.contains(&format!("\"{field}\":\"{name}\"")), "no example of {name}");
        }
    }
    for outcome in ["done", "refused", "unknown"] {
        assert!(all.contains(&format!("\"outcome\":{{\"{outcome}\"")), "no example of {outcome}");
    }
}
