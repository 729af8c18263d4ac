//! Who is turned away from the peer port.

use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tonic::Code;

use super::card::Card;
use super::grpc::Sockets;
use super::network::Network;
use super::testing::{TestCluster, Wires, client_tls};
use super::wire;
use crate::ClientTls;

async fn ask(
    cluster: &TestCluster,
    tls: Option<ClientTls>,
    card: Card,
) -> Result<(), tonic::Status> {
    let network = Sockets { tls, keep_alive: std::time::Duration::from_secs(1) };
    let peer = network.peer(&[cluster.members[0].url.clone()]);
    let question = wire::question(Question::HashKv(pb::HashKv { revision: 0 }));
    peer.ask(card, question).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_turned_away() {
    let mut cluster = TestCluster::start(1, Wires::Sockets, false).await;
    let identity = cluster.store(0).published.identity;
    let membership = cluster.store(0).published.membership.load().log_id().expect("a membership");
    let card = Card {
        cluster_id: identity.cluster_id,
        from: identity.member_id,
        to: identity.member_id,
        membership: membership.index,
    };
    let good = || Some(client_tls(false));
    ask(&cluster, good(), card).await.expect("a member is answered");

    let other = Card { cluster_id: card.cluster_id ^ 1, ..card };
    let refused = ask(&cluster, good(), other).await.expect_err("it is refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("cluster ID mismatch"), "{refused}");

    let wrong = Card { to: card.to ^ 1, ..card };
    let refused = ask(&cluster, good(), wrong).await.expect_err("it is refused");
    assert!(refused.message().starts_with("member ID mismatch"), "{refused}");

    let removed = Card { from: card.from ^ 1, membership: 0, ..card };
    let refused = ask(&cluster, good(), removed).await.expect_err("it is refused");
    assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, super::REMOVED));

    for tls in [Some(client_tls(true)), None] {
        let refused = ask(&cluster, tls, card).await.expect_err("it is refused");
        // The handshake fails on this side or on the other.
        let codes = [Code::Unavailable, Code::Unknown, Code::Cancelled];
        assert!(codes.contains(&refused.code()), "{refused}");
    }
    cluster.stop_all().await;
}
