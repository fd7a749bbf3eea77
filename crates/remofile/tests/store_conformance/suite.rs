//! The list of what holds of any store: `suite!` makes tests of it, for stores of whichever crate.

/// Makes the tests of stores, each of which an expression gives as a `Scene`.
macro_rules! suite {
    ($($store:ident: $scene:expr;)*) => {
        $(mod $store {
            use super::*;

            each!($scene;
                checks: a_file_is_there_when_it_was_committed_and_not_before,
                checks: a_name_that_is_taken_is_told_before_anything_is_sent,
                checks: what_is_replaced_is_replaced_whole,
                checks: a_version_that_is_not_there_any_more_is_not_replaced,
                checks: files_have_the_times_and_modes_they_are_given needs Modes Times,
                checks: walks_are_sorted_and_whole,
                checks: walks_can_leave_directories_out,
                checks: what_is_not_there_or_something_else_is_told_by_its_code needs Edits Modes,
                checks: directories_are_made_with_and_without_parents,
                checks: only_what_is_empty_is_removed_by_itself,
                checks: a_tree_is_removed_and_counted,
                checks: renames_replace_only_files_and_only_if_asked needs Renames,
                checks: the_root_stays_as_it_is needs Edits Links Modes Backups,
                checks: a_file_is_changed_in_place needs Edits,
                checks: a_reader_knows_that_its_file_was_changed needs Edits,
                checks: a_backup_stays_when_the_first_goes needs Backups Links,
                checks: holes_are_zeros,
                checks: parents_are_not_made_where_a_link_leads_nowhere needs Links,
                copies: a_staged_file_takes_over_what_others_have,
                copies: a_look_is_at_a_path_itself needs Links,
                links: links_inside_are_followed_and_told_as_what_they_are needs Links,
                links: links_that_lead_nowhere_or_out_are_themselves needs Links,
                links: links_that_lead_out_are_not_made needs Links,
                links: a_link_is_moved_only_where_it_does_not_lead_out needs Links,
                links: a_link_is_kept_only_where_it_does_not_lead_out needs Links,
                links: two_paths_to_one_file_have_one_identity needs Links,
                links: a_ring_of_links_ends needs Links,
                kept: a_file_has_two_names_until_something_replaces_it_at_one needs Backups,
                kept: names_of_one_file_share_a_number_that_no_other_has needs Backups,
                kept: a_kept_link_leads_anywhere_and_nothing_is_reached_through_it needs Links,
                kept: special_files_are_made_and_told_or_refused,
                kept: attributes_are_given_to_what_they_are_of_and_told_again_or_refused needs Modes Times,
                kept: a_link_gets_its_own_time_and_not_what_it_leads_to needs Links,
                kept: what_is_held_goes_with_copies_and_what_is_not_is_no_part_of_them needs Modes Times,
                resuming: an_interrupted_file_goes_on_where_it_was,
                resuming: what_is_dropped_or_small_leaves_nothing,
                resuming: nothing_is_left_of_a_partial_whose_file_began_anew,
                resuming: a_partial_that_has_changed_is_not_gone_on_with,
                resuming: partials_are_removed_one_by_one_and_when_they_are_old,
            );
        })*
    };
}

/// Makes the tests of one store.
macro_rules! each {
    ($scene:expr; $($file:ident: $check:ident $(needs $($needed:ident)*)?,)*) => {
        $(#[test]
        fn $check() {
            let (scene, needed) = ($scene, [$($(Capability::$needed),*)?]);
            // A store that lacks something is not asked for it.
            if needed.iter().all(|needed: &Capability| scene.store.capabilities().has(*needed)) {
                $file::$check(&scene);
            }
        })*
    };
}
