//! What any [`Store`] must do, as a list of cases.
//!
//! Each case is an async function over a store of its own; it panics where the store differs from
//! etcd. The same list is run against the embedded member and against remote endpoints, so a case
//! uses nothing but the trait, and keys under its own prefix where the store may be shared.

mod compactions;
mod compares;
mod deletes;
mod kv;
mod lease_rules;
mod leases;
mod members;
mod nested;
mod puts;
mod ranges;
mod streams;
mod txns;
mod watches;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::face::{Store, Watcher};
use crate::types::*;

/// A running case.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named case. It expects a store that nobody else uses.
pub struct Case {
    pub name: &'static str,
    pub run: fn(Arc<dyn Store>) -> Running,
}

impl Case {
    /// Runs the case. Where the store differs, the panic's message tells how.
    pub async fn holds_for(&self, store: Arc<dyn Store>) -> bool {
        tokio::spawn((self.run)(store)).await.is_ok()
    }
}

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        vec![$(Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |store| Box::pin(async move { $module::$name(&*store).await }),
        }),*]
    };
}

/// Every case.
pub fn cases() -> Vec<Case> {
    cases![
        kv::an_empty_store_is_at_revision_one,
        kv::puts_count_versions_and_revisions,
        kv::deletes_end_a_generation,
        kv::deleting_nothing_keeps_the_revision,
        kv::ranges_count_limit_and_filter,
        kv::ranges_sort_by_every_target,
        kv::old_revisions_stay_readable,
        kv::compaction_refuses_older_revisions,
        kv::malformed_requests_are_refused,
        kv::ignored_parts_of_a_put_are_kept,
        txns::compares_choose_the_branch,
        txns::compares_on_missing_keys,
        txns::one_transaction_is_one_revision,
        txns::ranges_see_earlier_writes_of_the_transaction,
        txns::a_refused_transaction_changes_nothing,
        txns::duplicate_keys_are_refused,
        txns::nested_transactions_compare_first,
        watches::events_arrive_whole_and_in_order,
        watches::a_past_start_is_served_from_history,
        watches::a_future_start_waits,
        watches::a_compacted_start_ends_the_watch,
        watches::a_slow_watcher_misses_nothing,
        leases::a_revoked_lease_deletes_its_keys_at_once,
        leases::a_put_without_the_lease_detaches,
        leases::unknown_leases_are_told_apart,
        puts::an_answer_tells_the_previous_value_only_when_asked,
        puts::a_new_key_has_no_previous_value,
        puts::keys_and_values_are_any_bytes,
        puts::an_empty_value_is_a_value,
        puts::ignore_value_changes_the_lease_alone,
        puts::ignoring_both_still_counts,
        puts::a_deleted_key_has_nothing_to_ignore,
        puts::a_refused_put_takes_no_revision,
        puts::a_megabyte_is_stored,
        puts::more_than_the_limit_is_refused,
        deletes::one_key_is_not_its_prefix,
        deletes::a_range_ends_before_its_end,
        deletes::an_open_end_reaches_the_last_key,
        deletes::everything_goes,
        deletes::a_reversed_range_is_empty,
        deletes::previous_values_come_only_when_asked,
        deletes::a_second_delete_finds_nothing,
        deletes::the_previous_value_is_whole,
        ranges::one_key_is_not_its_neighbours,
        ranges::a_range_is_half_open,
        ranges::an_open_end_reaches_the_last_key,
        ranges::an_empty_or_reversed_range_holds_nothing,
        ranges::a_prefix_at_the_end_of_the_key_space,
        ranges::a_limit_cuts_and_says_so,
        ranges::no_limit_is_zero_or_less,
        ranges::a_count_carries_no_keys,
        ranges::keys_only_leaves_out_the_value_alone,
        ranges::bounds_on_the_mod_revision_are_inclusive,
        ranges::bounds_on_the_create_revision_are_inclusive,
        ranges::all_bounds_must_hold,
        ranges::a_limit_counts_what_passes_the_bounds,
        ranges::a_descending_limit_takes_the_last,
        ranges::an_order_comes_before_the_limit,
        ranges::a_target_without_order_sorts_the_first_keys,
        ranges::an_old_revision_takes_every_option,
        ranges::the_current_revision_may_be_named,
        ranges::a_future_revision_is_refused,
        ranges::a_serializable_read_answers_alike,
        ranges::an_old_read_tells_the_current_revision,
        compactions::it_takes_no_revision,
        compactions::the_compact_revision_stays_readable,
        compactions::later_revisions_stay_as_they_were,
        compactions::a_tombstone_at_the_compact_revision,
        compactions::the_current_revision_may_be_compacted,
        compactions::the_past_is_compacted_once,
        compactions::the_future_is_refused,
        compactions::a_new_store_may_be_compacted,
        compactions::keys_keep_their_past_in_their_numbers,
        compactions::a_transaction_may_not_read_below,
        compactions::a_dead_key_is_forgotten_and_may_return,
        compares::versions,
        compares::create_revisions,
        compares::mod_revisions,
        compares::leases,
        compares::values_bytewise,
        compares::a_missing_key_is_all_zeros,
        compares::a_missing_value_equals_nothing,
        compares::a_deleted_key_is_missing,
        compares::a_range_holds_for_every_key,
        compares::an_empty_range_is_a_missing_key,
        compares::every_compare_must_hold,
        compares::a_compare_needs_a_key,
        nested::a_branch_may_be_empty,
        nested::reading_takes_no_revision,
        nested::deleting_nothing_takes_no_revision,
        nested::operations_answer_as_they_do_alone,
        nested::a_range_misses_what_was_deleted_before_it,
        nested::every_operation_needs_a_key,
        nested::the_other_branch_is_checked_for_form_alone,
        nested::a_put_may_not_say_what_it_ignores,
        nested::what_is_ignored_must_stand_before_the_transaction,
        nested::as_many_operations_as_allowed,
        nested::as_many_compares_as_allowed,
        nested::a_nested_transaction_may_have_what_is_left,
        nested::nesting_goes_deep,
        nested::nested_branches_are_chosen_each_for_itself,
        nested::a_put_after_a_siblings_delete_is_refused,
        nested::a_delete_after_a_siblings_put_is_accepted,
        nested::an_open_ended_delete_overlaps_nothing,
        nested::branches_may_overlap_each_other,
        nested::an_empty_nested_transaction_succeeds,
        nested::a_nested_range_sees_the_outer_writes,
        nested::leases_are_attached_inside,
        streams::now_means_after_now,
        streams::the_current_revision_is_included,
        streams::everything_from_the_first_revision,
        streams::one_key_is_not_its_prefix,
        streams::an_open_end_reaches_the_last_key,
        streams::the_end_of_a_range_is_outside,
        streams::events_carry_the_whole_key,
        streams::a_delete_carries_key_and_revision_alone,
        streams::the_previous_value_is_the_one_before,
        streams::the_previous_value_from_history,
        streams::a_range_delete_is_one_revision_in_key_order,
        streams::a_transaction_is_told_in_its_order,
        streams::a_large_transaction_stays_whole,
        streams::what_changes_nothing_is_not_told,
        streams::all_watches_of_a_range_are_told,
        streams::ending_one_watch_leaves_the_others,
        streams::compaction_leaves_a_watch_that_is_level,
        streams::the_compact_revision_may_be_the_start,
        streams::a_tombstone_at_the_compact_revision_is_told,
        streams::an_earlier_start_tells_the_compact_revision,
        streams::a_future_start_tells_nothing_before,
        streams::a_revoked_lease_tells_its_keys_in_order,
        streams::a_watch_needs_a_key,
        streams::progress_is_told_when_asked,
        lease_rules::an_id_is_chosen_for_zero,
        lease_rules::granting_takes_no_revision,
        lease_rules::a_short_ttl_is_raised,
        lease_rules::the_longest_ttl,
        lease_rules::an_id_is_granted_once,
        lease_rules::a_negative_id_is_an_id,
        lease_rules::the_time_left_is_told,
        lease_rules::keys_are_told_only_when_asked,
        lease_rules::a_deleted_key_is_detached,
        lease_rules::a_key_has_one_lease,
        lease_rules::renewing_with_the_same_lease_keeps_it,
        lease_rules::an_ignored_lease_stays_attached,
        lease_rules::revoking_without_keys_takes_no_revision,
        lease_rules::revoking_deletes_in_one_revision,
        lease_rules::a_revoked_lease_is_unknown,
        lease_rules::keeping_alive_tells_the_granted_ttl,
        lease_rules::all_leases_are_listed,
        lease_rules::a_lease_that_runs_out_deletes_its_keys,
        members::a_store_of_one_member_leads_itself,
        members::every_answer_says_who_gave_it,
        members::the_index_grows_with_writes,
    ]
}

async fn put(store: &dyn Store, key: &str, value: &str) -> i64 {
    let request = PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    store.put(request).await.expect("a plain put is accepted").header.revision
}

async fn delete(store: &dyn Store, range: KeyRange) -> DeleteRangeResponse {
    let request = DeleteRangeRequest { range, prev_kv: true };
    store.delete_range(request).await.expect("a delete is accepted")
}

fn single(key: &str) -> KeyRange {
    KeyRange::single(Bytes::copy_from_slice(key.as_bytes()))
}

fn prefix(key: &str) -> KeyRange {
    KeyRange::prefix(Bytes::copy_from_slice(key.as_bytes()))
}

/// From `key` to before `end`.
fn span(key: &str, end: &str) -> KeyRange {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    KeyRange { key: bytes(key), end: bytes(end) }
}

/// The store's revision.
async fn revision(store: &dyn Store) -> i64 {
    get(store, single("none")).await.header.revision
}

/// The keys of an answer, in its order, with commas between.
fn keys_of(response: &RangeResponse) -> String {
    let keys: Vec<_> = response.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key)).collect();
    keys.join(",")
}

fn get_op(key: &str) -> RequestOp {
    RequestOp::Range(RangeRequest { range: single(key), ..RangeRequest::default() })
}

fn put_op(key: &str, value: &str) -> RequestOp {
    RequestOp::Put(PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    })
}

fn delete_op(range: KeyRange) -> RequestOp {
    RequestOp::DeleteRange(DeleteRangeRequest { range, prev_kv: false })
}

async fn get(store: &dyn Store, range: KeyRange) -> RangeResponse {
    get_at(store, range, 0).await
}

async fn get_at(store: &dyn Store, range: KeyRange, revision: i64) -> RangeResponse {
    let request = RangeRequest { range, revision, ..RangeRequest::default() };
    store.range(request).await.expect("a plain range is answered")
}

fn values(response: &RangeResponse) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    response.kvs.iter().map(|kv| (text(&kv.key), text(&kv.value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Takes events until `count` are there, as (revision, type, key, value).
async fn take_events(watcher: &mut Watcher, count: usize) -> Vec<(i64, EventType, String, String)> {
    let mut taken = Vec::new();
    let mut last = 0;
    while taken.len() < count {
        match watcher.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { revision, events } => {
                assert!(revision > last, "revision {revision} after {last}");
                last = revision;
                for event in events.iter() {
                    assert_eq!(event.kv.mod_revision, revision);
                    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
                    taken.push((
                        revision,
                        event.event_type,
                        text(&event.kv.key),
                        text(&event.kv.value),
                    ));
                }
            }
            WatchItem::Progress { revision } => assert!(revision >= last),
            WatchItem::Compacted { compact_revision } => panic!("compacted at {compact_revision}"),
        }
    }
    taken
}
