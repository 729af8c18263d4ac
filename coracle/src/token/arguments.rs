//! The flags: kubeadm's, and `--print-kubeconfig`.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Usage;
use crate::up::duration;

use super::secret::Token;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How to reach the API [default: admin.kubeconfig in the data directory]
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where the cluster lives [default: /var/lib/coracle for root, else $XDG_DATA_HOME/coracle]
    #[arg(long, global = true, value_name = "DIR", env = "CORACLE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token by which a node joins, and print it
    Create(Create),
    /// List the tokens of the cluster
    List,
    /// Remove tokens, by their ids or whole
    Delete {
        #[arg(value_name = "TOKEN", required = true, value_parser = id)]
        tokens: Vec<String>,
    },
    /// Print a random token, without making it known to a cluster
    Generate,
}

#[derive(Debug, clap::Args)]
pub struct Create {
    /// The token [default: a random one]
    #[arg(value_parser = Token::parse)]
    pub token: Option<Token>,
    /// How long it is good, 0 for ever
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = ttl)]
    pub ttl: Duration,
    /// Groups of who joins with it, under system:bootstrappers:
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    pub groups: Vec<String>,
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Print a kubeconfig for --bootstrap-kubeconfig instead of the token
    #[arg(long)]
    pub print_kubeconfig: bool,
}

impl Arguments {
    pub fn kubeconfig(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.kubeconfig {
            return Ok(path.clone());
        }
        let data_dir = self.data_dir.clone().map_or_else(crate::up::default_data_dir, Ok)?;
        let path = data_dir.join("admin.kubeconfig");
        if path.exists() {
            return Ok(path);
        }
        let path = path.display();
        Err(Usage(format!("{path} is not there: name one with --kubeconfig or --data-dir")).into())
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    if text == "0" || text == "0s" { Ok(Duration::ZERO) } else { duration(text) }
}

/// The id of a token, given by itself or with its secret.
fn id(text: &str) -> Result<String, String> {
    Token::id(text.split('.').next().unwrap_or_default()).map(str::to_owned).ok_or_else(|| {
        "an id of 6 lower-case letters and digits, or a token, is expected".to_owned()
    })
}
