//! The options that every command takes, and their `ETCDCTL_*` variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::go::duration;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// gRPC endpoints of the store, separated by commas; the next is tried when one fails
    #[arg(long, global = true, value_delimiter = ',', env = "ETCDCTL_ENDPOINTS")]
    pub endpoints: Vec<String>,
    /// How results are printed
    #[arg(
        short = 'w',
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "ETCDCTL_WRITE_OUT"
    )]
    pub write_out: Format,
    /// Print byte strings and ids as hex
    #[arg(long, global = true, env = "ETCDCTL_HEX")]
    pub hex: bool,
    /// Time to wait for a connection
    #[arg(hide_short_help = true, long, global = true, value_name = "DURATION", default_value = "2s", value_parser = duration::parse, env = "ETCDCTL_DIAL_TIMEOUT")]
    pub dial_timeout: Duration,
    /// Time that a short command may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "5s", value_parser = duration::parse, env = "ETCDCTL_COMMAND_TIMEOUT")]
    pub command_timeout: Duration,
    /// Time without traffic after which a connection is probed
    #[arg(hide_short_help = true, long, global = true, value_name = "DURATION", default_value = "2s", value_parser = duration::parse, env = "ETCDCTL_KEEPALIVE_TIME")]
    pub keepalive_time: Duration,
    /// Time that a probed connection has to answer
    #[arg(hide_short_help = true, long, global = true, value_name = "DURATION", default_value = "6s", value_parser = duration::parse, env = "ETCDCTL_KEEPALIVE_TIMEOUT")]
    pub keepalive_timeout: Duration,
    /// Largest request to send, in bytes; 0 for 2 MiB
    #[arg(
        hide_short_help = true,
        long,
        global = true,
        value_name = "BYTES",
        default_value_t = 0,
        env = "ETCDCTL_MAX_REQUEST_BYTES"
    )]
    pub max_request_bytes: usize,
    /// Largest answer to take, in bytes; 0 for 2 GiB
    #[arg(
        hide_short_help = true,
        long,
        global = true,
        value_name = "BYTES",
        default_value_t = 0,
        env = "ETCDCTL_MAX_RECV_BYTES"
    )]
    pub max_recv_bytes: usize,
    /// Certificate authority that the endpoints' certificates are verified against
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CACERT")]
    pub cacert: Option<PathBuf>,
    /// Client certificate
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CERT")]
    pub cert: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(id = "key_file", long = "key", global = true, value_name = "FILE", env = "ETCDCTL_KEY")]
    pub key: Option<PathBuf>,
    /// Speak without TLS to endpoints that do not say https://; false to demand TLS of them
    #[arg(hide_short_help = true,
        long,
        global = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set,
        default_value_t = true,
        default_missing_value = "true",
        env = "ETCDCTL_INSECURE_TRANSPORT"
    )]
    pub insecure_transport: bool,
    /// Take any server certificate (for tests only: whoever answers is believed)
    #[arg(hide_short_help = true, long, global = true, env = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY")]
    pub insecure_skip_tls_verify: bool,
    /// `name:password` to authenticate with; the password is asked for when it is left out
    #[arg(
        id = "as_user",
        long = "user",
        global = true,
        value_name = "NAME[:PASSWORD]",
        env = "ETCDCTL_USER"
    )]
    pub user: Option<String>,
    /// Password of `--user`
    #[arg(
        hide_short_help = true,
        id = "as_password",
        long = "password",
        global = true,
        value_name = "PASSWORD",
        env = "ETCDCTL_PASSWORD"
    )]
    pub password: Option<String>,
    /// JWT to authenticate with, instead of `--user`
    #[arg(
        hide_short_help = true,
        long,
        global = true,
        value_name = "TOKEN",
        env = "ETCDCTL_AUTH_JWT_TOKEN"
    )]
    pub auth_jwt_token: Option<String>,
    /// Not supported: name the members with --endpoints
    #[arg(
        hide_short_help = true,
        short = 'd',
        long,
        global = true,
        value_name = "DOMAIN",
        env = "ETCDCTL_DISCOVERY_SRV"
    )]
    pub discovery_srv: Option<String>,
    /// Not supported, as --discovery-srv
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "ETCDCTL_DISCOVERY_SRV_NAME",
        hide = true
    )]
    pub discovery_srv_name: Option<String>,
    /// Without effect: it is about --discovery-srv
    #[arg(long, global = true, env = "ETCDCTL_INSECURE_DISCOVERY", hide = true)]
    pub insecure_discovery: bool,
    /// Tell on standard error which settings are in force and which endpoints are tried
    #[arg(hide_short_help = true, long, global = true, env = "ETCDCTL_DEBUG")]
    pub debug: bool,
    /// Data directory of a cluster of this host, whose endpoint and certificates are used
    #[arg(long = "cluster-dir", global = true, value_name = "DIR", env = "CORACLE_DATA_DIR")]
    pub cluster_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Fields,
    Json,
    Protobuf,
    #[default]
    Simple,
    Table,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Simple => "simple",
            Self::Table => "table",
        }
    }
}

impl Global {
    /// The settings as `--debug` tells them: one variable a line, secrets left out.
    pub fn describe(&self) -> String {
        let path = |path: &Option<PathBuf>| {
            path.as_ref().map_or(String::new(), |path| path.display().to_string())
        };
        let lines = [
            ("CACERT", path(&self.cacert)),
            ("CERT", path(&self.cert)),
            ("COMMAND_TIMEOUT", duration::show(self.command_timeout)),
            ("DIAL_TIMEOUT", duration::show(self.dial_timeout)),
            ("ENDPOINTS", format!("[{}]", self.endpoints.join(","))),
            ("HEX", self.hex.to_string()),
            ("INSECURE_SKIP_TLS_VERIFY", self.insecure_skip_tls_verify.to_string()),
            ("INSECURE_TRANSPORT", self.insecure_transport.to_string()),
            ("KEEPALIVE_TIME", duration::show(self.keepalive_time)),
            ("KEEPALIVE_TIMEOUT", duration::show(self.keepalive_timeout)),
            ("KEY", path(&self.key)),
            ("MAX_RECV_BYTES", self.max_recv_bytes.to_string()),
            ("MAX_REQUEST_BYTES", self.max_request_bytes.to_string()),
            ("USER", self.user_name().unwrap_or_default().to_owned()),
            ("WRITE_OUT", self.write_out.name().to_owned()),
        ];
        lines.iter().map(|(name, value)| format!("ETCDCTL_{name}={value}\n")).collect()
    }

    fn user_name(&self) -> Option<&str> {
        self.user.as_deref().map(|user| user.split(':').next().unwrap_or(user))
    }
}
