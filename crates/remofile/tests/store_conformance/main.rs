//! One suite for every store: `checks` says what holds of any of them, this file which stores there are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod checks;
mod links;
mod resuming;
mod support;
mod wrappers;

use remofile::store::{
    Capabilities, Capability, Faulty, LocalStore, MemoryOptions, MemoryStore, Prefix, Store, StoreOptions,
};
use remofile_protocol::path::NameRule;
use std::sync::Arc;
use support::Scene;

fn local() -> Scene {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { names: NameRule::Posix, ..StoreOptions::default() };
    let store = LocalStore::open(root.path(), options).unwrap();
    Scene { store: Arc::new(store), _root: Some(root) }
}

fn memory() -> Scene {
    Scene { store: Arc::new(MemoryStore::new()), _root: None }
}

/// A store that can do no more than one of objects.
fn objects() -> Scene {
    let lacking = [Capability::Links, Capability::Modes, Capability::Times, Capability::Backups, Capability::Edits];
    let capabilities = lacking.into_iter().fold(Capabilities::ALL, Capabilities::without);
    let options = MemoryOptions { capabilities, ..MemoryOptions::default() };
    Scene { store: Arc::new(MemoryStore::with(options)), _root: None }
}

/// The same store from inside a directory, beside which there are others.
fn inside(scene: Scene) -> Scene {
    for directory in ["/a/inside", "/a/insideout"] {
        scene.store.make_directory(&directory.parse().unwrap(), false, true).unwrap();
    }
    scene.store.create_file(&"/a/secret".parse().unwrap(), false).unwrap();
    let store: Arc<dyn Store> = Arc::new(Prefix::new(scene.store, "/a/inside".parse().unwrap()).unwrap());
    Scene { store, ..scene }
}

fn faulty(scene: Scene) -> Scene {
    Scene { store: Arc::new(Faulty::new(scene.store)), ..scene }
}

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
                links: links_inside_are_followed_and_told_as_what_they_are needs Links,
                links: links_that_lead_nowhere_or_out_are_themselves needs Links,
                links: links_that_lead_out_are_not_made needs Links,
                links: a_link_is_moved_only_where_it_does_not_lead_out needs Links,
                links: a_link_is_kept_only_where_it_does_not_lead_out needs Links,
                links: two_paths_to_one_file_have_one_identity needs Links,
                links: a_ring_of_links_ends needs Links,
                resuming: an_interrupted_file_goes_on_where_it_was,
                resuming: what_is_dropped_or_small_leaves_nothing,
                resuming: a_partial_that_has_changed_is_not_gone_on_with,
                resuming: partials_are_removed_one_by_one_and_when_they_are_old,
            );
        })*
    };
}

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

suite! {
    on_a_local_directory: local();
    in_memory: memory();
    in_memory_as_of_objects: objects();
    inside_a_local_directory: inside(local());
    inside_memory: inside(memory());
    around_a_local_directory: faulty(local());
    around_memory: faulty(memory());
}
