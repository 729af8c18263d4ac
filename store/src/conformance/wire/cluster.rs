//! `etcdserverpb.Cluster` on the wire, as far as a store without a second process can tell.

use super::*;

const URL: &str = "http://127.0.0.1:1";

async fn members(wire: &Wire) -> Vec<pb::Member> {
    let request = pb::MemberListRequest { linearizable: true };
    accepted(wire.cluster().member_list(request).await).members
}

async fn add_learner(wire: &Wire, url: &str) -> Result<Response<pb::MemberAddResponse>, Status> {
    let request = pb::MemberAddRequest { peer_ur_ls: vec![url.to_owned()], is_learner: true };
    wire.cluster().member_add(request).await
}

pub async fn the_list_has_no_revision(wire: &Wire) {
    put(wire, "a", "1").await;
    let request = pb::MemberListRequest { linearizable: true };
    let answer = accepted(wire.cluster().member_list(request).await);
    let header = answer.header.expect("a header");
    assert!(header.cluster_id != 0 && header.member_id != 0);
    assert_eq!(header.revision, 0);
    let own = answer.members.iter().find(|member| member.id == header.member_id);
    let own = own.expect("whoever answers is a member");
    assert!(!own.name.is_empty() && !own.client_ur_ls.is_empty() && !own.peer_ur_ls.is_empty());
}

pub async fn a_learner_is_added_and_removed(wire: &Wire) {
    let before = members(wire).await.len();
    let answer = accepted(add_learner(wire, URL).await);
    let added = answer.member.expect("the new member is told");
    assert!(added.id != 0 && added.is_learner && added.name.is_empty(), "{added:?}");
    assert_eq!((added.peer_ur_ls.as_slice(), added.client_ur_ls.len()), (&[URL.to_owned()][..], 0));
    assert_eq!(answer.members.len(), before + 1);
    assert_eq!(members(wire).await.len(), before + 1);
    let request = pb::MemberRemoveRequest { id: added.id };
    let left = accepted(wire.cluster().member_remove(request).await).members;
    assert_eq!(left.len(), before);
    assert_eq!(members(wire).await.len(), before);
    // Whoever was removed does not come back.
    let (code, text) = refused(wire.cluster().member_remove(request).await);
    assert_eq!((code, text.as_str()), (Code::NotFound, "etcdserver: member not found"));
}

pub async fn a_peer_url_is_taken_once(wire: &Wire) {
    accepted(add_learner(wire, URL).await);
    let (code, text) = refused(add_learner(wire, URL).await);
    assert_eq!(code, Code::FailedPrecondition);
    // Ids are made of URLs and the second: what is noticed first depends on the clock.
    let texts = ["etcdserver: Peer URLs already exists", "etcdserver: member ID already exist"];
    assert!(texts.contains(&text.as_str()), "{text}");
}

pub async fn unknown_members_are_told(wire: &Wire) {
    let text = told(Code::NotFound, "etcdserver: member not found");
    let remove = pb::MemberRemoveRequest { id: 1 };
    assert_eq!(refused(wire.cluster().member_remove(remove).await), text);
    let update = pb::MemberUpdateRequest { id: 1, peer_ur_ls: vec![URL.to_owned()] };
    assert_eq!(refused(wire.cluster().member_update(update).await), text);
    let promote = pb::MemberPromoteRequest { id: 1 };
    assert_eq!(refused(wire.cluster().member_promote(promote).await), text);
}

pub async fn a_voter_is_not_promoted(wire: &Wire) {
    let id = members(wire).await[0].id;
    let answer = wire.cluster().member_promote(pb::MemberPromoteRequest { id }).await;
    let text = "etcdserver: can only promote a learner member";
    assert_eq!(refused(answer), told(Code::FailedPrecondition, text));
}

pub async fn a_learner_that_never_came_is_not_promoted(wire: &Wire) {
    let added = accepted(add_learner(wire, URL).await).member.expect("the new member is told");
    let answer = wire.cluster().member_promote(pb::MemberPromoteRequest { id: added.id }).await;
    let text = "etcdserver: can only promote a learner member which is in sync with leader";
    assert_eq!(refused(answer), told(Code::FailedPrecondition, text));
}

pub async fn urls_are_checked(wire: &Wire) {
    let text = told(Code::InvalidArgument, "etcdserver: given member URLs are invalid");
    for url in ["", "127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1:1/path"] {
        assert_eq!(refused(add_learner(wire, url).await), text, "{url:?}");
    }
    let none = pb::MemberAddRequest { peer_ur_ls: Vec::new(), is_learner: true };
    assert_eq!(refused(wire.cluster().member_add(none).await), text);
}

pub async fn a_learner_gets_new_urls(wire: &Wire) {
    let added = accepted(add_learner(wire, URL).await).member.expect("the new member is told");
    let urls = vec!["http://127.0.0.1:2".to_owned(), "http://127.0.0.1:3".to_owned()];
    let update = pb::MemberUpdateRequest { id: added.id, peer_ur_ls: urls.clone() };
    let answer = accepted(wire.cluster().member_update(update).await).members;
    let updated = answer.iter().find(|member| member.id == added.id).expect("it is still there");
    assert_eq!(updated.peer_ur_ls, urls);
}
