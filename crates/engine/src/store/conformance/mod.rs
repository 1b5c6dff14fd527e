//! One test per promise of the contract. A backend runs them all:
//!
//! ```ignore
//! conformance::suite!(MyBackend::new());
//! ```
//!
//! Each test gets a database of its own. A promise that is not in the list below is dead code, which the compiler tells.

pub(crate) mod actions;
pub(crate) mod answers;
pub(crate) mod api_keys;
pub(crate) mod commit_log;
pub(crate) mod exports;
pub(crate) mod fixtures;
pub(crate) mod founding;
pub(crate) mod organizations;
pub(crate) mod outbox;

use std::sync::Arc;

use async_trait::async_trait;

use super::Store;

/// One database, empty at first.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// Opens it, also when it is open or was dropped without being closed.
    async fn open(&self) -> Arc<dyn Store>;
}

macro_rules! suite {
    ($backend:expr) => {
        $crate::store::conformance::stamp! { $backend =>
            founding {
                happens_once, survives_reopening, concurrent_calls_found_once, environments_are_added, a_founded_store_answers_pings,
                a_closed_store_refuses_calls,
            }
            commit_log {
                numbers_follow_each_other, a_claim_fences_earlier_writers, an_unclaimed_shard_takes_no_commit, epochs_rise_for_ever,
                rows_come_back_in_order, one_of_two_concurrent_commits_is_stored, the_last_number_outlives_its_row,
                a_release_deletes_rows_and_raises_heads, heads_never_fall, only_what_was_committed_can_be_released, many_heads_are_saved,
                shards_do_not_meet, commits_survive_a_crash,
            }
            api_keys {
                a_key_comes_back_whole, a_digest_is_used_once, the_owner_must_exist, expiry_is_set, deleting_says_whether_it_was_there,
                last_use_never_falls, keys_are_listed_by_owner, environments_do_not_meet,
            }
            organizations {
                an_organization_comes_back_whole, a_domain_belongs_to_one, external_and_stripe_ids_belong_to_one, environments_do_not_meet,
                retention_periods_are_those_that_were_set,
                it_is_found_by_external_id, lists_are_filtered, lists_come_in_pages, an_update_replaces_everything,
                an_update_needs_the_current_revision, of_concurrent_updates_one_succeeds, a_refused_update_changes_nothing,
                deleting_takes_domains_and_keys,
            }
            actions {
                versions_count_up, concurrent_calls_get_different_versions, ids_rise_with_versions, a_version_is_found,
                actions_come_with_their_newest_schema, schemas_are_listed_newest_first, environments_do_not_meet, schemas_survive_a_crash,
            }
            exports { an_export_comes_back_whole, a_state_is_left_once, waiting_exports_come_oldest_first, pending_ones_are_counted }
            outbox {
                events_come_with_their_change, a_change_that_did_not_happen_says_nothing, deletions_tell_what_goes,
                an_expiry_tells_before_and_after, an_error_of_telling_undoes_the_change, events_wait_in_the_order_of_their_changes,
                cleared_places_are_not_given_again, the_outbox_survives_a_crash,
            }
            answers {
                an_answer_comes_back_whole, a_newer_answer_replaces_it, old_answers_expire, environments_do_not_meet,
                answers_come_with_their_change, a_change_that_did_not_happen_keeps_no_answer,
            }
        }
    };
}

macro_rules! stamp {
    ($backend:expr => $($section:ident { $($promise:ident),* $(,)? })*) => {$(
        mod $section {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let backend = $backend;
                    $crate::store::conformance::$section::$promise(&backend).await;
                }
            )*
        }
    )*};
}

pub(crate) use {stamp, suite};
