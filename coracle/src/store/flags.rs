//! Every flag of a store member: etcd 3.6's, under etcd's names, with what this build makes of each.
//!
//! One table: the parser, the `ETCD_*` environment, the configuration file, the help and the
//! completion all read it, so none of them can know a flag that another does not.

/// What becomes of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Works,
    /// Tunes a part of etcd that is not here. Taken with a warning that says so.
    Idle(&'static str),
    /// Asks for what this build does not have: anything but the default is refused.
    Refused(&'static str),
    /// No flag of etcd any more; etcd itself ignores it with a warning.
    Retired,
}

/// Whether a flag may stand without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Value,
    Switch,
}

#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub kind: Kind,
    /// What stands in etcd's help as the default.
    pub default: &'static str,
    pub help: &'static str,
    pub support: Support,
}

pub struct Section {
    pub title: &'static str,
    pub flags: &'static [Flag],
}

const fn value(name: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind: Kind::Value, default, help, support: Support::Works }
}

const fn switch(name: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind: Kind::Switch, default, help, support: Support::Works }
}

const fn idle(flag: Flag, why: &'static str) -> Flag {
    Flag { support: Support::Idle(why), ..flag }
}

const fn refused(flag: Flag, why: &'static str) -> Flag {
    Flag { support: Support::Refused(why), ..flag }
}

const fn retired(name: &'static str) -> Flag {
    Flag { name, kind: Kind::Switch, default: "", help: "", support: Support::Retired }
}

const NO_BBOLT: &str = "there is no bbolt file to tune";
const NO_DISCOVERY: &str = "a cluster is named with --initial-cluster here, there is no discovery";
const NO_TRACING: &str = "this build exports no traces";

pub static SECTIONS: &[Section] = &[
    Section {
        title: "Member",
        flags: &[
            value("name", "default", "Name of this member, as `member list` shows it"),
            value("data-dir", "", "Where the member lives"),
            value("wal-dir", "", "Where the log lies, when it has a disk of its own"),
            value(
                "listen-client-urls",
                "http://localhost:2379",
                "Where clients connect, gRPC and HTTP on one port: http, https, unix or unixs",
            ),
            value(
                "listen-client-http-urls",
                "",
                "Where HTTP clients connect; then --listen-client-urls serve gRPC alone",
            ),
            value("listen-peer-urls", "http://localhost:2380", "Where the other members connect"),
            value(
                "snapshot-count",
                "0",
                "Writes after which a snapshot is taken and the log before it dropped; 0 weighs \
                 the log against what is stored",
            ),
            value("heartbeat-interval", "100", "Milliseconds between a leader's heartbeats"),
            value(
                "election-timeout",
                "1000",
                "Milliseconds without a heartbeat after which a member stands for election",
            ),
            value(
                "quota-backend-bytes",
                "0",
                "Size from which on puts are refused (NOSPACE): 0 is 2 GiB, less is no limit",
            ),
            value("max-txn-ops", "128", "Greatest number of operations in a transaction"),
            value("max-request-bytes", "1572864", "Greatest size of a request"),
            value(
                "max-concurrent-streams",
                "4294967295",
                "Requests and watches that one connection may have open",
            ),
            value("grpc-keepalive-interval", "2h", "Idle time before a client is pinged; 0 never"),
            value("grpc-keepalive-timeout", "20s", "Time a client has to answer a ping"),
            idle(
                value("grpc-keepalive-min-time", "5s", "Shortest time between a client's pings"),
                "clients may ping as often as they like",
            ),
            switch(
                "socket-reuse-port",
                "false",
                "Let several processes listen on one port (SO_REUSEPORT)",
            ),
            idle(
                switch("socket-reuse-address", "false", "Take a port that is in TIME_WAIT"),
                "SO_REUSEADDR is always set",
            ),
            switch("memory-mlock", "false", "Keep all memory of the process out of swap"),
            switch("enable-grpc-gateway", "true", "Serve /v3/* as JSON over HTTP"),
            value("feature-gates", "", "Features by name, e.g. CompactHashCheck=true"),
            idle(
                switch("initial-election-tick-advance", "true", "Elect sooner after a start"),
                "the first election never waits for a full timeout",
            ),
            idle(value("max-wals", "5", "Log files to keep"), "the log keeps what it needs"),
            idle(value("max-snapshots", "5", "Snapshots to keep"), "the newest are kept"),
            idle(value("backend-bbolt-freelist-type", "map", "bbolt's free list"), NO_BBOLT),
            idle(value("backend-batch-interval", "", "bbolt's commit interval"), NO_BBOLT),
            idle(value("backend-batch-limit", "0", "bbolt's commit size"), NO_BBOLT),
            idle(
                value("bootstrap-defrag-threshold-megabytes", "0", "Defragment at the start"),
                "space is given back while the member runs",
            ),
            idle(
                value("raft-read-timeout", "5s", "Read timeout between members"),
                "connections between members are judged by their heartbeats",
            ),
            idle(
                value("raft-write-timeout", "5s", "Write timeout between members"),
                "connections between members are judged by their heartbeats",
            ),
        ],
    },
    Section {
        title: "Cluster",
        flags: &[
            value(
                "initial-advertise-peer-urls",
                "http://localhost:2380",
                "Where the other members reach this one",
            ),
            value(
                "initial-cluster",
                "",
                "The founding members, this one too: a=http://10.0.0.1:2380,b=http://10.0.0.2:2380",
            ),
            value(
                "initial-cluster-state",
                "new",
                "`new` founds the cluster; `existing` joins one after `member add`. \
                 Only the first start asks",
            ),
            value(
                "initial-cluster-token",
                "etcd-cluster",
                "Keeps clusters apart that are founded with the same URLs",
            ),
            value("advertise-client-urls", "http://localhost:2379", "Where clients reach this one"),
            switch(
                "strict-reconfig-check",
                "true",
                "Refuse changes of the membership that would lose the quorum",
            ),
            switch("pre-vote", "true", "Ask before an election whether it could be won"),
            value("max-learners", "1", "Greatest number of learners"),
            value(
                "auto-compaction-mode",
                "periodic",
                "`periodic` keeps a time, `revision` a count",
            ),
            value(
                "auto-compaction-retention",
                "0",
                "How much history stays: 5m, 1h, a number of hours or of revisions; 0 keeps all",
            ),
            refused(value("discovery", "", "Discovery URL (v2)"), NO_DISCOVERY),
            refused(value("discovery-proxy", "", "Proxy for discovery (v2)"), NO_DISCOVERY),
            refused(
                value("discovery-fallback", "exit", "What to do without discovery"),
                NO_DISCOVERY,
            ),
            refused(value("discovery-token", "", "Token of the discovery"), NO_DISCOVERY),
            refused(value("discovery-endpoints", "", "Endpoints of the discovery"), NO_DISCOVERY),
            refused(value("discovery-dial-timeout", "2s", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-request-timeout", "5s", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-keepalive-time", "2s", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-keepalive-timeout", "6s", "For discovery"), NO_DISCOVERY),
            refused(switch("discovery-insecure-transport", "true", "For discovery"), NO_DISCOVERY),
            refused(
                switch("discovery-insecure-skip-tls-verify", "false", "For discovery"),
                NO_DISCOVERY,
            ),
            refused(value("discovery-cert", "", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-key", "", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-cacert", "", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-user", "", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-password", "", "For discovery"), NO_DISCOVERY),
            refused(value("discovery-srv", "", "DNS domain of the cluster"), NO_DISCOVERY),
            refused(value("discovery-srv-name", "", "Suffix of the DNS names"), NO_DISCOVERY),
        ],
    },
    Section {
        title: "Security",
        flags: &[
            value("cert-file", "", "Certificate that clients see"),
            value("key-file", "", "Its key"),
            value(
                "trusted-ca-file",
                "",
                "Authorities that sign clients; asks them for certificates",
            ),
            switch("client-cert-auth", "false", "Demand a client certificate"),
            value("client-crl-file", "", "List of revoked client certificates"),
            value("client-cert-allowed-hostname", "", "Take only certificates with these names"),
            value("client-cert-allowed-cn", "", "Take only certificates with these common names"),
            idle(
                value("client-cert-file", "", "Certificate for the member's calls of itself"),
                "a member does not call itself over the network",
            ),
            idle(
                value("client-key-file", "", "Key of --client-cert-file"),
                "a member does not call itself over the network",
            ),
            switch("auto-tls", "false", "Make a certificate for clients, below the data directory"),
            value("peer-cert-file", "", "Certificate that the other members see"),
            value("peer-key-file", "", "Its key"),
            value("peer-trusted-ca-file", "", "Authorities that sign the other members"),
            switch("peer-client-cert-auth", "false", "Demand certificates of the other members"),
            value("peer-client-cert-file", "", "Certificate to call the other members with"),
            value("peer-client-key-file", "", "Its key"),
            value("peer-crl-file", "", "List of revoked certificates of members"),
            value("peer-cert-allowed-cn", "", "Take only members with these common names"),
            value("peer-cert-allowed-hostname", "", "Take only members with these names"),
            switch(
                "peer-skip-client-san-verification",
                "false",
                "Do not compare a member's address with the names in its certificate",
            ),
            switch("peer-auto-tls", "false", "Make a certificate for the other members"),
            value("self-signed-cert-validity", "1", "Years that a made certificate is valid"),
            value("cipher-suites", "", "Cipher suites of TLS 1.2 to allow"),
            value("tls-min-version", "TLS1.2", "TLS1.2 or TLS1.3"),
            value("tls-max-version", "", "TLS1.2 or TLS1.3"),
            refused(
                value("host-whitelist", "*", "Host names that HTTP requests without TLS may name"),
                "requests are not told apart by the host they name; use https, or listen on \
                 loopback or a Unix socket",
            ),
            value("cors", "*", "Origins whose web pages may read what HTTP answers"),
        ],
    },
    Section {
        title: "Users",
        flags: &[
            value("auth-token", "simple", "`simple`, or `jwt,pub-key=…,priv-key=…,sign-method=…`"),
            value("auth-token-ttl", "300", "Seconds that a simple token lives without use"),
            value("bcrypt-cost", "10", "Cost of hashing a password, 4 to 31"),
        ],
    },
    Section {
        title: "Watching it",
        flags: &[
            value("listen-metrics-urls", "", "Where /metrics and /health are served besides"),
            idle(
                value("metrics", "basic", "basic or extensive"),
                "all that is measured is always served",
            ),
            refused(
                switch("enable-pprof", "false", "Profiles over HTTP"),
                "there is no profile to serve; use perf on the process",
            ),
            value("log-level", "info", "debug, info, warn, error, panic or fatal"),
            value("log-format", "json", "json or console"),
            value("log-outputs", "default", "stderr, stdout, or files to append to"),
            value("logger", "zap", "Only zap, for etcd's sake"),
            refused(
                switch("enable-log-rotation", "false", "Rotate the log file"),
                "log files are not rotated here; use logrotate with copytruncate",
            ),
            refused(
                value("log-rotation-config-json", "", "How to rotate"),
                "log files are not rotated here; use logrotate with copytruncate",
            ),
            value("warning-apply-duration", "100ms", "Log writes that take longer to apply"),
            value("warning-unary-request-duration", "300ms", "Log requests that take longer"),
            refused(switch("enable-distributed-tracing", "false", "Export traces"), NO_TRACING),
            refused(value("distributed-tracing-address", "localhost:4317", "Where to"), NO_TRACING),
            refused(value("distributed-tracing-service-name", "etcd", "As which"), NO_TRACING),
            refused(value("distributed-tracing-instance-id", "", "Of which"), NO_TRACING),
            refused(value("distributed-tracing-sampling-rate", "0", "How often"), NO_TRACING),
        ],
    },
    Section {
        title: "Checks and care",
        flags: &[
            switch("initial-corrupt-check", "false", "Compare with the other members at the start"),
            value("corrupt-check-time", "0s", "Compare the members this often; 0 never"),
            switch("compact-hash-check-enabled", "false", "Compare the members after compactions"),
            value("compact-hash-check-time", "1m", "How often to do so"),
            value(
                "watch-progress-notify-interval",
                "10m",
                "How often idle watches hear of progress",
            ),
            switch("enable-lease-checkpoint", "false", "Keep what leases have left over elections"),
            switch(
                "enable-lease-checkpoint-persist",
                "false",
                "Keep it over restarts too; needs the former",
            ),
            idle(
                value("compaction-batch-limit", "1000", "Revisions dropped at once"),
                "a compaction never holds up requests",
            ),
            idle(
                value("compaction-sleep-interval", "10ms", "Pause between them"),
                "a compaction never holds up requests",
            ),
            idle(
                value("downgrade-check-time", "5s", "How often a downgrade is looked after"),
                "a downgrade changes nothing on disk",
            ),
            value(
                "snapshot-catchup-entries",
                "5000",
                "Log entries kept behind a snapshot, for members that lag a little",
            ),
            idle(
                switch("txn-mode-write-with-shared-buffer", "true", "Share a buffer of bbolt"),
                NO_BBOLT,
            ),
            idle(
                switch("stop-grpc-service-on-defrag", "false", "Send clients away meanwhile"),
                "a defragmentation never holds up requests",
            ),
            idle(
                value("v2-deprecation", "write-only", "How to treat v2 data"),
                "there is no v2 data",
            ),
        ],
    },
    Section {
        title: "Unsafe",
        flags: &[
            switch(
                "force-new-cluster",
                "false",
                "Start as the only member with the data that is here",
            ),
            switch("unsafe-no-fsync", "false", "Acknowledge before the disk has it: may lose data"),
        ],
    },
    Section {
        title: "Instead of all these",
        flags: &[
            value("config-file", "", "YAML with these names as keys; nothing else is read then"),
            switch("version", "false", "Print the version"),
        ],
    },
];

/// What etcd itself still takes and ignores.
static RETIRED: [Flag; 13] = [
    retired("cluster-active-size"),
    retired("cluster-remove-delay"),
    retired("cluster-sync-interval"),
    retired("config"),
    retired("force"),
    retired("max-result-buffer"),
    retired("max-retry-attempts"),
    retired("peer-heartbeat-interval"),
    retired("peer-election-timeout"),
    retired("retry-interval"),
    retired("snapshot"),
    retired("v"),
    retired("vv"),
];

/// Flags that etcd 3.6 also takes with `experimental-` before the name.
const ONCE_EXPERIMENTAL: [&str; 24] = [
    "enable-distributed-tracing",
    "distributed-tracing-address",
    "distributed-tracing-service-name",
    "distributed-tracing-instance-id",
    "distributed-tracing-sampling-rate",
    "initial-corrupt-check",
    "corrupt-check-time",
    "compact-hash-check-enabled",
    "compact-hash-check-time",
    "enable-lease-checkpoint",
    "enable-lease-checkpoint-persist",
    "compaction-batch-limit",
    "compaction-sleep-interval",
    "peer-skip-client-san-verification",
    "watch-progress-notify-interval",
    "warning-apply-duration",
    "warning-unary-request-duration",
    "txn-mode-write-with-shared-buffer",
    "stop-grpc-service-on-defrag",
    "bootstrap-defrag-threshold-megabytes",
    "downgrade-check-time",
    "memory-mlock",
    "snapshot-catchup-entries",
    "max-learners",
];

/// Every flag with a section, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    SECTIONS.iter().flat_map(|section| section.flags)
}

/// The flag that is called `name`, by either spelling.
pub fn find(name: &str) -> Option<&'static Flag> {
    let plain = name.strip_prefix("experimental-");
    let name = plain.filter(|plain| ONCE_EXPERIMENTAL.contains(plain)).unwrap_or(name);
    all().chain(&RETIRED).find(|flag| flag.name == name)
}

/// The environment variable of a flag.
pub fn variable(name: &str) -> String {
    format!("ETCD_{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_found_by_both_spellings() {
        let names: BTreeSet<_> = all().map(|flag| flag.name).collect();
        assert_eq!(names.len(), all().count());
        for name in ONCE_EXPERIMENTAL {
            let found = find(&format!("experimental-{name}")).expect(name);
            assert_eq!(found.name, name);
        }
        assert!(find("experimental-name").is_none());
        assert_eq!(variable("listen-client-urls"), "ETCD_LISTEN_CLIENT_URLS");
    }
}
