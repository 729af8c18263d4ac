//! `kubeconfig user`: a kubeconfig for one more user.

use anyhow::{Context, bail};
use certs::cluster::{AuthorityKind, ClusterAuthority, Layout, LeafSpec, Settings};
use certs::{Credentials, Embedded, Kubeconfig};

use super::place::{CERT_DIR, DATA_DIR, KUBECONFIG_DIR, existing};
use super::{KEY_ALGORITHM, SERVER, key_algorithm, lifetime, refuse_foreign_flags};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Kind, Order};
use crate::output::print_line;

const CLIENT_NAME: Flag = Flag::text("client-name", "name of the user: the certificate's CN");
const ORG: Flag = Flag::text(
    "org",
    "group of the user, the certificate's O; several with commas, \
                                     or the flag again",
)
.of_kind(Kind::List);
const TOKEN: Flag = Flag::text("token", "bearer token, instead of a certificate");
const VALIDITY_PERIOD: Flag = Flag::text("validity-period", "how long the certificate is valid")
    .of_kind(Kind::Duration)
    .with_default("8760h");

pub(super) const COMMAND: Command = Command {
    name: "kubeconfig",
    group: Group::Cluster,
    summary: "Print a kubeconfig for an additional user",
    usage: &["user --client-name NAME [--org GROUP,…] [--validity-period 24h] [--token TOKEN]"],
    help: "The certificate is signed by the cluster's own authority and says NAME and the groups;\n\
           what they may do is for the API to say. The server is that of the administrator's\n\
           kubeconfig unless --server names another.\n\n\
           Example:\n  {name} kubeconfig user --client-name jane --org developers > jane.kubeconfig",
    flags: &[
        CLIENT_NAME,
        ORG,
        VALIDITY_PERIOD,
        TOKEN,
        SERVER,
        KEY_ALGORITHM,
        DATA_DIR,
        CERT_DIR,
        KUBECONFIG_DIR,
    ],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    match call.arguments.as_slice() {
        [word] if word == "user" => {}
        _ => return Err(Usage::error("`kubeconfig user` is what there is: say user")),
    }
    let name = call.flags.text(CLIENT_NAME);
    let name = name.ok_or_else(|| Usage::error("--client-name NAME is needed"))?;
    let token = call.flags.text(TOKEN);
    if token.is_some() && call.flags.is_given(ORG) {
        return Err(Usage::error("--org is what a certificate says: --token has none"));
    }
    let layout = existing(call)?;
    let defaults = Settings::default();
    let settings = Settings {
        key_algorithm: key_algorithm(call)?.unwrap_or(defaults.key_algorithm),
        leaf_lifetime: lifetime(call, VALIDITY_PERIOD)?.unwrap_or(defaults.leaf_lifetime),
        ..defaults
    };
    let authority = ClusterAuthority::read(&layout.pki, AuthorityKind::Kubernetes, &settings)?
        .with_context(|| format!("there is no ca.crt in {}", layout.pki.display()))?;
    let server = match call.flags.text(SERVER) {
        Some(server) => server.to_owned(),
        None => server_of(&layout)?,
    };
    let pair = match token {
        Some(_) => None,
        None => {
            let organizations: Vec<&str> = call.flags.list(ORG).collect();
            Some(authority.issue_client(name, &organizations)?)
        }
    };
    let credentials = match (&pair, token) {
        (Some(pair), _) => Credentials::Certificate(pair),
        (None, Some(token)) => Credentials::Token(token),
        (None, None) => bail!("--token is empty"),
    };
    let kubeconfig = Kubeconfig {
        cluster: &settings.cluster_name,
        user: name,
        context: &format!("{name}@{}", settings.cluster_name),
        server: &server,
        authorities: authority.roots_pem(),
        credentials,
    };
    print_line(kubeconfig.render().trim_end())
}

/// As the administrator's kubeconfig has it.
fn server_of(layout: &Layout) -> anyhow::Result<String> {
    let path = layout.kubeconfig(LeafSpec::admin().name);
    let needed = || format!("which server? {} does not tell: say --server URL", path.display());
    let text = std::fs::read_to_string(&path).with_context(needed)?;
    let embedded = Embedded::parse(&text).map_err(anyhow::Error::msg).with_context(needed)?;
    Ok(embedded.server)
}
