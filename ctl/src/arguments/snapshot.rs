//! `snapshot …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Save a consistent snapshot of the store to FILE
    Save(Save),
    /// Check a snapshot file and print what it holds
    Status { file: PathBuf },
    /// Make a data directory from a snapshot file, of this store or of etcd
    ///
    /// With none of --name, --initial-cluster, --initial-advertise-peer-urls and --wal-dir the
    /// directory is made for `coracle up --data-dir`. With any of them it is made for the member
    /// that `coracle store --data-dir` starts (also as `etcd`). To restore a cluster, run this once for
    /// each member, with the same file, --initial-cluster and --initial-cluster-token.
    Restore(Restore),
    /// Write a snapshot file in the other format
    Convert(Convert),
}

#[derive(Debug, Args)]
pub struct Save {
    pub file: PathBuf,
    /// `etcd`: a file that etcdutl restores as well; `coracle`: the store's own format, smaller and
    /// with a checksum for each piece. `restore` takes both
    #[arg(long, value_enum, default_value_t = Layout::Etcd)]
    pub format: Layout,
}

#[derive(Debug, Args)]
pub struct Convert {
    /// Snapshot file of either format
    pub file: PathBuf,
    /// File to write
    pub output: PathBuf,
    /// Format to write; otherwise the one that FILE does not have
    #[arg(long, value_enum)]
    pub format: Option<Layout>,
    /// Take a file whose checksum is missing or wrong
    #[arg(long)]
    pub skip_hash_check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    Etcd,
    Coracle,
}

#[derive(Debug, Args)]
pub struct Restore {
    pub file: PathBuf,
    /// Directory to make; it must be empty or absent. Otherwise NAME.etcd, for a member
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Directory for the log, apart from the rest; it must be absent
    #[arg(long, value_name = "DIR")]
    pub wal_dir: Option<PathBuf>,
    /// Name of the member [default: default]
    #[arg(long)]
    pub name: Option<String>,
    /// Members that found the new cluster, as a=http://10.0.0.1:2380,b=http://10.0.0.2:2380
    /// [default: NAME=http://localhost:2380]
    #[arg(long, value_name = "MEMBERS")]
    pub initial_cluster: Option<String>,
    /// Keeps clusters with the same URLs apart
    #[arg(long, value_name = "TOKEN", default_value = "etcd-cluster")]
    pub initial_cluster_token: String,
    /// Peer URLs of this member, as they stand in --initial-cluster
    /// [default: http://localhost:2380]
    #[arg(long, value_name = "URLS", value_delimiter = ',')]
    pub initial_advertise_peer_urls: Vec<String>,
    /// Take a file whose checksum is missing or wrong, as one copied from a data directory
    #[arg(long)]
    pub skip_hash_check: bool,
    /// Raise the latest revision by so much, so that no client sees it decrease
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub bump_revision: u64,
    /// Mark everything before the raised revision as compacted: goes with --bump-revision
    #[arg(long)]
    pub mark_compacted: bool,
    /// etcd's: size of the memory map of its database, of which there is none here
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    pub initial_memory_map_size: Option<u64>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(subcommand)]
        command: Snapshot,
    }

    fn parse(words: &[&str]) -> Snapshot {
        Words::try_parse_from([&["snapshot"], words].concat()).expect("the words are known").command
    }

    #[test]
    fn etcdutls_flags_are_known() {
        let Snapshot::Restore(restore) = parse(&[
            "restore",
            "f",
            "--name=b",
            "--initial-cluster",
            "a=http://a:1,b=http://b:1",
            "--initial-cluster-token=t",
            "--initial-advertise-peer-urls=http://b:1,http://c:1",
            "--bump-revision=1000000000",
            "--mark-compacted",
            "--skip-hash-check",
        ]) else {
            panic!("it restores")
        };
        assert_eq!(restore.initial_advertise_peer_urls, ["http://b:1", "http://c:1"]);
        assert_eq!(restore.bump_revision, 1_000_000_000);
        assert!(restore.mark_compacted && restore.skip_hash_check);
        assert_eq!(restore.initial_cluster_token, "t");
    }

    #[test]
    fn a_snapshot_is_saved_as_etcds_file_unless_told() {
        let Snapshot::Save(save) = parse(&["save", "f"]) else { panic!("it saves") };
        assert_eq!(save.format, Layout::Etcd);
        let Snapshot::Save(save) = parse(&["save", "f", "--format", "coracle"]) else {
            panic!("it saves")
        };
        assert_eq!(save.format, Layout::Coracle);
    }
}
