//! What every store does, whatever is behind it: one suite, run on all of them.
//!
//! The tests take any [`Store`] and are compiled once. Each runs on a store of its own: a fresh
//! memory, a fresh file, a fresh database on a private PostgreSQL of this process.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests, though clippy does not see it: they are functions that one macro runs"
)]

mod access;
mod access_filters;
mod audit;
mod changes;
mod concurrency;
mod fixtures;
mod history;
mod management;
mod sign_in;
mod tokens;
mod workspace;

use std::sync::Arc;

use mcpass_store::memory::MemoryStore;
use mcpass_store::{Store, sql};
use mcpass_testkit::PrivatePostgres;

#[derive(Clone, Copy)]
enum Backend {
    Memory,
    Postgres,
    Sqlite,
}

fn run<F: Future<Output = ()>>(backend: Backend, test: fn(Arc<dyn Store>) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> = match backend {
            Backend::Memory => Arc::new(MemoryStore::new()),
            Backend::Postgres => {
                let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
                sql::connect(&url).await.unwrap()
            }
            Backend::Sqlite => {
                let url = format!("sqlite:{}", folder.path().join("test.db").display());
                sql::connect(&url).await.unwrap()
            }
        };
        test(store).await;
    });
}

macro_rules! on_every_store {
    ($($module:ident::$test:ident;)*) => {
        mod memory {
            $(#[test] fn $test() { super::run(super::Backend::Memory, super::$module::$test) })*
        }
        mod postgres {
            $(#[test] fn $test() { super::run(super::Backend::Postgres, super::$module::$test) })*
        }
        mod sqlite {
            $(#[test] fn $test() { super::run(super::Backend::Sqlite, super::$module::$test) })*
        }
    };
}

on_every_store! {
    access::a_batch_read_twice_changes_nothing;
    access::a_follower_sees_every_row_once_in_the_order_of_outcomes;
    access::an_outcome_completes_a_pending_row_once;
    access::calls_are_summed_up_by_family_and_second;
    access::journal_positions_are_kept_and_forgotten;
    access::last_uses_only_move_forward;
    access::old_rows_are_deleted;
    access::pending_rows_of_an_earlier_run_are_settled;
    access::rows_are_kept_whole;
    access::what_clients_send_cannot_stop_the_loader;
    access_filters::a_page_ends_after_as_many_rows_as_may_be_looked_at;
    access_filters::every_log_filter_finds_what_it_says;
    access_filters::pages_hold_every_fitting_row_once;
    access_filters::requests_are_counted_by_hour;
    audit::events_are_kept_whole_and_found_by_each_filter;
    audit::pages_hold_every_event_once;
    changes::a_commit_is_kept_whole;
    changes::a_deleted_group_leaves_tokens_and_users;
    changes::a_failure_in_the_last_change_leaves_nothing_of_the_first;
    changes::a_taken_name_id_or_digest_is_refused;
    changes::a_token_update_leaves_what_is_fixed;
    changes::later_changes_of_a_commit_see_earlier_ones;
    changes::names_and_digests_are_exact;
    changes::references_must_exist;
    changes::servers_of_every_kind_are_kept_whole;
    changes::stale_versions_conflict_and_unknown_things_are_missing;
    changes::strange_texts_survive;
    concurrency::what_is_broken_off_leaves_nothing_behind;
    concurrency::of_many_writers_of_one_version_one_wins;
    concurrency::writers_readers_and_the_loader_do_not_disturb_each_other;
    history::a_history_is_kept_whole;
    history::a_history_is_of_one_database;
    history::an_intent_is_kept_once;
    management::a_key_creates_once_a_day_for_each_caller;
    management::every_order_lists_every_fitting_token_once;
    management::lists_of_very_many_tokens_are_as_those_of_few;
    management::requests_are_counted_by_token;
    management::tokens_are_counted_by_state;
    sign_in::a_failed_commit_leaves_signing_in_as_it_was;
    sign_in::a_link_is_used_once;
    sign_in::a_superuser_can_sign_in_with_what_they_have;
    sign_in::credentials_are_kept_whole;
    sign_in::sessions_are_kept_whole_and_end;
    sign_in::what_ended_is_swept_away;
    tokens::a_family_is_listed_oldest_first;
    tokens::a_scan_gives_every_token_once_with_its_groups;
    tokens::every_token_filter_finds_what_it_says;
    tokens::many_tokens_are_written_at_once_or_not_at_all;
    tokens::outlines_tell_tokens_in_as_many_groups_as_they_can_be;
    tokens::pages_hold_every_fitting_token_once;
    tokens::the_store_answers_a_ping;
    workspace::a_stale_item_refuses_the_whole_commit;
    workspace::every_event_filter_finds_what_it_says_on_every_page;
    workspace::every_item_filter_finds_what_it_says_on_every_page;
    workspace::items_are_counted_by_kind_and_status;
    workspace::items_are_kept_whole;
}
