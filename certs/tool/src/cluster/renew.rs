//! `renew`: new certificates that say what the old ones say.

use std::path::Path;

use anyhow::{Context, bail};
use certs::cluster::{LEAVES, Layout, LeafSpec, Renewal, RenewalOptions, write_renewal_request};

use super::human::date;
use super::place::{CERT_DIR, DATA_DIR, KUBECONFIG_DIR, existing};
use super::{FORCE, KEY_ALGORITHM, key_algorithm, lifetime, refuse_foreign_flags, tell};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Kind, Order};

const CSR_ONLY: Flag = Flag::switch("csr-only", "write keys and requests, and renew nothing");
const CSR_DIR: Flag = Flag::text("csr-dir", "where --csr-only writes NAME.key and NAME.csr");
const VALIDITY_PERIOD: Flag =
    Flag::text("validity-period", "how long the new certificates are valid")
        .of_kind(Kind::Duration)
        .with_default("8760h");

pub(super) const COMMAND: Command = Command {
    name: "renew",
    group: Group::Cluster,
    summary: "Renew one certificate of a cluster, or all",
    usage: &[
        "all|NAME [--data-dir DIR | --cert-dir DIR] [--key-algorithm ALGORITHM]",
        "all|NAME --csr-only --csr-dir DIR",
    ],
    help: "NAME is one that check-expiration lists. The new certificate has a new key and the subject,\n\
           names and usages of the present one; it is written whether the old one is due or not, and\n\
           readers find either the old files or the new. A running cluster takes it up by itself.\n\
           Authorities are not renewed by this. Where an authority's key is not here, --csr-only writes\n\
           what has to be signed.\n\n\
           Examples:\n  {name} renew all\n  {name} renew apiserver --cert-dir /etc/kubernetes/pki",
    flags: &[
        DATA_DIR,
        CERT_DIR,
        KUBECONFIG_DIR,
        KEY_ALGORITHM,
        VALIDITY_PERIOD,
        CSR_ONLY,
        CSR_DIR,
        FORCE,
    ],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    let asked = asked(&call.arguments)?;
    let directory = call.flags.text(CSR_DIR).map(Path::new);
    let csr_only = call.flags.is_on(CSR_ONLY);
    if csr_only && directory.is_none() {
        return Err(Usage::error("--csr-only needs --csr-dir DIR: where the requests go"));
    }
    if !csr_only && directory.is_some() {
        return Err(Usage::error("--csr-dir is for --csr-only"));
    }
    let options = RenewalOptions {
        key_algorithm: key_algorithm(call)?,
        lifetime: lifetime(call, VALIDITY_PERIOD)?,
    };
    let layout = existing(call)?;
    match directory {
        Some(directory) => request(&layout, asked, &options, directory, call.flags.is_on(FORCE)),
        None => renew(&layout, asked, &options),
    }
}

/// One of the table, or all of it: none.
fn asked(arguments: &[String]) -> anyhow::Result<Option<&'static LeafSpec>> {
    let names = || {
        let names = LEAVES.iter().filter(|spec| !spec.is_kubelets_own()).map(|spec| spec.name);
        names.collect::<Vec<_>>().join(", ")
    };
    match arguments {
        [name] if name == "all" => Ok(None),
        [name] => match LeafSpec::named(name) {
            Some(spec) if !spec.is_kubelets_own() => Ok(Some(spec)),
            Some(spec) => Err(Usage::error(format!("{}: the kubelet itself renews it", spec.name))),
            None => Err(Usage::error(format!(
                "no certificate is called {name:?}: it is all, or one of {}",
                names()
            ))),
        },
        [] => Err(Usage::error(format!("say what to renew: all, or one of {}", names()))),
        _ => Err(Usage::error("say one name, or all")),
    }
}

fn specs(asked: Option<&'static LeafSpec>) -> impl Iterator<Item = &'static LeafSpec> {
    LEAVES.iter().filter(move |spec| match asked {
        Some(asked) => *spec == asked,
        None => !spec.is_kubelets_own(),
    })
}

fn renew(
    layout: &Layout,
    asked: Option<&'static LeafSpec>,
    options: &RenewalOptions,
) -> anyhow::Result<()> {
    let (mut renewed, mut external) = (0, Vec::new());
    for spec in specs(asked) {
        let done = certs::cluster::renew(layout, spec, options);
        match done.with_context(|| format!("cannot renew {}", spec.name))? {
            Renewal::Renewed(validity) => {
                renewed += 1;
                let until = date(validity.not_after);
                tell(&format!("{} renewed, valid until {until}", spec.name));
            }
            Renewal::Missing if asked.is_some() => {
                bail!("{} is not there: {}", spec.name, layout.of(spec).display())
            }
            Renewal::Missing if spec.is_optional() => {}
            Renewal::Missing => tell(&format!("!MISSING! {}", spec.name)),
            Renewal::External => external.push(spec.name),
        }
    }
    if !external.is_empty() {
        bail!(
            "the key of their authority is not here, so not renewed: {}. Write requests with \
             --csr-only --csr-dir DIR and have them signed where the key is",
            external.join(", ")
        );
    }
    if renewed == 0 {
        bail!("there is nothing to renew in {}", layout.pki.display());
    }
    Ok(())
}

fn request(
    layout: &Layout,
    asked: Option<&'static LeafSpec>,
    options: &RenewalOptions,
    directory: &Path,
    force: bool,
) -> anyhow::Result<()> {
    let mut written = 0;
    for spec in specs(asked) {
        if let Some(path) = write_renewal_request(layout, spec, options, directory, force)? {
            written += 1;
            tell(&path.display().to_string());
        }
    }
    if written == 0 {
        bail!("there is nothing to renew in {}", layout.pki.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_named() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(asked(&words(&["all"])).expect("all").map(|spec| spec.name), None);
        let one = asked(&words(&["etcd-peer"])).expect("one").map(|spec| spec.name);
        assert_eq!(one, Some("etcd-peer"));
        for (arguments, reason) in [
            (&[][..], "say what to renew"),
            (&["ca"], "one of admin.conf, apiserver"),
            (&["kubelet.conf"], "the kubelet itself"),
            (&["apiserver", "etcd-peer"], "one name, or all"),
        ] {
            let error = asked(&words(arguments)).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
