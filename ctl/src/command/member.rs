//! `member add|remove|update|list|promote`.

use store_proto::etcdserverpb as pb;

use super::{Context, within};
use crate::Usage;
use crate::arguments::cluster::Member;
use crate::arguments::kv::Consistency;
use crate::go::quote::quote;
use crate::output::{self, Answer};

pub async fn run(run: &Context, command: Member) -> anyhow::Result<()> {
    match command {
        Member::Add { member_name, peer_urls, learner } => {
            add(run, &member_name, peer_urls.as_deref(), learner).await
        }
        Member::Remove { member_id } => {
            let request = pb::MemberRemoveRequest { id: member_id };
            let mut client = run.session().await?.cluster();
            let answer = within(run.timeout, client.member_remove(request)).await?;
            changed(run, member_id, "removed from", &answer.header, &answer.members)
        }
        Member::Update { member_id, peer_urls } => {
            let request =
                pb::MemberUpdateRequest { id: member_id, peer_ur_ls: urls(peer_urls.as_deref())? };
            let mut client = run.session().await?.cluster();
            let answer = within(run.timeout, client.member_update(request)).await?;
            changed(run, member_id, "updated in", &answer.header, &answer.members)
        }
        Member::List { consistency } => {
            let answer = list(run, consistency == Consistency::L).await?;
            run.printer.print(&Answer::Members(&answer))
        }
        Member::Promote { member_id } => {
            let request = pb::MemberPromoteRequest { id: member_id };
            let mut client = run.session().await?.cluster();
            let answer = within(run.timeout, client.member_promote(request)).await?;
            changed(run, member_id, "promoted in", &answer.header, &answer.members)
        }
    }
}

fn changed(
    run: &Context,
    id: u64,
    done: &'static str,
    header: &Option<pb::ResponseHeader>,
    members: &[pb::Member],
) -> anyhow::Result<()> {
    run.printer.print(&Answer::MemberChanged { id, done, header, members })
}

async fn list(run: &Context, linearizable: bool) -> anyhow::Result<pb::MemberListResponse> {
    let request = pb::MemberListRequest { linearizable };
    within(run.timeout, run.session().await?.cluster().member_list(request)).await
}

/// The client URLs of all members.
pub async fn client_urls(run: &Context) -> anyhow::Result<Vec<String>> {
    let answer = list(run, true).await.map_err(|error| {
        error.context("failed to fetch endpoints from etcd cluster member list")
    })?;
    Ok(answer.members.into_iter().flat_map(|member| member.client_ur_ls).collect())
}

async fn add(
    run: &Context,
    name: &str,
    peer_urls: Option<&str>,
    is_learner: bool,
) -> anyhow::Result<()> {
    let request = pb::MemberAddRequest { peer_ur_ls: urls(peer_urls)?, is_learner };
    let answer = within(run.timeout, run.session().await?.cluster().member_add(request)).await?;
    run.printer.print(&Answer::MemberAdded(&answer))?;
    if run.printer.is_simple() {
        output::write(settings(name, peer_urls.unwrap_or_default(), &answer).as_bytes())?;
    }
    Ok(())
}

/// What the new member is to be started with.
fn settings(name: &str, peer_urls: &str, answer: &pb::MemberAddResponse) -> String {
    let id = answer.member.as_ref().map_or(0, |member| member.id);
    let cluster: Vec<String> = answer
        .members
        .iter()
        .flat_map(|member| {
            let name = if member.id == id { name } else { &member.name };
            member.peer_ur_ls.iter().map(move |url| format!("{name}={url}"))
        })
        .collect();
    format!(
        "\nETCD_NAME={}\nETCD_INITIAL_CLUSTER={}\nETCD_INITIAL_ADVERTISE_PEER_URLS={}\n\
         ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n",
        quote(name.as_bytes()),
        quote(cluster.join(",").as_bytes()),
        quote(peer_urls.as_bytes())
    )
}

/// Peer URLs, each with a scheme, a host, a port and nothing more: the rules of etcd's client.
fn urls(text: Option<&str>) -> anyhow::Result<Vec<String>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        let reason = "member peer urls not provided: name them with --peer-urls";
        return Err(Usage(reason.to_owned()).into());
    };
    text.split(',').map(|url| check(url.trim()).map(|()| url.trim().to_owned())).collect()
}

fn check(url: &str) -> anyhow::Result<()> {
    let wrong = |what: &str| Err(anyhow::anyhow!("{what}: {url}"));
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("URL scheme must be http, https, unix, or unixs");
    };
    match scheme {
        "unix" | "unixs" => Ok(()),
        "http" | "https" if rest.contains('/') => wrong("URL must not contain a path"),
        "http" | "https" => match rest.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
            _ => wrong("URL address does not have the form \"host:port\""),
        },
        _ => wrong("URL scheme must be http, https, unix, or unixs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_urls_have_a_scheme_a_host_and_a_port() {
        let text = "http://a:1, https://[::1]:2380,unix:///run/peer";
        assert_eq!(urls(Some(text)).map(|urls| urls.len()).ok(), Some(3));
        for wrong in ["", "a:1", "ftp://a:1", "http://a", "http://a:1/x", "http://:1", "http://a:b"]
        {
            assert!(urls(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(urls(None).is_err());
    }

    #[test]
    fn the_settings_of_a_new_member_name_all() {
        let member = |id, name: &str, url: &str| pb::Member {
            id,
            name: name.to_owned(),
            peer_ur_ls: vec![url.to_owned()],
            ..Default::default()
        };
        let new = member(2, "", "http://b:1");
        let answer = pb::MemberAddResponse {
            header: None,
            member: Some(new.clone()),
            members: vec![member(1, "one", "http://a:1"), new],
        };
        let expected = "\nETCD_NAME=\"two\"\n\
            ETCD_INITIAL_CLUSTER=\"one=http://a:1,two=http://b:1\"\n\
            ETCD_INITIAL_ADVERTISE_PEER_URLS=\"http://b:1\"\n\
            ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n";
        assert_eq!(settings("two", "http://b:1", &answer), expected);
    }
}
