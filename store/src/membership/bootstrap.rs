//! The first start of a member: which cluster it founds or joins, and under which ids.
//!
//! Later starts do not come here: the data directory knows, and `--initial-*` is ignored, as in
//! etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::random;
use store_proto::peer as pb;
use store_proto::peer::question::Question;

use crate::config::{Config, InitialMember, InitialState};
use crate::mvcc::Identity;
use crate::open_error::OpenError;
use crate::peer::wire::{self, expect_answer};
use crate::peer::{Card, Network};
use crate::raft::types::MemberNode;

use super::ids;

/// How long one member may take to tell who is in the cluster.
const ASK_PATIENCE: Duration = Duration::from_secs(10);

/// How long the other founders may take to tell whether this one was born before. Most are not up
/// yet.
const BORN_PATIENCE: Duration = Duration::from_secs(1);

/// What a member does on its first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub identity: Identity,
    /// The members that found the cluster together; `None` joins one that runs.
    pub founders: Option<BTreeMap<u64, MemberNode>>,
}

/// Makes the plan of a first start. Asks the others only where it joins them.
pub(crate) async fn plan(config: &Config, network: &dyn Network) -> Result<Plan, OpenError> {
    let cluster = &config.cluster;
    if cluster.initial.is_empty() {
        return Ok(found_alone(config));
    }
    let refused = |reason| OpenError::Cluster { reason };
    check_initial(config).map_err(refused)?;
    match cluster.state {
        InitialState::New => {
            let plan = found(config).map_err(refused)?;
            refuse_second_birth(config, network, plan.identity).await?;
            Ok(plan)
        }
        InitialState::Existing => {
            let existing = ask_the_others(config, network).await?;
            join(config, existing).map_err(refused)
        }
    }
}

/// Who founds the cluster of a member whose first start ended before it did.
pub(crate) fn founders_again(
    config: &Config,
    identity: Identity,
) -> Result<Option<BTreeMap<u64, MemberNode>>, OpenError> {
    let cluster = &config.cluster;
    if cluster.initial.is_empty() {
        let alone = found_alone(config).founders.into_iter().flatten();
        return Ok(Some(alone.map(|(_, node)| (identity.member_id, node)).collect()));
    }
    if cluster.state == InitialState::Existing {
        return Ok(None);
    }
    let refused = |reason| OpenError::Cluster { reason };
    let plan = found(config).map_err(refused)?;
    if plan.identity != identity {
        return Err(refused(format!(
            "the data directory was made for member {:x} of cluster {:x}, and the initial cluster \
             makes this member {:x} of {:x}",
            identity.member_id,
            identity.cluster_id,
            plan.identity.member_id,
            plan.identity.cluster_id
        )));
    }
    Ok(plan.founders)
}

/// A cluster of its own, under ids that nobody else has.
fn found_alone(config: &Config) -> Plan {
    let id = || random::<u64>().max(1); // 0 means "none".
    let identity = Identity { cluster_id: id(), member_id: id() };
    let node = MemberNode {
        name: config.name.clone(),
        peer_urls: config.peer_urls.clone(),
        client_urls: config.client_urls.clone(),
        joining: false,
    };
    Plan { identity, founders: Some([(identity.member_id, node)].into()) }
}

/// What etcd checks of the options before it asks anyone.
fn check_initial(config: &Config) -> Result<(), String> {
    let initial = &config.cluster.initial;
    let Some(me) = initial.iter().find(|member| member.name == config.name) else {
        return Err(format!(
            "couldn't find local name {:?} in the initial cluster configuration",
            config.name
        ));
    };
    let mut seen = BTreeSet::new();
    if initial.iter().flat_map(|member| &member.peer_urls).any(|url| !seen.insert(url)) {
        return Err(format!("initial cluster {} has duplicate url", shown(initial)));
    }
    let sorted = |urls: &[String]| urls.iter().cloned().collect::<BTreeSet<_>>();
    let (named, advertised) = (sorted(&me.peer_urls), sorted(&config.peer_urls));
    if config.cluster.state == InitialState::New && named != advertised {
        let join = |urls: &BTreeSet<String>| urls.iter().cloned().collect::<Vec<_>>().join(",");
        return Err(format!(
            "--initial-cluster has {}={} but missing from --initial-advertise-peer-urls={}",
            config.name,
            join(&named),
            join(&advertised)
        ));
    }
    Ok(())
}

fn shown(members: &[InitialMember]) -> String {
    let members = members.iter().flat_map(|member| {
        member.peer_urls.iter().map(move |url| format!("{}={url}", member.name))
    });
    members.collect::<Vec<_>>().join(",")
}

/// The named members found a cluster together. All compute the same.
fn found(config: &Config) -> Result<Plan, String> {
    let mut founders = BTreeMap::new();
    let mut me = 0;
    for member in &config.cluster.initial {
        let id = ids::member_id(&member.peer_urls, &config.cluster.token, None);
        // As in etcd, a member has no name before it has started and told it.
        let node = MemberNode { peer_urls: member.peer_urls.clone(), ..MemberNode::default() };
        if id == 0 || founders.insert(id, node).is_some() {
            return Err(format!("member exists with identical ID {id:x}"));
        }
        if member.name == config.name {
            me = id;
        }
    }
    let cluster_id = ids::cluster_id(&founders.keys().copied().collect::<Vec<_>>());
    let identity = Identity { cluster_id, member_id: me };
    Ok(Plan { identity, founders: Some(founders) })
}

/// A member that was part of its cluster and has lost its data must not come back under its id: it
/// would have forgotten what it voted for and what it acknowledged. Whoever of the others is up
/// knows. As in etcd it is to be removed, and added anew.
async fn refuse_second_birth(
    config: &Config,
    network: &dyn Network,
    identity: Identity,
) -> Result<(), OpenError> {
    let others = config.cluster.initial.iter().filter(|member| member.name != config.name);
    let asking =
        others.flat_map(|other| &other.peer_urls).map(|url| ask(network, url, BORN_PATIENCE));
    for answer in futures::future::join_all(asking).await.into_iter().flatten() {
        let same =
            |member: &pb::KnownMember| member.id == identity.member_id && !member.name.is_empty();
        if answer.cluster_id == identity.cluster_id && answer.members.iter().any(same) {
            let id = identity.member_id;
            let reason = format!("member {id:x} has already been bootstrapped");
            return Err(OpenError::Cluster { reason });
        }
    }
    Ok(())
}

/// Asks whoever is at `url` who is in the cluster.
async fn ask(
    network: &dyn Network,
    url: &String,
    patience: Duration,
) -> Result<pb::MembersAnswer, tonic::Status> {
    let card = Card { cluster_id: 0, from: 0, to: 0, membership: 0 };
    let peer = network.peer(std::slice::from_ref(url));
    let asking = peer.ask(card, wire::question(Question::Members(pb::Members {})));
    match tokio::time::timeout(patience, asking).await {
        Ok(answer) => answer.and_then(|answer| expect_answer!(answer, Members)),
        Err(_) => Err(tonic::Status::deadline_exceeded("the member is silent")),
    }
}

/// Has the first of the other members that answers tell who is in the cluster.
async fn ask_the_others(
    config: &Config,
    network: &dyn Network,
) -> Result<pb::MembersAnswer, OpenError> {
    let mut last = "no other member is named".to_owned();
    for other in config.cluster.initial.iter().filter(|member| member.name != config.name) {
        for url in &other.peer_urls {
            match ask(network, url, ASK_PATIENCE).await {
                Ok(answer) if !answer.members.is_empty() => return Ok(answer),
                Ok(_) => last = format!("{url} is in no cluster yet"),
                Err(status) => last = format!("{url}: {}", status.message()),
            }
            tracing::warn!(reason = last, "cluster information not learnt");
        }
    }
    let reason = format!("cannot fetch cluster info from peer urls: {last}");
    Err(OpenError::Cluster { reason })
}

/// Takes ids from a cluster that runs, if it is the one that the options describe.
fn join(config: &Config, existing: pb::MembersAnswer) -> Result<Plan, String> {
    let initial = &config.cluster.initial;
    let described = |member: &pb::KnownMember| {
        let urls: BTreeSet<&String> = member.peer_urls.iter().collect();
        initial.iter().find(|named| named.peer_urls.iter().collect::<BTreeSet<_>>() == urls)
    };
    let wrong = |reason: String| {
        Err(format!("error validating peerURLs {}: {reason}", shown_known(&existing.members)))
    };
    if existing.members.len() != initial.len() {
        return wrong("member count is unequal".into());
    }
    let mut me = None;
    for member in &existing.members {
        match described(member) {
            Some(named) if named.name == config.name => me = Some(member.id),
            Some(_) => {}
            None => {
                return wrong(format!(
                    "PeerURLs: no match found for existing member ({:x}, [{}])",
                    member.id,
                    member.peer_urls.join(" ")
                ));
            }
        }
    }
    match me {
        Some(member_id) => {
            let identity = Identity { cluster_id: existing.cluster_id, member_id };
            Ok(Plan { identity, founders: None })
        }
        None => wrong(format!("member {:?} was not added to the cluster", config.name)),
    }
}

fn shown_known(members: &[pb::KnownMember]) -> String {
    let members =
        members.iter().map(|member| format!("({:x}, [{}])", member.id, member.peer_urls.join(" ")));
    members.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, url: &str) -> InitialMember {
        InitialMember { name: name.into(), peer_urls: vec![url.into()] }
    }

    fn config(name: &str, url: &str, state: InitialState) -> Config {
        let initial = vec![member("a", "http://a:1"), member("b", "http://b:1")];
        let cluster = crate::config::Cluster { initial, state, ..Default::default() };
        let peer_urls = vec![url.to_owned()];
        Config { name: name.into(), peer_urls, cluster, ..Config::default() }
    }

    #[test]
    fn founders_arrive_at_the_same_plan() {
        let a = config("a", "http://a:1", InitialState::New);
        let b = config("b", "http://b:1", InitialState::New);
        assert_eq!((check_initial(&a), check_initial(&b)), (Ok(()), Ok(())));
        let (a, b) = (found(&a).expect("a plan"), found(&b).expect("a plan"));
        assert_eq!(a.founders, b.founders);
        assert_eq!(a.identity.cluster_id, b.identity.cluster_id);
        assert_ne!(a.identity.member_id, b.identity.member_id);
        let ids: Vec<u64> = a.founders.expect("founders").into_keys().collect();
        assert!(ids.contains(&a.identity.member_id) && ids.contains(&b.identity.member_id));
    }

    #[test]
    fn contradictory_options_are_refused_in_etcds_words() {
        let refused = |config: Config| check_initial(&config).expect_err("refused");
        let text = refused(config("c", "http://c:1", InitialState::New));
        assert_eq!(text, "couldn't find local name \"c\" in the initial cluster configuration");
        let text = refused(config("a", "http://x:1", InitialState::New));
        assert_eq!(
            text,
            "--initial-cluster has a=http://a:1 but missing from \
             --initial-advertise-peer-urls=http://x:1"
        );
        let mut twice = config("a", "http://a:1", InitialState::New);
        twice.cluster.initial.push(member("c", "http://b:1"));
        assert!(refused(twice).ends_with("has duplicate url"));
    }

    #[test]
    fn who_joins_takes_its_id_from_the_cluster() {
        let known = |id, url: &str| pb::KnownMember {
            id,
            peer_urls: vec![url.into()],
            ..Default::default()
        };
        let existing = |members| pb::MembersAnswer { cluster_id: 9, members };
        let b = config("b", "http://b:1", InitialState::Existing);
        let plan = join(&b, existing(vec![known(1, "http://a:1"), known(2, "http://b:1")]));
        let identity = Identity { cluster_id: 9, member_id: 2 };
        assert_eq!(plan, Ok(Plan { identity, founders: None }));
        let count = join(&b, existing(vec![known(1, "http://a:1")]));
        assert!(count.is_err_and(|text| text.ends_with("member count is unequal")));
        let other = join(&b, existing(vec![known(1, "http://a:1"), known(2, "http://x:1")]));
        assert!(other.is_err_and(|text| text.contains("no match found for existing member (2,")));
    }
}
