//! The commands.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::https::Kubeconfig;
use comfy_table::Table;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use super::arguments::{Arguments, Command, Create};
use super::secret::{self, Token};

const GROUP_PREFIX: &str = "system:bootstrappers:";

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Command::Generate = arguments.command {
        println!("{}", Token::random().reveal());
        return Ok(());
    }
    let kubeconfig = Kubeconfig::read(&arguments.kubeconfig()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let secrets = Api::namespaced(kubeconfig.client()?, "kube-system");
        match &arguments.command {
            Command::Create(create) => make(&secrets, create, &kubeconfig).await,
            Command::List => list(&secrets).await,
            Command::Delete { tokens } => delete(&secrets, tokens).await,
            Command::Generate => Ok(()),
        }
    })
}

async fn make(
    secrets: &Api<Secret>,
    create: &Create,
    kubeconfig: &Kubeconfig,
) -> anyhow::Result<()> {
    if let Some(other) = create.groups.iter().find(|group| !group.starts_with(GROUP_PREFIX)) {
        bail!("--groups: {other:?} does not begin with {GROUP_PREFIX}");
    }
    let token = create.token.clone().unwrap_or_else(Token::random);
    let expiration = (!create.ttl.is_zero())
        .then(|| Timestamp::now().checked_add(create.ttl))
        .transpose()
        .context("--ttl is too long")?
        .map(|end| end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let object =
        token.to_secret(expiration.as_deref(), &create.groups, create.description.as_deref());
    let object: Secret = serde_json::from_value(object)?;
    secrets.create(&PostParams::default(), &object).await.context("cannot make the token")?;
    if create.print_kubeconfig {
        print!("{}", render(kubeconfig, &token)?);
    } else {
        println!("{}", token.reveal());
    }
    Ok(())
}

async fn list(secrets: &Api<Secret>) -> anyhow::Result<()> {
    let selected = ListParams::default().fields(&format!("type={}", secret::TYPE));
    let tokens = secrets.list(&selected).await.context("cannot list tokens")?;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["TOKEN", "EXPIRES", "DESCRIPTION", "EXTRA GROUPS"]);
    for found in tokens {
        let field = |key| secret::field(&found, key);
        let token = format!("{}.{}", field("token-id"), field("token-secret"));
        let expires = match field("expiration").as_str() {
            "" => "<never>".to_owned(),
            expiration => expiration.to_owned(),
        };
        table.add_row([token, expires, field("description"), field("auth-extra-groups")]);
    }
    println!("{table}");
    Ok(())
}

async fn delete(secrets: &Api<Secret>, ids: &[String]) -> anyhow::Result<()> {
    for id in ids {
        let deleted = secrets.delete(&secret::name(id), &DeleteParams::default()).await;
        deleted.with_context(|| format!("cannot remove the token {id}"))?;
        println!("bootstrap token {id:?} deleted");
    }
    Ok(())
}

/// A kubeconfig for who joins, whole in itself.
fn render(admin: &Kubeconfig, token: &Token) -> anyhow::Result<String> {
    let authority = STANDARD.encode(admin.authority_pem()?);
    let (server, token) = (&admin.server, token.reveal());
    Ok(format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: bootstrap\n\
         \x20 cluster:\n\
         \x20   certificate-authority-data: {authority}\n\
         \x20   server: {server}\n\
         contexts:\n\
         - name: bootstrap\n\
         \x20 context:\n\
         \x20   cluster: bootstrap\n\
         \x20   user: bootstrap\n\
         current-context: bootstrap\n\
         users:\n\
         - name: bootstrap\n\
         \x20 user:\n\
         \x20   token: {token}\n"
    ))
}
