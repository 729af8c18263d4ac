//! What a command costs, when the quota is used up, and when it is free again. No clock, no store.

use crate::alarm::{Alarm, AlarmKind, Alarms};
use crate::command::Command;
use crate::error::Error;
use crate::types::*;

/// etcd's estimates of what a key and a lease cost beyond their bytes.
const KEY_OVERHEAD: u64 = 256;
const LEASE_OVERHEAD: u64 = 64;

/// The alarm is taken back when at most so many tenths of the quota are used, so that a store at
/// its limit does not go in and out of it.
const CLEAR_TENTHS: u128 = 9;

/// Bytes that `command` may add, as etcd reckons: of a transaction's branches the dearer. 0 for what
/// takes no space, which is never refused for want of it.
pub(crate) fn cost(command: &Command) -> u64 {
    match command {
        Command::Put(request) => cost_of_put(request),
        Command::Txn(txn) => cost_of_txn(txn),
        Command::LeaseGrant { .. } => LEASE_OVERHEAD,
        Command::DeleteRange(_)
        | Command::Compact { .. }
        | Command::LeaseRevoke { .. }
        | Command::LeaseCheckpoint(_)
        | Command::Alarm { .. }
        | Command::Auth(_)
        | Command::Downgrade { .. } => 0,
    }
}

fn cost_of_put(request: &PutRequest) -> u64 {
    KEY_OVERHEAD + (request.key.len() + request.value.len()) as u64
}

/// As [`cost`], of a transaction.
pub(crate) fn cost_of_txn(txn: &Txn) -> u64 {
    let branch = |ops: &[RequestOp]| -> u64 { ops.iter().map(cost_of_op).sum() };
    branch(&txn.success).max(branch(&txn.failure))
}

fn cost_of_op(op: &RequestOp) -> u64 {
    match op {
        RequestOp::Put(request) => cost_of_put(request),
        RequestOp::Txn(txn) => cost_of_txn(txn),
        RequestOp::Range(_) | RequestOp::DeleteRange(_) => 0,
    }
}

/// What alarms make of a command, on every member alike. As in etcd, a corrupt cluster takes nothing
/// that touches keys or leases, and one without space nothing that may take some. Reads go on.
pub(crate) fn permit(alarms: &Alarms, command: &Command) -> Result<(), Error> {
    if alarms.is_empty() {
        return Ok(());
    }
    if alarms.any(AlarmKind::Corrupt) && touches_data(command) {
        return Err(Error::Corrupt);
    }
    if alarms.any(AlarmKind::NoSpace) && cost(command) > 0 {
        return Err(Error::NoSpace);
    }
    Ok(())
}

fn touches_data(command: &Command) -> bool {
    matches!(
        command,
        Command::Put(_)
            | Command::DeleteRange(_)
            | Command::Txn(_)
            | Command::Compact { .. }
            | Command::LeaseGrant { .. }
            | Command::LeaseRevoke { .. }
    )
}

/// Whether a command of `cost` goes over the quota of a store that takes `used` bytes.
pub(crate) fn exceeds(quota: Option<u64>, used: u64, cost: u64) -> bool {
    quota.is_some_and(|quota| cost > 0 && used.saturating_add(cost) >= quota)
}

/// A quota is free again when no more than this is used.
pub(crate) fn clear_below(quota: u64) -> u64 {
    u64::try_from(u128::from(quota) * CLEAR_TENTHS / 10).unwrap_or(quota)
}

/// The alarms of want of space that are to be taken back: this member's own once enough of its quota
/// is free (or there is none) after it `was_full`, and, if it leads, those of members that are gone.
/// An alarm that someone raised while there was space is left to whoever raised it.
pub(crate) fn to_clear(
    alarms: &Alarms,
    me: u64,
    quota: Option<u64>,
    used: u64,
    was_full: bool,
    gone: impl Fn(u64) -> bool,
) -> Vec<Alarm> {
    let free = was_full && quota.is_none_or(|quota| used <= clear_below(quota));
    let no_space = alarms.iter().filter(|alarm| alarm.kind == AlarmKind::NoSpace);
    no_space.filter(|alarm| (alarm.member_id == me && free) || gone(alarm.member_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: usize) -> PutRequest {
        PutRequest { key: "k".into(), value: vec![0; value].into(), ..PutRequest::default() }
    }

    fn txn(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> Txn {
        Txn { success, failure, ..Txn::default() }
    }

    #[test]
    fn costs_are_those_of_etcd() {
        let delete = DeleteRangeRequest { range: KeyRange::prefix("a"), prev_kv: false };
        let nested = txn(vec![RequestOp::Put(put(9)), RequestOp::Put(put(9))], vec![]);
        let cases = [
            (Command::Put(put(10)), 267),
            (Command::DeleteRange(delete.clone()), 0),
            (Command::Txn(Txn::default()), 0),
            (Command::Txn(txn(vec![RequestOp::DeleteRange(delete)], vec![])), 0),
            (Command::Txn(txn(vec![RequestOp::Put(put(1))], vec![RequestOp::Put(put(100))])), 357),
            (Command::Txn(txn(vec![], vec![RequestOp::Txn(nested)])), 532),
            (Command::Compact { revision: 3 }, 0),
            (Command::LeaseGrant { id: 1, ttl: 1 }, 64),
            (Command::LeaseRevoke { id: 1 }, 0),
        ];
        for (command, expected) in cases {
            assert_eq!(cost(&command), expected, "{command:?}");
        }
    }

    #[test]
    fn a_quota_refuses_what_would_reach_it() {
        let cases = [
            (Some(1000), 743, 257, true),
            (Some(1000), 742, 257, false),
            (Some(1000), 5000, 0, false),
            (None, u64::MAX, 257, false),
            (Some(0), 0, 1, true),
            (Some(u64::MAX), u64::MAX, 1, true),
        ];
        for (quota, used, cost, expected) in cases {
            assert_eq!(exceeds(quota, used, cost), expected, "{quota:?} {used} {cost}");
        }
    }

    fn alarms(raised: &[(AlarmKind, u64)]) -> Alarms {
        let mut alarms = Alarms::default();
        for (kind, member_id) in raised {
            alarms.raise(Alarm { kind: *kind, member_id: *member_id });
        }
        alarms
    }

    #[test]
    fn alarms_refuse_what_etcd_refuses() {
        let delete = DeleteRangeRequest { range: KeyRange::prefix("a"), prev_kv: false };
        let commands = [
            Command::Put(put(1)),
            Command::DeleteRange(delete),
            Command::Txn(txn(vec![], vec![RequestOp::Put(put(1))])),
            Command::Txn(Txn::default()),
            Command::Compact { revision: 1 },
            Command::LeaseGrant { id: 1, ttl: 1 },
            Command::LeaseRevoke { id: 1 },
            Command::Alarm {
                raise: false,
                alarm: Alarm { kind: AlarmKind::Corrupt, member_id: 1 },
            },
        ];
        let answers = |alarms: &Alarms| -> Vec<Result<(), Error>> {
            commands.iter().map(|command| permit(alarms, command)).collect()
        };
        assert!(answers(&alarms(&[])).iter().all(Result::is_ok));
        let (full, bad) = (Err(Error::NoSpace), Err(Error::Corrupt));
        let ok = Ok(());
        assert_eq!(
            answers(&alarms(&[(AlarmKind::NoSpace, 7)])),
            [&full, &ok, &full, &ok, &ok, &full, &ok, &ok].map(Clone::clone)
        );
        assert_eq!(
            answers(&alarms(&[(AlarmKind::NoSpace, 7), (AlarmKind::Corrupt, 8)])),
            [&bad, &bad, &bad, &bad, &bad, &bad, &bad, &ok].map(Clone::clone)
        );
    }

    #[test]
    fn an_alarm_is_taken_back_when_a_tenth_is_free() {
        let raised =
            alarms(&[(AlarmKind::NoSpace, 1), (AlarmKind::NoSpace, 2), (AlarmKind::Corrupt, 1)]);
        let cleared = |quota, used, gone: fn(u64) -> bool| -> Vec<u64> {
            let clear = to_clear(&raised, 1, quota, used, true, gone);
            assert!(clear.iter().all(|alarm| alarm.kind == AlarmKind::NoSpace));
            clear.iter().map(|alarm| alarm.member_id).collect()
        };
        assert_eq!(cleared(Some(1000), 901, |_| false), [0u64; 0]);
        assert_eq!(cleared(Some(1000), 900, |_| false), [1]);
        assert_eq!(cleared(None, u64::MAX, |_| false), [1]);
        assert_eq!(cleared(Some(1000), 1000, |id| id == 2), [2]);
        assert_eq!(cleared(Some(1000), 0, |id| id == 2), [1, 2]);
        let by_hand = to_clear(&raised, 1, Some(1000), 0, false, |_| false);
        assert!(by_hand.is_empty(), "{by_hand:?}");
    }
}
