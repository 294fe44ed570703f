//! What every store must do, as tests that are told where to find one. An implementation runs them all with
//! `contract!(Place)` in a test module of its own.

pub(super) mod keeping;
pub(super) mod leases;
pub(super) mod logs;
pub(super) mod model;
pub(super) mod queue;
pub(super) mod samples;

use async_trait::async_trait;

use super::Store;

/// Where a store is: it can be opened, closed and opened again.
#[async_trait]
pub(super) trait Place: Send + Sync {
    /// The implementation.
    type Store: Store;

    /// A new place with nothing in it.
    fn new() -> Self;

    /// Opens the store that is there.
    async fn open(&self) -> Self::Store;

    /// Closes it, so that it can be opened again.
    async fn close(&self, store: Self::Store);

    /// Lets it be as if its process had been killed now: what is opened next has what is on the disk at this moment.
    async fn crash(&self, store: Self::Store);
}

macro_rules! each {
    ($place:ty: $($module:ident { $($test:ident)* })*) => { $(
        mod $module {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let place = <$place as Place>::new();
                    let store = place.open().await;
                    crate::store::contract::$module::$test(&store).await;
                    place.close(store).await;
                }
            )*
        }
    )* };
}
pub(super) use each;

/// All tests of the contract, for one kind of place.
macro_rules! contract {
    ($place:ty) => {
        $crate::store::contract::each! { $place:
            queue {
                what_is_submitted_is_there
                a_key_gives_the_same_job_again
                whoever_is_told_that_a_job_is_in_line_gets_it
                a_batch_is_queued_whole_or_not_at_all
                caps_hold
                different_needs_are_bounded
                claims_go_by_share_then_rank
                a_worker_gets_what_it_can_run_and_no_more
                many_workers_at_once_get_each_job_once
                listing_goes_newest_first_in_pages
                waiting_is_explained
                the_census_counts
            }
            leases {
                a_job_runs_to_its_end
                a_job_began_when_its_steps_did_and_not_before_its_lease
                a_word_that_is_said_again_is_answered_again
                a_late_result_is_refused_and_told
                the_last_loss_quarantines
                a_failure_is_tried_again_and_then_an_infrastructure_error
                a_job_handed_back_keeps_its_place_and_has_no_strike
                a_cancel_reaches_the_worker
                a_queued_job_is_cancelled_at_once
                waiting_too_long_ends_a_job
                progress_counts_once
                another_worker_cannot_speak_for_a_lease
                a_worker_that_registers_again_loses_its_leases
                a_removed_worker_loses_its_leases
                a_draining_worker_gets_nothing
                the_latest_moment_is_known
            }
            logs {
                a_log_is_read_as_it_was_written
                a_gap_is_refused_and_a_piece_again_is_not_doubled
                a_result_needs_its_whole_log
                the_log_of_a_lost_attempt_begins_anew
            }
            keeping {
                old_jobs_go_with_all_they_have
                the_oldest_go_when_there_is_too_much
                a_blob_is_kept_while_a_job_names_it
                a_blob_is_its_owners
                secrets_are_by_tenant
                tokens_expire_and_can_be_removed
                reports_are_queued_with_the_end_and_tried_until_settled
                one_receiver_has_some_of_the_places_and_the_next_has_others
                tenants_and_queues_are_set
            }
        }

        #[test]
        fn nothing_differs_from_the_model_whatever_happens() {
            $crate::store::contract::model::run::<$place>();
        }
    };
}
pub(super) use contract;
