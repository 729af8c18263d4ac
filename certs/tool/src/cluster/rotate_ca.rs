//! `rotate-ca`: a new authority in the place of one that signs.

use anyhow::bail;
use certs::cluster::{AuthorityKind, Settings};
use certs::rotation::{Pace, Phase, Step, advance, least_pace};
use time::OffsetDateTime;

use super::human::timestamp;
use super::place::{CERT_DIR, DATA_DIR, existing};
use super::{KEY_ALGORITHM, key_algorithm, lifetime, refuse_foreign_flags};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Kind, Order};
use crate::output::print_line;

const STEP: Flag = Flag::text("step", "take this step alone, and wait: announce, switch or retire");
const PACE: Flag = Flag::text(
    "pace",
    "how long the cluster waits after each step [default: a certificate's life]",
)
.of_kind(Kind::Duration);
const VALIDITY_PERIOD: Flag = Flag::text("validity-period", "how long the new authority is valid")
    .of_kind(Kind::Duration)
    .with_default("87600h");

pub(super) const COMMAND: Command = Command {
    name: "rotate-ca",
    group: Group::Cluster,
    summary: "Put a new authority in the place of one",
    usage: &[
        "all|NAME [--data-dir DIR | --cert-dir DIR] [--pace DURATION]",
        "all|NAME --step announce|switch|retire [--cert-dir DIR]",
    ],
    help: "NAME is ca, etcd-ca or front-proxy-ca. A successor is made and announced: from then on both\n\
           are trusted. `coracle up` goes on by itself, at once or when it is started: after --pace the\n\
           successor signs and all certificates are issued anew; after --pace once more the former\n\
           authority is trusted no longer. No connection is lost. The default leaves kubeconfigs that\n\
           were given away time to run out; a short --pace cuts off those that were not replaced. With\n\
           ca the key that signs service-account tokens is replaced too.\n\n\
           With --step nothing goes on by itself: hosts that share an authority take each step together.\n\
           Announce on one, copy NAME.next.crt and NAME.next.key to the others, announce there; then\n\
           switch everywhere, and `{name} renew all` where no `coracle up` runs; then retire everywhere.\n\n\
           Examples:\n  {name} rotate-ca all\n  {name} rotate-ca etcd-ca --step announce --cert-dir /etc/kubernetes/pki",
    flags: &[DATA_DIR, CERT_DIR, STEP, PACE, KEY_ALGORITHM, VALIDITY_PERIOD],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    let kinds = asked(&call.arguments)?;
    let step = call.flags.text(STEP).map(step).transpose()?;
    let pace = pace(call, step)?;
    let defaults = Settings::default();
    let settings = Settings {
        key_algorithm: key_algorithm(call)?.unwrap_or(defaults.key_algorithm),
        authority_lifetime: lifetime(call, VALIDITY_PERIOD)?.unwrap_or(defaults.authority_lifetime),
        ..defaults
    };
    let layout = existing(call)?;
    let step = step.unwrap_or(Step::Announce);
    let mut refusals = Vec::new();
    for kind in kinds {
        let now = OffsetDateTime::now_utc();
        match advance(&layout.pki, *kind, &settings, step, pace, now) {
            Ok(phase) => print_line(&sentence(*kind, phase))?,
            Err(error) => refusals.push(format!("{:#}", anyhow::Error::from(error))),
        }
    }
    if !refusals.is_empty() {
        let (step, pki) = (step.name(), layout.pki.display());
        bail!("cannot {step} in {pki}: {}", refusals.join("; "));
    }
    Ok(())
}

fn asked(arguments: &[String]) -> anyhow::Result<&'static [AuthorityKind]> {
    const ALL: &[AuthorityKind] = &AuthorityKind::ALL;
    let names = ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    match arguments {
        [name] if name == "all" => Ok(ALL),
        [name] => match ALL.iter().position(|kind| kind.name() == name) {
            Some(at) => Ok(&ALL[at..=at]),
            None => Err(Usage::error(format!(
                "no authority is called {name:?}: it is all, or one of {names}"
            ))),
        },
        _ => Err(Usage::error(format!("say one authority: all, or one of {names}"))),
    }
}

fn step(text: &str) -> anyhow::Result<Step> {
    let found = Step::ALL.into_iter().find(|step| step.name() == text);
    found.ok_or_else(|| {
        Usage::error(format!("--step: {text:?} is none of announce, switch and retire"))
    })
}

/// `None` leaves it to the authority.
fn pace(call: &Call<'_>, step: Option<Step>) -> anyhow::Result<Option<Pace>> {
    match (call.flags.duration(PACE), step) {
        (Some(_), Some(_)) => {
            Err(Usage::error("--pace is for what goes on by itself, and --step does not"))
        }
        (Some(pace), None) if pace < least_pace() => Err(Usage::error(format!(
            "--pace must be {}s or more: before that not everybody has seen a step",
            least_pace().whole_seconds()
        ))),
        (Some(pace), None) => Ok(Some(Pace::Every(pace))),
        (None, Some(_)) => Ok(Some(Pace::ByHand)),
        (None, None) => Ok(None),
    }
}

fn sentence(kind: AuthorityKind, phase: Phase) -> String {
    let name = kind.name();
    let goes_on = |since: OffsetDateTime, pace, what: &str| match pace {
        Pace::Every(pause) => format!("{what} from {}", timestamp(since + pause)),
        Pace::ByHand => format!("{what} when it is told to"),
    };
    match phase {
        Phase::Settled => format!("{name}: one authority is trusted, and signs"),
        Phase::Announced { since, pace } => {
            format!("{name}: a successor is trusted; {}", goes_on(since, pace, "it signs"))
        }
        Phase::Switched { since, pace } => {
            let until = goes_on(since, pace, "the former one is not trusted any more");
            format!("{name}: the successor signs; {until}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_and_steps_are_named() {
        let words = |word: &str| vec![word.to_owned()];
        assert_eq!(asked(&words("all")).expect("all").len(), 3);
        assert_eq!(asked(&words("etcd-ca")).expect("one"), [AuthorityKind::Etcd]);
        for arguments in [vec![], words("apiserver"), vec!["ca".to_owned(), "etcd-ca".to_owned()]] {
            let refusal = asked(&arguments).expect_err("refused").to_string();
            assert!(refusal.contains("front-proxy-ca"), "{refusal}");
        }
        assert_eq!(step("retire").expect("a step"), Step::Retire);
        assert!(step("undo").is_err());
    }
}
