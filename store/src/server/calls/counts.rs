//! Counts of what gRPC clients asked and how it ended, for `/metrics`.
//!
//! Labels come from the contract's methods and gRPC's codes, so no client can make them grow; of
//! the versions that clients claim to be only the first few are told apart.

use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store_proto::reflect::METHODS;
use tonic::Code;

/// gRPC's codes.
const CODES: usize = 17;

/// Claimed versions that are told apart; later ones count as `other`.
const MAX_VERSIONS: usize = 32;

#[derive(Debug, Default)]
pub(in crate::server) struct MethodCounts {
    pub started: AtomicU64,
    pub received: AtomicU64,
    pub sent: AtomicU64,
    handled: [AtomicU64; CODES],
}

impl MethodCounts {
    pub(super) fn ended(&self, code: Code) {
        self.handled[i32::from(code) as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Calls that ended with each code that occurred.
    pub(in crate::server) fn handled(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.handled.iter().enumerate();
        let counts = counts.map(|(code, count)| (code, count.load(Ordering::Relaxed)));
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(code, count)| (code_name(Code::from_i32(code as i32)), count))
    }
}

/// Requests of clients that claim to be of one version.
#[derive(Debug)]
struct Version {
    kind: &'static str,
    version: Box<str>,
    count: AtomicU64,
}

/// The counts of one member.
#[derive(Debug)]
pub(in crate::server) struct CallCounts {
    /// As [`METHODS`].
    methods: Box<[MethodCounts]>,
    pub received_bytes: AtomicU64,
    pub sent_bytes: AtomicU64,
    /// Unary calls that take longer are told in the log, as etcd's
    /// `--warning-unary-request-duration` has it.
    pub slow_after: Duration,
    versions: RwLock<Vec<Version>>,
}

impl Default for CallCounts {
    fn default() -> Self {
        Self::new(Duration::MAX)
    }
}

impl CallCounts {
    pub(in crate::server) fn new(slow_after: Duration) -> Self {
        Self {
            methods: METHODS.iter().map(|_| MethodCounts::default()).collect(),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            slow_after,
            versions: RwLock::default(),
        }
    }

    pub(super) fn of(&self, method: usize) -> &MethodCounts {
        &self.methods[method]
    }

    /// Every method with its labels (service, method, type) and counts, those never called too.
    pub(in crate::server) fn methods(
        &self,
    ) -> impl Iterator<Item = ([&'static str; 3], &MethodCounts)> {
        let labels = METHODS.iter().map(|method| {
            let kind = match (method.client_streams, method.server_streams) {
                (false, false) => "unary",
                (true, false) => "client_stream",
                (false, true) => "server_stream",
                (true, true) => "bidi_stream",
            };
            [method.service, method.name, kind]
        });
        labels.zip(&self.methods)
    }

    /// A request of a client that claims to be of this version.
    pub(super) fn version(&self, kind: &'static str, version: &str) {
        let known = |versions: &[Version], version: &str| {
            let mut versions = versions.iter();
            let one = versions.find(|one| one.kind == kind && *one.version == *version);
            one.map(|one| one.count.fetch_add(1, Ordering::Relaxed)).is_some()
        };
        const POISON: &str = "no code panics while it holds the versions";
        if known(&self.versions.read().expect(POISON), version) {
            return;
        }
        let mut versions = self.versions.write().expect(POISON);
        let version = if versions.len() < MAX_VERSIONS { version } else { "other" };
        // Another call may have added it meanwhile.
        if !known(&versions, version) {
            versions.push(Version { kind, version: version.into(), count: AtomicU64::new(1) });
        }
    }

    /// Requests by type and claimed version.
    pub(in crate::server) fn versions(&self) -> Vec<(&'static str, String, u64)> {
        let versions = self.versions.read().expect("no code panics while it holds the versions");
        let told = |one: &Version| {
            (one.kind, one.version.clone().into_string(), one.count.load(Ordering::Relaxed))
        };
        versions.iter().map(told).collect()
    }
}

/// A code's name as Go's metrics spell it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_up_to_a_bound() {
        let counts = CallCounts::default();
        for version in 0..MAX_VERSIONS + 10 {
            counts.version("unary", &version.to_string());
        }
        counts.version("unary", "0");
        let versions = counts.versions();
        assert_eq!(versions.len(), MAX_VERSIONS + 1);
        assert_eq!(versions[0], ("unary", "0".to_owned(), 2));
        assert_eq!(versions[MAX_VERSIONS], ("unary", "other".to_owned(), 10));
    }

    #[test]
    fn ends_are_counted_by_code() {
        let counts = MethodCounts::default();
        for code in [Code::Ok, Code::Unauthenticated, Code::Ok] {
            counts.ended(code);
        }
        assert_eq!(counts.handled().collect::<Vec<_>>(), [("OK", 2), ("Unauthenticated", 1)]);
    }
}
