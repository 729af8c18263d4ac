//! What this binary is.

use clap::ValueEnum;
use serde_json::json;

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

/// What `coracle version` is told. Its help text stands with the command, in `cli.rs`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// `text` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub const CORACLE: &str = env!("CARGO_PKG_VERSION");

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (kubernetes, etcd) = (apiserver::GIT_VERSION, store::ETCD_VERSION);
    match arguments.output {
        Output::Text => {
            println!("coracle {CORACLE}");
            println!("Kubernetes API {kubernetes}");
            println!("etcd API {etcd}");
        }
        Output::Json => {
            let version = json!({
                "coracle": CORACLE,
                "kubernetes": kubernetes,
                "etcd": etcd,
                "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            });
            println!("{}", serde_json::to_string_pretty(&version)?);
        }
    }
    Ok(())
}
