"""The tests of the command line with the server's root in a bucket, which rclone mounts where they look into the directory behind it."""

import os
import re
import shutil
import subprocess

from processes import Failed  # First: it says where the modules of reliability/ are.
from common import REPOSITORY
from garage import BUCKET
from rclone import Rclone

SUITE_SECONDS = 1800

# The tests that cannot hold there, by the reason. All others have to.
CANNOT = {
    "a bucket keeps no links, devices and permissions that anybody enforces, and a mount of it makes none": (
        "begun::a_copy_that_was_not_complete_goes_on_and_replaces_nothing",
        "copying::what_cannot_be_copied_is_named_and_the_rest_is_copied",
        "copying_servers::between_servers_files_pass_with_all_that_uploads_and_downloads_can",
        "transfer_output::permissions_are_kept_if_they_are_to_be",
        "copying_servers::one_server_by_two_names_copies_within_itself_and_never_onto_itself",
        "finger_lines::options_of_other_tools_in_transfers", "dry_runs::nothing_is_changed_and_the_status_is_that_of_the_command",
        "finger_lines::options_of_other_tools_in_a_sync", "listing::orders_can_be_turned_round_and_directories_listed_themselves",
        "transfer_sources::links_are_followed_or_copied", "listing::names_are_coloured_where_somebody_sees_them_or_asks_for_it",
        "transfer_output::events_follow_the_documented_schema",
        "sync::links_and_special_files_that_are_left_out_are_told_with_their_reasons",
        "transfer_output::each_file_is_named_as_it_is_finished",
        "transfer_sources::links_that_lead_out_are_neither_followed_nor_copied_but_named",
        "transfer_output::quiet_is_silent_but_for_errors", "file_lists::with_archive_a_list_may_have_any_name_that_the_disk_has",
    ),
    "a bucket has no changes in place, no holes, no room of a disk and no other times of directories": (
        "open_files::a_program_changes_a_file_in_place_on_the_commands_server", "sync_options::holes_stay_holes",
        "hashing::df_shows_the_room_of_the_disk", "session_files::a_long_list_has_aligned_columns",
        "look::of_several_paths_that_are_looked_at_those_that_fail_are_named",
        "dry_runs::times_of_directories_count_in_a_dry_run_as_in_the_run",
    ),
    "the test looks at what a server of a directory keeps for itself, at its words about the directory, or removes that": (
        "ghosts::a_sync_that_was_killed_goes_on_in_the_middle_of_its_file",
        "operands::the_line_that_a_server_prints_is_for_pasting",
        "transfer_resume::a_lost_connection_is_told_and_tried_again_as_often_as_was_asked_for",
        "transfer_resume::an_upload_that_was_cut_is_listed_and_goes_on", "transfer_resume::an_interrupted_upload_goes_on_too",
        "transfer_resume::what_is_kept_can_be_cleared", "transfer_resume::without_resuming_a_file_is_sent_from_its_start",
        "sync::what_is_served_and_was_removed_is_told_and_nothing_is_deleted",
        "transfer_sources::a_directory_is_not_sent_into_itself",
    ),
    "rclone's mount keeps no empty directory that the test makes behind the server": (
        "begun::a_copy_that_could_not_begin_is_not_remembered",
        "begun::an_upload_whose_directory_was_removed_and_made_anew_goes_into_it", "completing::bash_gets_of_a_candidate_what_it_replaces",
        "completing::remote_paths_are_completed_wherever_one_may_be", "copying::a_destination_names_the_copy_or_holds_it",
        "ghosts::the_command_after_one_that_was_killed_works_at_once",
        "session_transfers::a_directory_needs_to_be_asked_for_and_is_named_otherwise",
        "transfer_sources::listed_files_keep_their_directories",
    ),
    "rclone's mount goes on showing what was made through it as it was, when the server replaces or removes that": (
        "asking::relative_paths_are_asked_about_on_a_terminal_and_refused_elsewhere",
        "open_files::an_edited_file_replaces_the_remote_one",
        "copying::what_is_in_the_way_is_an_error_unless_a_rule_says_otherwise",
        "open_files::an_editor_may_replace_the_file_it_was_given",
        "session_transfers::files_in_the_way_stay_unless_they_are_to_be_replaced",
        "sync_options::rules_for_files_in_the_way_are_those_of_a_sync",
    ),
    "rclone's mount appends nothing, and gives names that are not UTF-8 others": (
        "open_files::cat_follows_a_file_through_its_rotation", "wrong_lines::servers_that_refuse",
        "session_files::what_cannot_be_listed_is_named_and_the_rest_is_listed",
    ),
}


def command_line(campaign, garage, directory):
    """Runs the tests of the commands; those that cannot hold are left out."""
    for program in ("rclone", "fusermount"):
        if not shutil.which(program):
            raise Failed(f"there is no {program} on this machine: 'make cluster-setup' installs what is missing")
    left_out = [name for names in CANNOT.values() for name in names]
    command = [os.environ.get("CARGO", "cargo"), "test", "--locked", "--package", "remofile", "--no-fail-fast", "--test", "*", "--"]
    command += ["--test-threads", "4", "--exact", *(word for name in left_out for word in ("--skip", name))]
    environment = {
        **os.environ, **Rclone(garage).environment, **garage.environment(), "REMOFILE_TEST_BUCKET": f"s3://{BUCKET}/cli",
        "INSTA_UPDATE": "no",
    }
    log = directory / "cli.log"
    with log.open("w") as output:
        done = subprocess.run(
            command, env=environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
            timeout=SUITE_SECONDS,
        )
    said = log.read_text(errors="replace")
    passed = len(re.findall(r"^test .* \.\.\. ok$", said, re.MULTILINE))
    failed = re.findall(r"^test (.*) \.\.\. FAILED$", said, re.MULTILINE)
    campaign.say(f"  {passed} tests of the commands hold in a bucket, {len(left_out)} are left out")
    if done.returncode != 0 or not passed:
        raise Failed(f"the tests ended with status {done.returncode}: {', '.join(failed) or said[-1000:]}")
