//! Rules about other pods, against a second opinion: whatever the rules and the order of pods, a
//! pod is placed if and only if it may be, and only where it may be.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::*;

const KEYS: [&str; 2] = ["zone", "kubernetes.io/hostname"];
const APPS: [&str; 3] = ["web", "db", "log"];

/// About pods of one app, by zone or by host.
#[derive(Clone, Copy, Debug)]
struct Term {
    key: usize,
    app: usize,
}

#[derive(Clone, Debug)]
struct Wish {
    app: usize,
    near: Option<Term>,
    away: Option<Term>,
    spread: Option<(Term, i64)>,
    priority: i32,
}

fn term() -> impl Strategy<Value = Term> {
    (0..KEYS.len(), 0..APPS.len()).prop_map(|(key, app)| Term { key, app })
}

fn wish() -> impl Strategy<Value = Wish> {
    let near = prop::option::weighted(0.3, term());
    let away = prop::option::weighted(0.3, term());
    let spread = prop::option::weighted(0.3, (term(), 1..3_i64));
    (0..APPS.len(), near, away, spread, 0..3).prop_map(|(app, near, away, spread, priority)| Wish {
        app,
        near,
        away,
        spread,
        priority,
    })
}

/// The zones of nodes; some are in none.
fn zones() -> impl Strategy<Value = Vec<Option<u8>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0..3_u8), 1..6)
}

fn nodes(zones: &[Option<u8>]) -> Vec<Value> {
    let build = |(index, zone): (usize, &Option<u8>)| match zone {
        Some(zone) => zoned(&format!("n{index}"), &zone.to_string()),
        None => node(&format!("n{index}")),
    };
    zones.iter().enumerate().map(build).collect()
}

fn to_pod(index: usize, wish: &Wish) -> Value {
    let term = |term: Term| {
        json!({"topologyKey": KEYS[term.key],
            "labelSelector": {"matchLabels": {"app": APPS[term.app]}}})
    };
    let mut spec = json!({"priority": wish.priority});
    if let Some(near) = wish.near {
        spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
            json!([term(near)]);
    }
    if let Some(away) = wish.away {
        spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
            json!([term(away)]);
    }
    if let Some((about, skew)) = wish.spread {
        let mut rule = term(about);
        rule["maxSkew"] = skew.into();
        rule["whenUnsatisfiable"] = "DoNotSchedule".into();
        spec["topologySpreadConstraints"] = json!([rule]);
    }
    labelled(pod(&format!("p{index}"), spec), json!({"app": APPS[wish.app]}))
}

/// What is placed, and the rules in the plainest form: every pair is looked at each time.
struct Oracle {
    zones: Vec<Option<u8>>,
    /// Number of the pod, its wish, number of its node.
    placed: Vec<(usize, Wish, usize)>,
}

impl Oracle {
    /// The place of a node, as a label's value.
    fn place(&self, node: usize, key: usize) -> Option<usize> {
        if KEYS[key] == "zone" { self.zones[node].map(usize::from) } else { Some(node) }
    }

    fn together(&self, a: usize, b: usize, key: usize) -> bool {
        self.place(a, key).is_some() && self.place(a, key) == self.place(b, key)
    }

    fn allows(&self, wish: &Wish, node: usize) -> bool {
        let near = wish.near.is_none_or(|near| {
            let company = |other: &&(usize, Wish, usize)| {
                other.1.app == near.app && self.place(other.2, near.key).is_some()
            };
            let mut there = self.placed.iter().filter(company).peekable();
            match there.peek() {
                None => near.app == wish.app && self.place(node, near.key).is_some(),
                Some(_) => there.any(|other| self.together(other.2, node, near.key)),
            }
        });
        let away = wish.away.is_none_or(|away| {
            let bad = |other: &(usize, Wish, usize)| {
                other.1.app == away.app && self.together(other.2, node, away.key)
            };
            !self.placed.iter().any(bad)
        });
        let welcome = !self.placed.iter().any(|other| {
            let away = other.1.away.filter(|away| away.app == wish.app);
            away.is_some_and(|away| self.together(other.2, node, away.key))
        });
        near && away && welcome && self.is_even(wish, node)
    }

    fn is_even(&self, wish: &Wish, node: usize) -> bool {
        let Some((about, skew)) = wish.spread else { return true };
        let Some(here) = self.place(node, about.key) else { return false };
        let count = |place: usize| {
            let counted = self.placed.iter().filter(|other| {
                other.1.app == about.app && self.place(other.2, about.key) == Some(place)
            });
            i64::try_from(counted.count()).expect("few pods")
        };
        let places = (0..self.zones.len()).filter_map(|node| self.place(node, about.key));
        let least = places.map(count).min().unwrap_or(0);
        count(here) + i64::from(about.app == wish.app) - least <= skew
    }

    fn allowed(&self, wish: &Wish) -> String {
        let nodes = (0..self.zones.len()).filter(|node| self.allows(wish, *node));
        nodes.map(|node| format!("n{node}")).collect::<Vec<_>>().join(" ")
    }
}

/// Places pods in turn, some of which leave again; compares all the way.
fn play(
    zones: &[Option<u8>],
    wishes: &[(Wish, prop::sample::Index, bool)],
) -> Result<(World, Oracle), TestCaseError> {
    let mut world = World::new(nodes(zones));
    let mut oracle = Oracle { zones: zones.to_vec(), placed: Vec::new() };
    for (index, (wish, victim, leaves)) in wishes.iter().enumerate() {
        let allowed = oracle.allowed(wish);
        prop_assert_eq!(&world.allowed(to_pod(index, wish)), &allowed, "p{} {:?}", index, wish);
        match world.place(to_pod(index, wish)) {
            Ok(node) => {
                prop_assert!(allowed.split(' ').any(|name| name == node), "{node} of {allowed}");
                let node = node[1..].parse().expect("a number");
                oracle.placed.push((index, wish.clone(), node));
            }
            Err(message) => prop_assert!(allowed.is_empty(), "{allowed} would do: {message}"),
        }
        if *leaves && !oracle.placed.is_empty() {
            let gone = oracle.placed.swap_remove(victim.index(oracle.placed.len()));
            world.cluster.remove_pod(&format!("p{}", gone.0));
        }
    }
    Ok((world, oracle))
}

type Wishes = Vec<(Wish, prop::sample::Index, bool)>;

fn wishes() -> impl Strategy<Value = Wishes> {
    prop::collection::vec((wish(), any::<prop::sample::Index>(), any::<bool>()), 1..40)
}

proptest! {
    #[test]
    fn a_required_rule_is_never_broken_nor_overdone(zones in zones(), wishes in wishes()) {
        play(&zones, &wishes)?;
    }

    #[test]
    fn deciding_twice_gives_the_same(zones in zones(), wishes in wishes(), last in wish()) {
        let (mut world, _) = play(&zones, &wishes)?;
        let pod = info(to_pod(999, &last));
        let start = (world.cursor, world.rng.clone());
        let first = world.decide(&pod).map_err(|refusal| (refusal.error.to_string(), refusal.remedy));
        (world.cursor, world.rng) = start;
        let second = world.decide(&pod).map_err(|refusal| (refusal.error.to_string(), refusal.remedy));
        prop_assert_eq!(first, second);
    }

    /// With the victims gone, all of them less important, the pod may run on the node named.
    #[test]
    fn preemption_minds_the_rules(zones in zones(), wishes in wishes(), last in wish()) {
        let (mut world, mut oracle) = play(&zones, &wishes)?;
        let Err(refusal) = world.decide(&info(to_pod(999, &last))) else { return Ok(()) };
        let Some((node, victims)) = refusal.remedy.preempt else { return Ok(()) };
        let node: usize = world.cluster.node(node).name[1..].parse().expect("a number");
        let evicted = |other: &(usize, Wish, usize)| {
            victims.iter().any(|uid| **uid == *format!("p{}", other.0))
        };
        let victims: Vec<_> = oracle.placed.extract_if(.., |other| evicted(other)).collect();
        prop_assert!(!victims.is_empty());
        prop_assert!(victims.iter().all(|victim| victim.2 == node));
        prop_assert!(victims.iter().all(|victim| victim.1.priority < last.priority));
        prop_assert!(oracle.allows(&last, node));
    }
}
