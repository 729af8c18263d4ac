//! Judges histories: linearizability and watches.
