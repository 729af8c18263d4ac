//! Who calls, and whom they mean: checked on every call, as etcd checks cluster and sender.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

const CLUSTER: &str = "cluster";
const FROM: &str = "from";
const TO: &str = "to";
const MEMBERSHIP: &str = "membership";

/// The words for a caller that is no member any more, as etcd has them.
pub(crate) const REMOVED: &str = "the member has been permanently removed from the cluster";

/// What a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// 0: not known yet, of one that asks how to join.
    pub cluster_id: u64,
    pub from: u64,
    /// 0: whoever answers at that address.
    pub to: u64,
    /// Log index of the membership that the caller goes by and belongs to; the greatest number of a
    /// caller that has seen none with itself in it.
    pub membership: u64,
}

/// What the one who answers knows of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk {
    pub cluster_id: u64,
    pub member_id: u64,
    /// Log index of the membership in force here.
    pub membership: u64,
    pub knows_caller: bool,
}

impl Card {
    pub fn put(&self, metadata: &mut MetadataMap) {
        let fields = [
            (CLUSTER, self.cluster_id),
            (FROM, self.from),
            (TO, self.to),
            (MEMBERSHIP, self.membership),
        ];
        for (name, number) in fields {
            let text = format!("{number:016x}");
            let value = MetadataValue::try_from(text).expect("hexadecimal digits are ASCII");
            metadata.insert(name, value);
        }
    }

    pub fn take(metadata: &MetadataMap) -> Result<Self, Status> {
        let field = |name: &'static str| {
            let text = metadata.get(name).and_then(|value| value.to_str().ok());
            text.and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or_else(|| {
                Status::invalid_argument(format!("the caller does not tell its {name:?}"))
            })
        };
        Ok(Self {
            cluster_id: field(CLUSTER)?,
            from: field(FROM)?,
            to: field(TO)?,
            membership: field(MEMBERSHIP)?,
        })
    }

    /// Whether the one at `desk` listens to this caller.
    ///
    /// Memberships follow each other in one line, and ids are never used again. So a caller that
    /// belonged to a membership and is missing from a later one was removed; one that goes by a
    /// later membership than this member, or by none, is new here, and welcome.
    pub(crate) fn admitted(&self, desk: &Desk) -> Result<(), Status> {
        if self.cluster_id != desk.cluster_id {
            return Err(Status::failed_precondition(format!(
                "cluster ID mismatch: the caller belongs to cluster {:x}, this member to {:x}",
                self.cluster_id, desk.cluster_id
            )));
        }
        if self.to != 0 && self.to != desk.member_id {
            return Err(Status::failed_precondition(format!(
                "member ID mismatch: the caller looks for member {:x}, this is member {:x}",
                self.to, desk.member_id
            )));
        }
        if !desk.knows_caller && self.membership < desk.membership {
            return Err(Status::new(Code::PermissionDenied, REMOVED));
        }
        Ok(())
    }
}

/// Whether this is what a removed member is told.
pub(crate) fn says_removed(status: &Status) -> bool {
    status.code() == Code::PermissionDenied && status.message() == REMOVED
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Card = Card { cluster_id: 1, from: 2, to: 3, membership: 10 };
    const DESK: Desk = Desk { cluster_id: 1, member_id: 3, membership: 12, knows_caller: true };

    #[test]
    fn a_card_survives_the_wire() {
        let card = Card { cluster_id: u64::MAX, ..CARD };
        let mut metadata = MetadataMap::new();
        card.put(&mut metadata);
        assert_eq!(Card::take(&metadata).expect("the card is whole"), card);
        metadata.remove(FROM);
        assert!(Card::take(&metadata).is_err());
    }

    #[test]
    fn strangers_are_told_apart() {
        let cases = [
            (CARD, DESK, None),
            (Card { to: 0, ..CARD }, DESK, None),
            (Card { cluster_id: 9, ..CARD }, DESK, Some("cluster ID mismatch")),
            (Card { to: 4, ..CARD }, DESK, Some("member ID mismatch")),
            // Removed at 12, which it has not seen.
            (CARD, Desk { knows_caller: false, ..DESK }, Some(REMOVED)),
            // Added at 13, which is not applied here yet.
            (Card { membership: 13, ..CARD }, Desk { knows_caller: false, ..DESK }, None),
        ];
        for (card, desk, expected) in cases {
            match (card.admitted(&desk), expected) {
                (Ok(()), None) => {}
                (Err(status), Some(text)) => assert!(status.message().starts_with(text)),
                (outcome, _) => panic!("{card:?} at {desk:?}: {outcome:?}"),
            }
        }
    }
}
