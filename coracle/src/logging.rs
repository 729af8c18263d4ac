//! Logs go to standard error, as text for people or JSON for machines.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
pub struct LogOptions {
    /// How log lines on standard error look
    #[arg(long, global = true, value_enum, default_value_t, env = "CORACLE_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Least severe level to log: error, warn, info, debug or trace; or directives such as
    /// `info,apiserver=debug`
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "info",
        env = "CORACLE_LOG_LEVEL",
        value_parser = parse_level
    )]
    pub log_level: String,
}

fn parse_level(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("{error}; use error, warn, info, debug or trace"))
}

/// Installs the process's log subscriber. Called once.
pub fn start(options: &LogOptions) {
    // Raft and HTTP internals speak at `info` of what operators need not know.
    let quiet = "openraft=error,h2=warn,hyper=warn,rustls=warn,sled=warn,kube_client=warn";
    let filter = EnvFilter::new(format!("{quiet},{}", options.log_level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match options.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
