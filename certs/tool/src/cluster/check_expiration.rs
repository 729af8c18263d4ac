//! `check-expiration`: how long everything lasts.

use anyhow::bail;
use certs::cluster::{AuthorityKind, Condition, Expiration, Expirations, expirations};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::human::{date, residual, timestamp};
use super::place::{CERT_DIR, DATA_DIR, KUBECONFIG_DIR, existing};
use super::table::aligned;
use super::{refuse_arguments, refuse_foreign_flags, tell};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order};
use crate::log;

const OUTPUT: Flag = Flag::text("output", "text, json or yaml").with_default("text");
const O: Flag = Flag::text("o", "the same as -output");

pub(super) const COMMAND: Command = Command {
    name: "check-expiration",
    group: Group::Cluster,
    summary: "Tell how long the certificates of a cluster last",
    usage: &["[--data-dir DIR | --cert-dir DIR] [-o text|json|yaml]"],
    help: "Lists certificates and authorities with kubeadm's names, in kubeadm's columns. EXTERNALLY\n\
           MANAGED is what has an authority without its key here. Nothing is written, and no cluster\n\
           need run. It fails (exit code 1) when something is missing, expired or otherwise unusable,\n\
           which standard error tells.\n\n\
           Example:\n  {name} check-expiration --cert-dir /etc/kubernetes/pki",
    flags: &[DATA_DIR, CERT_DIR, KUBECONFIG_DIR, OUTPUT, O],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    refuse_arguments(call)?;
    let format = call.flags.text(O).or(call.flags.text(OUTPUT)).unwrap_or_default();
    let print = match format {
        "text" => text,
        "json" => |all: &Expirations, now| format!("{:#}", object(all, now)),
        "yaml" => yaml,
        other => {
            return Err(Usage::error(format!("-o {other}: the formats are text, json and yaml")));
        }
    };
    let now = OffsetDateTime::now_utc();
    let all = expirations(&existing(call)?, now);
    tell(print(&all, now).trim_end());
    let faults = all.faults().count();
    for fault in all.faults() {
        log::warning!("{} {}", fault.name, fault.condition);
    }
    match faults {
        0 => Ok(()),
        1 => bail!("one of them cannot be used"),
        _ => bail!("{faults} of them cannot be used"),
    }
}

fn text(all: &Expirations, now: OffsetDateTime) -> String {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
    let mut leaves = vec![row(&[
        "CERTIFICATE",
        "EXPIRES",
        "RESIDUAL TIME",
        "CERTIFICATE AUTHORITY",
        "EXTERNALLY MANAGED",
    ])];
    leaves.extend(all.leaves.iter().map(|leaf| cells(leaf, now)));
    let mut authorities =
        vec![row(&["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"])];
    authorities.extend(all.authorities.iter().map(|authority| cells(authority, now)));
    format!("{}\n{}", aligned(&leaves), aligned(&authorities))
}

fn cells(one: &Expiration, now: OffsetDateTime) -> Vec<String> {
    let Some(validity) = one.validity else {
        let word = if one.condition == Condition::Missing { "MISSING" } else { "UNREADABLE" };
        return vec![format!("!{word}! {}", one.name)];
    };
    let mut cells =
        vec![one.name.to_owned(), date(validity.not_after), residual(validity.not_after - now)];
    cells.extend(one.authority.map(|authority| authority.name().to_owned()));
    cells.push(if one.external { "yes" } else { "no" }.to_owned());
    cells
}

/// kubeadm's `CertificateExpirationInfo`.
fn object(all: &Expirations, now: OffsetDateTime) -> Value {
    let list = |list: &[Expiration]| -> Value { list.iter().map(|one| member(one, now)).collect() };
    json!({
        "kind": "CertificateExpirationInfo",
        "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
        "certificates": list(&all.leaves),
        "certificateAuthorities": list(&all.authorities),
    })
}

fn member(one: &Expiration, now: OffsetDateTime) -> Value {
    let end = one.validity.map(|validity| validity.not_after);
    let mut member = json!({
        "name": one.name,
        "expirationDate": end.map(timestamp),
        "residualTime": end.map_or(0, |end| (end - now).whole_seconds()),
        "externallyManaged": one.external,
        "missing": one.condition == Condition::Missing,
    });
    if let Some(authority) = one.authority.filter(|_| end.is_some()) {
        member["caName"] = AuthorityKind::name(authority).into();
    }
    member
}

/// The same object; all its scalars are plain in YAML but for the times.
fn yaml(all: &Expirations, now: OffsetDateTime) -> String {
    let object = object(all, now);
    let mut text = String::new();
    for key in ["apiVersion", "kind"] {
        text.push_str(&format!("{key}: {}\n", object[key].as_str().unwrap_or_default()));
    }
    for key in ["certificates", "certificateAuthorities"] {
        text.push_str(&format!("{key}:\n"));
        for member in object[key].as_array().into_iter().flatten() {
            let fields = member.as_object().into_iter().flatten();
            for (number, (field, value)) in fields.enumerate() {
                let mark = if number == 0 { "-" } else { " " };
                text.push_str(&format!("{mark} {field}: {value}\n"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use certs::cluster::Validity;
    use time::Duration;

    use super::*;

    fn all(now: OffsetDateTime) -> Expirations {
        let leaf = |name, condition, left: Option<i64>| Expiration {
            name,
            authority: Some(AuthorityKind::Etcd),
            validity: left
                .map(|days| Validity { not_before: now, not_after: now + Duration::days(days) }),
            condition,
            external: false,
        };
        Expirations {
            leaves: vec![
                leaf("apiserver-etcd-client", Condition::Serves, Some(364)),
                leaf("etcd-server", Condition::Expired, Some(-1)),
                leaf("etcd-peer", Condition::Missing, None),
            ],
            authorities: vec![Expiration {
                authority: None,
                external: true,
                ..leaf("etcd-ca", Condition::Serves, Some(3649))
            }],
        }
    }

    #[test]
    fn the_table_is_kubeadm_s() {
        let now = OffsetDateTime::from_unix_timestamp(1_136_214_245).expect("a time");
        let expected = "\
CERTIFICATE             EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
apiserver-etcd-client   Jan 01, 2007 15:04 UTC   364d            etcd-ca                 no
etcd-server             Jan 01, 2006 15:04 UTC   expired         etcd-ca                 no
!MISSING! etcd-peer

CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
etcd-ca                 Dec 30, 2015 15:04 UTC   9y              yes
";
        assert_eq!(text(&all(now), now), expected);
        assert_eq!(all(now).faults().count(), 2);
    }

    #[test]
    fn the_object_has_kubeadm_s_fields() {
        let now = OffsetDateTime::from_unix_timestamp(1_136_214_245).expect("a time");
        let object = object(&all(now), now);
        let expected = json!({
            "name": "apiserver-etcd-client",
            "expirationDate": "2007-01-01T15:04:05Z",
            "residualTime": 364 * 86_400,
            "externallyManaged": false,
            "caName": "etcd-ca",
            "missing": false,
        });
        assert_eq!(object["certificates"][0], expected);
        let expected = json!({
            "name": "etcd-peer",
            "expirationDate": null,
            "residualTime": 0,
            "externallyManaged": false,
            "missing": true,
        });
        assert_eq!(object["certificates"][2], expected);
        assert!(yaml(&all(now), now).contains("certificates:\n- caName: \"etcd-ca\"\n"));
    }
}
