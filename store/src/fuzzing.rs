//! Everything that reads what it did not write, for fuzzers: one function for each kind of input,
//! which takes any bytes, and panics if what it checks does not hold. Not in the product.
//!
//! Each reads as the product does, and asserts what can be said whatever the input is: it ends, it
//! does not panic, and what was read is written so that the same is read again. Where checksums
//! would keep all but whole input from getting anywhere, a second target puts the right ones around
//! the bytes.
//!
//! The same functions run in two places: under cargo-fuzz (`fuzz/`), and as property tests with
//! mutated examples in `hostile_test`, where memory is counted too.

use crate::{peer, server, snapshot, wal};

/// A kind of input.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Examples that are well formed, to begin from.
    pub examples: fn() -> Vec<Vec<u8>>,
}

/// All of them. `fuzz/fuzz_targets` has a file for each.
pub const TARGETS: &[Target] = &[
    Target { name: "wal_segment", run: wal::hostile::segment, examples: wal::hostile::segments },
    Target { name: "wal_records", run: wal::hostile::records, examples: wal::hostile::bodies },
    Target {
        name: "snapshot_file",
        run: snapshot::hostile::own,
        examples: snapshot::hostile::files,
    },
    Target {
        name: "snapshot_items",
        run: snapshot::hostile::items,
        examples: snapshot::hostile::frames,
    },
    Target {
        name: "bbolt_import",
        run: snapshot::hostile::bolt,
        examples: snapshot::hostile::databases,
    },
    Target {
        name: "grpc_messages",
        run: server::hostile::messages,
        examples: server::hostile::examples,
    },
    Target {
        name: "grpc_frames",
        run: server::hostile::frames,
        examples: server::hostile::example_frames,
    },
    Target {
        name: "log_commands",
        run: server::hostile::commands,
        examples: server::hostile::example_commands,
    },
    Target {
        name: "peer_messages",
        run: peer::hostile::messages,
        examples: peer::hostile::examples,
    },
    Target { name: "peer_snapshot", run: peer::hostile::snapshot, examples: peer_snapshots },
    Target {
        name: "json_gateway",
        run: server::hostile::gateway::bodies,
        examples: server::hostile::gateway::examples,
    },
];

fn peer_snapshots() -> Vec<Vec<u8>> {
    peer::hostile::example_snapshots(snapshot::hostile::files())
}

/// Runs the target `name`.
///
/// # Panics
///
/// If there is no such target, and if what it checks does not hold.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the target exists").run)(data);
}
